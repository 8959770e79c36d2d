//! One file a cause. To add one: `cargo xtask new-cause ID` writes the file and its two lines here.

use crate::Cause;

mod backend_stopped;
mod firewall_drop;
mod firewall_reject;
mod header_too_big;
mod inner_hop;
mod private_tmp;
mod socket_dir_permission;
mod socket_permission;

/// Every cause we know, in alphabetical order. The order decides nothing.
///
/// Written out, not made by a macro: rustfmt and editors do not see a `mod` that a macro writes, and the files behind
/// it silently stop being formatted.
pub static ALL: &[&Cause] = &[
    &backend_stopped::BACKEND_STOPPED,
    &firewall_drop::FIREWALL_DROP,
    &firewall_reject::FIREWALL_REJECT,
    &header_too_big::HEADER_TOO_BIG,
    &inner_hop::INNER_HOP,
    &private_tmp::PRIVATE_TMP,
    &socket_dir_permission::SOCKET_DIR_PERMISSION,
    &socket_permission::SOCKET_PERMISSION,
];

/// The cause of that id.
pub fn by_id(id: &str) -> Option<&'static Cause> {
    ALL.iter().copied().find(|cause| cause.id == id)
}

#[cfg(test)]
mod tests;
