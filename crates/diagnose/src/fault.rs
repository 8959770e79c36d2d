//! Faults of programs that the kernel logged: which of them are a backend's, and the library they happened in.

use crate::{Case, Symptom, case::PeerSight, service, topology::BackendKind};
use host::answer::KernelLine;

/// Faults the kernel saw in programs of this kind, in the time of the failures.
pub fn of_backend<'a>(case: &'a Case, peer: &PeerSight, cut: &[&Symptom]) -> Vec<&'a KernelLine> {
    let kernel = case.world.kernel.as_deref().unwrap_or_default();
    let is_fault = |text: &str| {
        text.contains(": segfault at ") || text.contains(" trap ") || text.starts_with("traps: ")
    };
    kernel
        .iter()
        .filter(|line| is_fault(&line.text) && service::among(cut, line.at))
        .filter(|line| program(&line.text).is_some_and(|name| is_ours(case, peer, name)))
        .collect()
}

/// `php-fpm8.2` of `php-fpm8.2[2532]: segfault at …`, `traps: php-fpm8.2[2532] general protection fault …`
fn program(text: &str) -> Option<&str> {
    text.strip_prefix("traps: ")
        .unwrap_or(text)
        .split_once('[')
        .map(|(name, _)| name)
}

fn is_ours(case: &Case, peer: &PeerSight, name: &str) -> bool {
    let kind = peer.backend.as_ref().and_then(|backend| backend.kind);
    let names: &[&str] = match kind {
        Some(BackendKind::PhpFpm) => &["php-fpm"],
        Some(BackendKind::Apache) => &["apache2", "httpd"],
        Some(BackendKind::Gunicorn) => &["gunicorn", "python"],
        Some(BackendKind::Uwsgi) => &["uwsgi"],
        Some(BackendKind::Ruby) => &["ruby", "puma", "unicorn"],
        Some(BackendKind::Node) => &["node"],
        Some(BackendKind::Java) => &["java"],
        _ => &[],
    };
    names.iter().any(|ours| name.starts_with(ours))
        || case.processes_of(peer).any(|process| process.comm == name)
}

/// The library of `… error 6 in imagick.so[7f…+2000]`; the program's own name says nothing.
pub fn module(text: &str) -> Option<&str> {
    let name = text.rsplit_once(" in ")?.1.split('[').next()?;
    (name.contains(".so") && !name.starts_with("libc.")).then_some(name)
}
