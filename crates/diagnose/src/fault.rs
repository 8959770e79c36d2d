//! Ends of programs that the kernel logged: faults, with the library they happened in, and kills for want of memory.

use crate::{Case, Symptom, case::PeerSight, service, topology::BackendKind};
use host::{Timestamp, answer::KernelLine};

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

/// Processes killed for want of memory, as the kernel logged it, in the time of the failures or at the end of a unit.
pub fn oom_kills(case: &Case) -> Vec<OomKill<'_>> {
    let kernel = case.world.kernel.as_deref().unwrap_or_default();
    let group_of = |pid: &str| {
        let line = kernel
            .iter()
            .rfind(|line| line.text.starts_with("oom-kill:") && field(&line.text, "pid=") == Some(pid))?;
        let group = field(&line.text, "task_memcg=")?;
        let unit = |part: &&str| part.ends_with(".service") || part.ends_with(".scope");
        group.rsplit('/').find(unit)
    };
    let kill = |line: &'_ KernelLine| -> Option<(Timestamp, u32, String)> {
        let (_, rest) = line.text.split_once("Killed process ")?;
        let (pid, rest) = rest.split_once(" (")?;
        Some((
            line.at,
            pid.trim_end_matches(',').parse().ok()?,
            rest.split(')').next()?.to_owned(),
        ))
    };
    let kills = kernel.iter().filter_map(|line| {
        let (at, pid, program) = kill(line)?;
        Some(OomKill {
            at,
            pid,
            program,
            unit: group_of(&pid.to_string()),
            of_group: line.text.starts_with("Memory cgroup"),
            text: &line.text,
        })
    });
    kills.collect()
}

/// A process that the kernel killed for want of memory.
#[derive(Clone, Debug)]
pub struct OomKill<'a> {
    /// When.
    pub at: Timestamp,
    /// Its id in the kernel's own count, which is not that of a container.
    pub pid: u32,
    /// Its short name.
    pub program: String,
    /// The unit of its control group; kernels before 5.1 do not say.
    pub unit: Option<&'a str>,
    /// A limit was reached, not the end of all memory.
    pub of_group: bool,
    /// The line.
    pub text: &'a str,
}

/// The value of `key=value,` in a line of the kernel.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!(",{key}"))?;
    rest.split(',').next()
}
