use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source, Symptom,
    cause::{Group, Told, cause},
    evidence::quote,
    limits::{self, ControlGroup, Use},
    service,
    words::{clip, said},
};
use host::looks::Unit;
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// fork() fails: TasksMax, pids.max or nproc is reached. The backend can't add workers; requests wait (504) or
    /// fail.
    /// # How to tell
    /// `fork() failed: Resource temporarily unavailable (11)` in the backend's log; pids.events counts.
    /// # Fix
    /// Raise the limit that binds, after seeing what uses the processes.
    /// # Not this if
    /// Workers could start and all are busy (pool-exhausted).
    pub static PROCESS_LIMIT = {
        id: "process-limit",
        title: "the backend may not start another process",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("fork() failed", 90), ("cannot fork", 90), ("fork: resource temporarily unavailable", 85), ("unable to create new native thread", 90), ("can't start new thread", 85), ("retry: resource temporarily unavailable", 70)],
        effect_of: &[],
        settled_by: ("compare tasks with the limit", "systemctl show -p TasksCurrent,TasksMax UNIT"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["process-limit"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 1,
        _ => 0,
    }
}

/// What programs say where they may not start another (lower case).
const WORDS: &[&str] = &[
    "fork() failed",
    "cannot fork",
    "fork: retry",
    "fork failed",
    "unable to create new native thread",
    "unable to create native thread",
    "can't start new thread",
    "failed to create a thread: retval",
    "couldn't create thread",
];

/// What a service is given at least: systemd's own default is 15 % of what the kernel can do.
const USUAL: u64 = 4096;

fn weigh(case: &Case) -> Opinion {
    let mut opinions = limits::units(case).into_iter().map(|unit| opinion(case, unit));
    opinions.find(|it| !it.evidence.is_empty()).unwrap_or_default()
}

fn opinion(case: &Case, unit: &Unit) -> Opinion {
    let group = case.world.limits.group(&unit.name);
    let word = word(case, unit);
    let reached = group.and_then(|group| group.tasks).filter(Use::is_reached);
    let refused = group.and_then(|group| group.forks_refused).unwrap_or_default();
    // a full group harms nobody who does not want another process
    if word.is_none() && !(reached.is_some() && refused > 0) {
        return Opinion::none();
    }
    let mut evidence: Vec<Evidence> = word.into_iter().collect();
    evidence.extend(reached.zip(group).map(|(tasks, group)| full(unit, tasks, group)));
    evidence.extend(kernel(case, unit));
    if let Some((group, tasks)) = group
        .and_then(|group| Some((group, group.tasks?)))
        .filter(|_| reached.is_none() && refused == 0)
    {
        evidence.push(roomy(unit, tasks, group, case.works_now() == Some(false)));
    }
    let limit = reached.and_then(|tasks| tasks.most);
    let limit = limit.map_or(String::new(), |most| format!(": its unit may have {most} tasks"));
    Opinion {
        subject: unit.name.clone(),
        says: format!("{} may not start another process or thread{limit}", unit.name),
        evidence,
    }
}

/// Its own word, in the time of the failures.
fn word(case: &Case, unit: &Unit) -> Option<Evidence> {
    let symptoms: Vec<&Symptom> = case.symptoms.iter().collect();
    let is_word = |text: &str| {
        let text = text.to_lowercase();
        WORDS.iter().any(|word| text.contains(word))
    };
    let lines = case.world.said_by(&unit.name);
    let near = |at| service::among(&symptoms, at);
    let line = lines
        .iter()
        .rfind(|line| is_word(line.text) && line.at.is_some_and(near))?;
    Some(Evidence::supports(Rank::Strong, said(line), line.source.clone()))
}

fn full(unit: &Unit, tasks: Use, group: &ControlGroup) -> Evidence {
    let most = tasks.most.unwrap_or_default();
    let refused = group.forks_refused.map_or(String::new(), |times| {
        format!(", and another was refused {times} times")
    });
    let says = format!("{} has {} of {most} tasks{refused}", unit.name, tasks.now);
    Evidence::supports(Rank::Strong, says, source(unit))
}

/// Something else refused it: `nproc` of its user, the kernel's own limit, or that is over.
fn roomy(unit: &Unit, tasks: Use, group: &ControlGroup, fails: bool) -> Evidence {
    let most = tasks
        .most
        .map_or("any number of".to_owned(), |most| most.to_string());
    let says = format!(
        "{} has {} of {most} tasks, and its group refused none",
        unit.name, tasks.now
    );
    let rank = if fails && group.oom_kills == Some(0) {
        Rank::Strong
    } else {
        Rank::Hint
    };
    Evidence::refutes(rank, says, source(unit))
}

fn source(unit: &Unit) -> Source {
    Source::command(format!(
        "systemctl show -p TasksCurrent,TasksMax {}",
        quote(&unit.name)
    ))
}

/// The older hierarchy says so in the kernel log, once for each group.
fn kernel(case: &Case, unit: &Unit) -> Option<Evidence> {
    let mut lines = case.world.kernel.as_deref().unwrap_or_default().iter();
    let of_unit =
        |text: &str| text.contains("fork rejected by pids controller") && text.ends_with(&unit.name);
    let line = lines.rfind(|line| of_unit(&line.text))?;
    let says = format!("the kernel logged at {}: {}", line.at, clip(&line.text));
    Some(Evidence::supports(
        Rank::Hint,
        says,
        Source::command("journalctl -k | grep 'fork rejected'"),
    ))
}

fn victim(case: &Case) -> Option<&Unit> {
    let subject = weigh(case).subject;
    limits::units(case).into_iter().find(|unit| unit.name == subject)
}

fn advise(case: &Case) -> String {
    let Some(unit) = victim(case) else {
        return String::new();
    };
    let name = quote(&unit.name);
    format!(
        "see what its tasks are: systemd-cgls -u {name}; ps -eLo pid,nlwp,user,unit,args --sort -nlwp | head. If they are its workers \
         and threads, give it more: TasksMax={USUAL} (systemctl edit {name}), then systemctl restart {name}. A limit of its user \
         stands in /proc/PID/limits (Max processes): LimitNPROC of the unit"
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = victim(case).and_then(|unit| {
        let tasks = case.world.limits.group(&unit.name)?.tasks?;
        let most = tasks.most.filter(|most| *most < USUAL)?;
        let set = service::setting(unit, "TasksMax", vec![USUAL.to_string()]);
        let title = format!("let {} have {USUAL} tasks instead of {most}", unit.name);
        Some(Remedy::ask(title, vec![set, service::restart(unit)]))
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        limits::{ControlGroup, Use},
        testing::Fixture,
    };
    use logscan::{Phase, Trouble};

    const FORK: &str = "[22-Nov-2026 12:53:11] ERROR: fork() failed: Resource temporarily unavailable (11)";

    fn tasks(now: u64, most: u64, refused: u64) -> Fixture {
        let tasks = Some(Use {
            now,
            most: Some(most),
        });
        let group = ControlGroup {
            tasks,
            forks_refused: Some(refused),
            oom_kills: Some(0),
            ..ControlGroup::default()
        };
        Fixture::php_fpm()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .queue(8, 511)
            .second_look((0, 2), 0)
            .with(|it| drop(it.world.limits.groups.insert("php8.2-fpm.service".into(), group)))
    }

    #[test]
    fn fires_where_its_group_is_full() {
        tasks(4, 4, 5)
            .logs(30, FORK)
            .check("found process-limit <- pool-exhausted");
        tasks(4, 4, 5).check("found process-limit <- pool-exhausted");
    }

    #[test]
    fn fires_on_a_thread_that_could_not_start() {
        Fixture::gunicorn()
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .says(30, "RuntimeError: can't start new thread")
            .check("found process-limit");
    }

    #[test]
    fn stays_quiet_where_none_was_refused() {
        tasks(4, 4, 0).check("found pool-exhausted");
        tasks(4, 400, 0).check("found pool-exhausted");
        tasks(4, 400, 0).logs(4000, FORK).check("found pool-exhausted");
    }
}
