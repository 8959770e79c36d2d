use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, Symptom,
    cause::{Group, Told, cause},
    evidence::quote,
    limits,
    oom::{self, OomKill},
    queue, service,
    words::{clip, said},
    world::Said,
};
use host::looks::Unit;
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The kernel killed the backend, its database or its cache because memory ran out: that of the host, or what the
    /// control group of its unit may use. The request in flight is cut (104 or closed early); if nothing starts it
    /// again, 111 follows.
    /// # How to tell
    /// The kernel log says `Out of memory: Killed process` or `Memory cgroup out of memory` in that second, and
    /// `task_memcg` names the unit; memory.events (memory.oom_control of the older hierarchy) counts oom_kill; a worker
    /// ended on signal 9; gunicorn boots a worker without a timeout line before it. On the unified hierarchy systemd ends
    /// the whole unit (OOMPolicy=stop, Result=oom-kill); on the older one only the process dies, and a php-fpm goes on
    /// with a new worker. A container sees the kernel log of its host, or none.
    /// # Fix
    /// Start it once; then make workers times memory fit, or raise the limit as far as free memory allows.
    /// # Not this if
    /// A worker was killed by the backend's own timeout (worker-timeout-kill) or the language's own limit stopped it
    /// (app-memory-limit).
    pub static OOM_KILL = {
        id: "oom-kill",
        title: "the kernel killed a process for want of memory",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("out of memory", 70), ("oom-kill", 95), ("oom_reaper", 95), ("invoked oom-killer", 95), ("perhaps out of memory", 90), ("exited on signal 9", 45), ("sigkill", 45), ("killed process", 85), ("oomkilled", 95), ("code 137", 60), ("code: 137", 60)],
        effect_of: &["memory-pressure"],
        settled_by: ("look for the kernel's line of that second", "journalctl -k | grep -iE \"out of memory|oom\""),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["oom-kill"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ClosedEarly => 12,
        Trouble::Receive(104) => 11,
        Trouble::Connect(111) => 4,
        Trouble::WorkerDied { signal: 9 } => 80,
        _ => 0,
    }
}

/// The kernel's command line for a person.
const KERNEL: &str = "journalctl -k --no-pager | grep -iE 'oom-kill|killed process' | tail -4";

fn weigh(case: &Case) -> Opinion {
    let mut opinions = limits::units(case).into_iter().map(|unit| opinion(case, unit));
    opinions.find(|it| !it.evidence.is_empty()).unwrap_or_default()
}

fn opinion(case: &Case, unit: &Unit) -> Opinion {
    let kills = oom::kills(case, unit);
    let killed: Vec<Said<'_>> = oom::sigkills(case, unit);
    let mut evidence: Vec<Evidence> = kills
        .last()
        .map(|kill| kernel(case, unit, kill))
        .into_iter()
        .collect();
    evidence.extend(systemd(case, unit));
    let known = !evidence.is_empty();
    evidence.extend(counted(case, unit, known || !killed.is_empty()));
    if evidence.is_empty() {
        return innocent(case, unit, &killed);
    }
    evidence.extend(killed.last().map(|line| {
        Evidence::supports(
            if known { Rank::Strong } else { Rank::Hint },
            said(line),
            line.source.clone(),
        )
    }));
    let who = kills.last().map_or("a process", |kill| &kill.program);
    let why = match oom::limit(unit) {
        Some(most) if kills.last().is_none_or(|kill| kill.of_group) => {
            format!("the unit may use {}", limits::size(most))
        }
        _ => "the host had none left".to_owned(),
    };
    Opinion {
        subject: unit.name.clone(),
        says: format!(
            "the kernel killed {who} of {} for want of memory: {why}",
            unit.name
        ),
        evidence,
    }
}

fn kernel(case: &Case, unit: &Unit, kill: &OomKill<'_>) -> Evidence {
    let all: Vec<&Symptom> = case.symptoms.iter().collect();
    let exact = service::at_edge(&all, kill.at)
        || oom::ended(unit).is_some_and(|end| kill.at.distance(end) <= service::SLACK);
    let rank = if exact && kill.unit.is_some() {
        Rank::Decisive
    } else {
        Rank::Strong
    };
    let says = format!("the kernel logged at {}: {}", kill.at, clip(kill.text));
    Evidence::supports(rank, says, Source::command(KERNEL))
}

/// systemd's own word.
fn systemd(case: &Case, unit: &Unit) -> Option<Evidence> {
    let is_told =
        |text: &str| text.contains("killed by the OOM killer") || text.contains("result 'oom-kill'");
    let line = service::systemd_lines(case, unit)
        .rfind(|line| is_told(&line.text) && oom::is_near(case, unit, line.at));
    if let Some(line) = line {
        let says = format!("systemd said at {}: {}", line.at, clip(&line.text));
        return Some(Evidence::supports(
            Rank::Decisive,
            says,
            Source::journal(&unit.name),
        ));
    }
    let failed = unit.result == "oom-kill" && !unit.is_up();
    failed.then(|| {
        let says = format!("systemd says why {} is down: Result=oom-kill", unit.name);
        Evidence::supports(Rank::Decisive, says, Source::unit(&unit.name))
    })
}

/// The control group's own count.
fn counted(case: &Case, unit: &Unit, felt: bool) -> Option<Evidence> {
    let group = case.world.limits.group(&unit.name)?;
    let kills = group.oom_kills.filter(|kills| *kills > 0 && felt)?;
    let most = group.memory.and_then(|memory| memory.most);
    let of = most.map_or(String::new(), |most| {
        format!(" at its limit of {}", limits::size(most))
    });
    let dir = quote(&group.dir.to_string_lossy());
    Some(Evidence::supports(
        Rank::Strong,
        format!(
            "the control group of {} counts {kills} killed for memory{of}",
            unit.name
        ),
        Source::command(format!(
            "grep -H oom_kill {dir}/memory.events {dir}/memory.oom_control"
        )),
    ))
}

/// Somebody sent that signal, and the kernel counts no kill of its own.
fn innocent(case: &Case, unit: &Unit, killed: &[Said<'_>]) -> Opinion {
    let group = case.world.limits.group(&unit.name);
    let none = group.and_then(|group| group.oom_kills) == Some(0);
    let Some(line) = killed.last().filter(|_| none && unit.is_up()) else {
        return Opinion::none();
    };
    let says = format!(
        "the control group of {} counts no kill for memory, though {}",
        unit.name,
        said(line)
    );
    Opinion {
        subject: unit.name.clone(),
        says: String::new(),
        evidence: vec![Evidence::refutes(Rank::Decisive, says, line.source.clone())],
    }
}

/// The unit that stands in the finding.
fn victim(case: &Case) -> Option<&Unit> {
    let subject = weigh(case).subject;
    limits::units(case).into_iter().find(|unit| unit.name == subject)
}

fn advise(case: &Case) -> String {
    let Some(unit) = victim(case) else {
        return String::new();
    };
    let name = quote(&unit.name);
    let workers = case
        .peers
        .iter()
        .find(|peer| case.unit_of(peer).is_some_and(|it| it.name == unit.name));
    let worker = workers.map_or(0, |peer| queue::largest_worker(case, peer));
    let each = if worker > 0 {
        format!(" (a worker uses {} now)", limits::size(worker))
    } else {
        String::new()
    };
    let limit = match oom::limit(unit) {
        Some(most) => format!(
            "more than MemoryMax={} (systemctl edit {name}, as far as free -m allows)",
            limits::size(most)
        ),
        None => "more memory for the host".to_owned(),
    };
    format!(
        "see what took the memory: {KERNEL}; ps -eo rss,pid,unit,args --sort -rss | head. Then either less to do at once, so \
         that workers times their memory fit{each}, or {limit}. A restart helps until the next such request"
    )
}

/// A start where it is down; a wider limit where the unit has one and the host has the memory.
fn remedies(case: &Case) -> Vec<Remedy> {
    let Some(unit) = victim(case) else {
        return Vec::new();
    };
    let needed = case
        .dependencies
        .iter()
        .any(|it| it.unit.as_ref().is_some_and(|it| it.name == unit.name));
    let behind = case.units().into_iter().filter(|it| needed && !it.is_up());
    let all: Vec<&Unit> = std::iter::once(unit)
        .filter(|it| !it.is_up())
        .chain(behind)
        .collect();
    let starts: Option<Vec<Vec<Measure>>> = all.iter().map(|unit| service::start(case, unit)).collect();
    let Some(starts) = starts.map(|it| it.concat()) else {
        return Vec::new();
    };
    let start =
        (!starts.is_empty()).then(|| Remedy::ask(format!("start {}", unit.name), starts.clone()).relief());
    let wider = oom::wider(case, unit).map(|most| {
        let set = service::setting(unit, "MemoryMax", vec![format!("{}M", most >> 20)]);
        let run = if starts.is_empty() {
            vec![service::restart(unit)]
        } else {
            starts
        };
        let title = format!("let {} use {} of memory", unit.name, limits::size(most));
        Remedy::ask(title, std::iter::once(set).chain(run).collect())
    });
    start.into_iter().chain(wider).collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        limits::ControlGroup,
        testing::{Fixture, refuses},
    };
    use logscan::{Phase, Trouble};

    const KILL: &str =
        "Memory cgroup out of memory: Killed process 2687 (php-fpm8.2) total-vm:395452kB, anon-rss:96716kB";

    fn reset() -> Fixture {
        Fixture::php_fpm().complains(Trouble::Receive(104), Phase::ReadingHeader)
    }

    /// The two lines of a kernel since 5.1.
    fn oom(fixture: Fixture, ago: u64, unit: &str) -> Fixture {
        let line = format!(
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice/{unit},task_memcg=/system.slice/{unit},task=php-fpm8.2,pid=2687,uid=33"
        );
        fixture.kernel(ago, &line).kernel(ago, KILL)
    }

    fn counts(fixture: Fixture, kills: u64) -> Fixture {
        let group = ControlGroup {
            oom_kills: Some(kills),
            ..ControlGroup::default()
        };
        fixture.with(|it| drop(it.world.limits.groups.insert("php8.2-fpm.service".into(), group)))
    }

    #[test]
    fn fires_where_the_kernel_killed_a_worker() {
        oom(reset(), 1, "php8.2-fpm.service").check("found oom-kill");
        oom(reset(), 30, "php8.2-fpm.service").check("found oom-kill");
        counts(reset(), 2)
            .logs(
                1,
                "WARNING: [pool www] child 1037 exited on signal 9 (SIGKILL) after 0.12 seconds from start",
            )
            .check("found oom-kill");
    }

    #[test]
    fn fires_where_the_unit_or_its_database_is_down_for_it() {
        Fixture::php_fpm()
            .refused()
            .unit_is("failed", "oom-kill")
            .ran(3600, 61, "killed", 9)
            .check("found oom-kill <- backend-died");
        let text =
            "PHP message: PHP Fatal error:  Uncaught mysqli_sql_exception: Connection refused in /w/db.php:1";
        let down = Fixture::php_fpm()
            .php_says(text)
            .needs("mysql 127.0.0.1:3306", "failed", refuses(111));
        oom(down, 30, "mysql.service").check("found oom-kill <- db-down");
    }

    #[test]
    fn stays_quiet_about_another_unit_time_machine_and_container() {
        oom(reset(), 1, "report.service").check("unexplained");
        oom(reset(), 4000, "php8.2-fpm.service").check("unexplained");
        counts(oom(reset(), 1, "php8.2-fpm.service"), 0).check("unexplained");
        counts(reset(), 3).check("unexplained");
        let line = "oom-kill:oom_memcg=/lxc/b,task_memcg=/lxc/b/system.slice/php8.2-fpm.service,task=php-fpm8.2,pid=2687";
        let container = || reset().kernel(1, line).kernel(1, KILL);
        container().check("unexplained");
        counts(container(), 1).check("found oom-kill");
        reset()
            .logs(
                1,
                "WARNING: [pool www] child 1037 exited on signal 9 (SIGKILL) after 0.12 seconds from start",
            )
            .check("unexplained");
    }
}
