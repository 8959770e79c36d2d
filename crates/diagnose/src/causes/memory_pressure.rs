use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    cause::{Group, Told, cause},
    evidence::quote,
    limits::{self, ControlGroup},
    queue, service,
};
use host::looks::{ProcessState, Unit};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Memory is short: pages are reclaimed or swapped, everything slows, then something is killed.
    /// # How to tell
    /// Pressure (PSI) of memory is high, swap is busy; one process grows. A unit at its MemoryHigh is slowed down alone:
    /// memory.events counts `high`. Recorded, not staged: only the unified hierarchy has that mark.
    /// # Fix
    /// Restart a leaking unit as relief; size workers to the memory.
    /// # Not this if
    /// A kill already happened (oom-kill is its effect).
    pub static MEMORY_PRESSURE = {
        id: "memory-pressure",
        title: "the host runs short of memory",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("page allocation failure", 70), ("swap", 30)],
        effect_of: &["heavy-endpoint", "traffic-crawler", "traffic-flood"],
        settled_by: ("see who grows", "cat /proc/pressure/memory; ps -eo rss,comm --sort=-rss | head"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["hosts/memory-pressure"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 3,
        _ => 0,
    }
}

/// Time lost in waiting for memory over the last ten seconds, percent, from which on a host has too little.
const PRESSED: f64 = 20.0;
/// Used to so many hundredths, a group is at the mark from which on the kernel slows it down.
const AT_MARK: u64 = 95;

fn weigh(case: &Case) -> Opinion {
    if queue::waited(case).is_empty() && service::cut_off(case).is_empty() {
        return Opinion::none();
    }
    let slowed = limits::units(case)
        .into_iter()
        .find_map(|unit| slowed(case, unit));
    slowed.or_else(|| of_host(case)).unwrap_or_default()
}

/// A unit at its `MemoryHigh=`: the kernel makes it give memory back, and lets it sleep while it does.
fn slowed(case: &Case, unit: &Unit) -> Option<Opinion> {
    let group = case.world.limits.group(&unit.name)?;
    let (memory, high) = (group.memory?, group.memory_high?);
    let times = group.slowed.filter(|times| *times > 0)?;
    let at_mark = memory.now.saturating_mul(100) >= high.saturating_mul(AT_MARK);
    at_mark.then(|| {
        let dir = quote(&group.dir.to_string_lossy());
        let used = format!(
            "{} uses {} of the {} from which on it is slowed down",
            unit.name,
            limits::size(memory.now),
            limits::size(high)
        );
        let says = format!("the kernel slowed it down {times} times since its start");
        Opinion {
            subject: unit.name.clone(),
            says: used.clone(),
            evidence: vec![
                Evidence::supports(
                    Rank::Strong,
                    used,
                    Source::command(format!("cat {dir}/memory.current {dir}/memory.high")),
                ),
                Evidence::supports(
                    Rank::Strong,
                    says,
                    Source::command(format!("grep high {dir}/memory.events")),
                ),
            ],
        }
    })
}

/// The host spends its time on finding memory, and processes of the backend or its database wait for it.
fn of_host(case: &Case) -> Option<Opinion> {
    let pressure = case.world.limits.memory?.some;
    let units = limits::units(case).into_iter();
    let waits = units
        .flat_map(|unit| case.world.processes_of(&unit.name))
        .find(|it| it.state == ProcessState::Uninterruptible && is_for_memory(&it.wchan));
    let process = waits.filter(|_| pressure.avg10 >= PRESSED)?;
    let says = format!(
        "some program waited for memory in {:.0} % of the last ten seconds",
        pressure.avg10
    );
    let waits = format!(
        "process {} ({}) waits for a page of memory in {}",
        process.pid, process.comm, process.wchan
    );
    Some(Opinion {
        subject: "host".to_owned(),
        says: "the host is short of memory: programs wait for pages".to_owned(),
        evidence: vec![
            Evidence::supports(Rank::Strong, says, Source::command("cat /proc/pressure/memory")),
            Evidence::supports(
                Rank::Strong,
                waits,
                Source::command("ps -eo stat,pid,wchan:28,rss,args | grep ^D"),
            ),
        ],
    })
}

/// Functions of the kernel in which a task waits until memory was found or read back.
fn is_for_memory(wchan: &str) -> bool {
    [
        "mem_cgroup",
        "reclaim",
        "swap",
        "shrink",
        "folio_wait",
        "wait_on_page",
    ]
    .iter()
    .any(|word| wchan.contains(word))
}

fn victim(case: &Case) -> Option<(&Unit, &ControlGroup)> {
    let subject = weigh(case).subject;
    let unit = limits::units(case)
        .into_iter()
        .find(|unit| unit.name == subject)?;
    Some((unit, case.world.limits.group(&unit.name)?))
}

fn advise(case: &Case) -> String {
    let see = "see who grows: ps -eo rss,pid,unit,args --sort -rss | head; vmstat 1 3 (si, so: swap)";
    match victim(case) {
        Some((unit, _)) => format!(
            "{see}. If that is its proper need, raise MemoryHigh= (systemctl edit {0}); a restart of {0} is relief where it leaks",
            quote(&unit.name)
        ),
        None => format!("{see}. Fewer workers, so that they fit; a restart of what leaks is relief"),
    }
}

/// Twice the mark, where the host has that much.
fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = victim(case).and_then(|(unit, group)| {
        let (high, free) = (group.memory_high?, *case.world.memory_available.as_ref().ok()?);
        let set = service::setting(
            unit,
            "MemoryHigh",
            vec![format!("{}M", (high >> 20).saturating_mul(2))],
        );
        let title = format!(
            "let {} use {} before it is slowed down",
            unit.name,
            limits::size(high.saturating_mul(2))
        );
        (high < free / 2).then(|| Remedy::ask(title, vec![set, service::restart(unit)]))
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        limits::{ControlGroup, Use},
        testing::Fixture,
    };
    use host::looks::{Pressure, ProcessState, Stall};
    use logscan::{Phase, Trouble};

    fn slow() -> Fixture {
        Fixture::php_fpm()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .queue(8, 511)
            .second_look((0, 2), 0)
    }

    fn high(now: u64, slowed: u64) -> Fixture {
        let group = ControlGroup {
            memory: Some(Use {
                now: now << 20,
                most: None,
            }),
            memory_high: Some(60 << 20),
            slowed: Some(slowed),
            ..ControlGroup::default()
        };
        slow().with(|it| drop(it.world.limits.groups.insert("php8.2-fpm.service".into(), group)))
    }

    #[test]
    fn fires_where_a_unit_is_slowed_down() {
        high(60, 900).check("found memory-pressure <- pool-exhausted");
    }

    #[test]
    fn fires_where_workers_wait_for_pages() {
        let some = Stall {
            avg10: 60.0,
            avg60: 40.0,
            avg300: 10.0,
        };
        slow()
            .with(|it| {
                it.world.limits.memory = Some(Pressure {
                    some,
                    full: Stall::default(),
                });
            })
            .last_worker(|worker| {
                (worker.state, worker.wchan) =
                    (ProcessState::Uninterruptible, "folio_wait_bit_common".into());
            })
            .check("found memory-pressure <- pool-exhausted");
    }

    #[test]
    fn stays_quiet_below_the_mark() {
        high(20, 900).check("found pool-exhausted");
        high(60, 0).check("found pool-exhausted");
    }
}
