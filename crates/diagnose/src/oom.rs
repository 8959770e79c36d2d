//! Kills for want of memory, as the kernel logged them, and which of them were of a unit. Facts only.

use crate::{Case, Symptom, backend_log, service, world::Said};
use host::{Timestamp, answer::KernelLine, looks::Unit};

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

/// Kills in this unit in the time of the failures, or at its own end.
pub fn kills<'a>(case: &'a Case, unit: &Unit) -> Vec<OomKill<'a>> {
    // the kernel log of a container is that of its machine, and a neighbour may have a unit of the same name
    let counts_none = case.world.limits.group(&unit.name).and_then(|it| it.oom_kills) == Some(0);
    let ours = |kill: &OomKill<'_>| match kill.unit {
        Some(name) => name == unit.name,
        None => {
            case.world
                .processes_of(&unit.name)
                .any(|it| it.comm == kill.program)
                || runs(unit, &kill.program)
        }
    };
    let since = |at: Timestamp| unit.active_since.is_none_or(|since| since <= at);
    let others = tells_of_containers(case);
    let mut kills = oom_kills(case);
    kills.retain(|kill| ours(kill) && is_near(case, unit, kill.at) && !(counts_none && since(kill.at)));
    kills.retain(|kill| !others || was_felt(case, unit, kill.at));
    kills
}

/// The kernel's groups begin above the units: this log is of a machine with several containers, and we are in one. systemd
/// calls its own groups `/system.slice/NAME` everywhere.
fn tells_of_containers(case: &Case) -> bool {
    let kernel = case.world.kernel.as_deref().unwrap_or_default();
    let mut groups = kernel
        .iter()
        .filter(|line| line.text.starts_with("oom-kill:"))
        .filter_map(|line| field(&line.text, "task_memcg="));
    groups.any(|group| group.find("/system.slice/").is_some_and(|at| at > 0))
}

/// The unit lost a process then: its group counts kills, one of its processes ended on signal 9, or it ended or began anew.
fn was_felt(case: &Case, unit: &Unit, at: Timestamp) -> bool {
    let counted = case.world.limits.group(&unit.name).and_then(|it| it.oom_kills);
    let near = |other: Timestamp| other.distance(at) <= service::SLACK;
    counted.is_some_and(|kills| kills > 0)
        || ended(unit).is_some_and(near)
        || unit.active_since.is_some_and(near)
        || sigkills(case, unit).iter().any(|line| line.at.is_some_and(near))
        || service::systemd_lines(case, unit).any(|line| service::is_exit(line) && near(line.at))
}

fn runs(unit: &Unit, program: &str) -> bool {
    let exe = unit.exec_start.split(' ').next().unwrap_or_default();
    exe.rsplit('/')
        .next()
        .is_some_and(|name| !name.is_empty() && name.starts_with(program))
}

/// At that time requests failed, or the unit ended; and it is not down for another reason since.
pub fn is_near(case: &Case, unit: &Unit, at: Timestamp) -> bool {
    let all: Vec<&Symptom> = case.symptoms.iter().collect();
    let ends = ended(unit).is_some_and(|end| at.distance(end) <= service::SLACK);
    (service::among(&all, at) || ends) && !came_back(unit, at)
}

/// A unit that is down now ran once more after that, and ended of something else.
fn came_back(unit: &Unit, at: Timestamp) -> bool {
    let last = service::last_run(unit).filter(|_| !unit.is_up());
    last.is_some_and(|(began, _)| began > at)
}

/// When a unit that is down ended.
pub fn ended(unit: &Unit) -> Option<Timestamp> {
    let (began, time) = service::last_run(unit).filter(|_| !unit.is_up())?;
    Some(began.after(time))
}

/// Its processes that ended on signal 9 in the time of the failures.
pub fn sigkills<'a>(case: &'a Case, unit: &'a Unit) -> Vec<Said<'a>> {
    let mut lines = case.world.said_by(&unit.name);
    lines.retain(|line| {
        backend_log::signal(line.text) == Some(9) && line.at.is_some_and(|at| is_near(case, unit, at))
    });
    lines
}

/// `MemoryMax=` of the unit, where there is one.
pub fn limit(unit: &Unit) -> Option<u64> {
    unit.property("MemoryMax")
        .parse()
        .ok()
        .filter(|most| *most < u64::MAX)
}

/// Twice the limit, within half of what is free.
pub fn wider(case: &Case, unit: &Unit) -> Option<u64> {
    let (most, free) = (limit(unit)?, *case.world.memory_available.as_ref().ok()?);
    let wanted = most.saturating_mul(2);
    (wanted - most < free / 2).then_some(wanted)
}
