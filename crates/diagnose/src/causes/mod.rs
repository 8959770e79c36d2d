//! One file a cause. To add one: `cargo xtask new-cause ID` writes the file and its two lines here.

use crate::Cause;

mod backend_stopped;

/// Every cause we know, in the order of the manual. The order decides nothing else.
///
/// Written out, not made by a macro: rustfmt and editors do not see a `mod` that a macro writes, and the files behind
/// it silently stop being formatted.
pub static ALL: &[&Cause] = &[&backend_stopped::BACKEND_STOPPED];

/// The cause of that id.
pub fn by_id(id: &str) -> Option<&'static Cause> {
    ALL.iter().copied().find(|cause| cause.id == id)
}

#[cfg(test)]
mod tests;
