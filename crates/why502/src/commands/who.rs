//! Who has this host changed: the journal and the lock name them.

use host::{Host, Looks};
use remedy::Author;

/// Whoever runs the program, and who called sudo.
pub fn author(host: &dyn Host) -> Author {
    let uid = rustix::process::getuid().as_raw();
    let name = host
        .accounts()
        .map_or_else(|_| uid.to_string(), |accounts| accounts.user_name(uid));
    Author {
        uid,
        name,
        sudo: sudo_user(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "sudo tells by a variable whom it was called by"
)]
fn sudo_user() -> Option<String> {
    std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty())
}
