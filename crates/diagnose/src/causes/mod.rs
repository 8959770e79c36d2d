//! One file a cause. To add one: `cargo xtask new-cause ID` writes the file and its two lines here.

use crate::Cause;

mod backend_bad_config;
mod backend_crash_on_start;
mod backend_died;
mod backend_not_enabled;
mod backend_stopped;
mod firewall_drop;
mod firewall_reject;
mod header_too_big;
mod inner_hop;
mod private_tmp;
mod socket_dir_permission;
mod socket_permission;
mod words;

/// Every cause we know, in alphabetical order. The order decides nothing.
///
/// Written out, not made by a macro: rustfmt and editors do not see a `mod` that a macro writes, and the files behind
/// it silently stop being formatted.
pub static ALL: &[&Cause] = &[
    &backend_bad_config::BACKEND_BAD_CONFIG,
    &backend_crash_on_start::BACKEND_CRASH_ON_START,
    &backend_died::BACKEND_DIED,
    &backend_not_enabled::BACKEND_NOT_ENABLED,
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
