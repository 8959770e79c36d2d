use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, Symptom,
    case::PeerSight,
    cause::{Group, Told, cause},
    evidence::quote,
    own_limits, service,
    words::{nginx_said, said},
    world::Said,
};
use host::looks::Process;
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// nginx or the backend reached its limit of open files. nginx answers 500 or drops connections; a backend fails
    /// requests, or stops accepting them.
    /// # How to tell
    /// `(24: Too many open files)`; /proc/PID/limits of the running worker shows the limit in force: an edited
    /// LimitNOFILE needs a restart, a reload keeps the old one. nginx's worker_rlimit_nofile is taken by new workers, so
    /// there a reload is enough.
    /// # Fix
    /// worker_rlimit_nofile, or LimitNOFILE and a restart. Rule out a proxy loop and a leak first.
    /// # Not this if
    /// The count is far from the limit.
    pub static FD_LIMIT = {
        id: "fd-limit",
        title: "a process has no file descriptor left",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("too many open files", 95), ("emfile", 90), ("enfile", 80)],
        effect_of: &["proxy-loop"],
        settled_by: ("compare open files with the limit of the running process", "grep \"open files\" /proc/$(pgrep -o nginx)/limits"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["fd-limit"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TooManyFiles | Trouble::Connect(24) => 95,
        _ => 0,
    }
}

/// What a server under load is given at least, and twice the limit it has.
const USUAL: u64 = 65536;
/// A process that has so few files left below its limit is at it, one in so many.
const NEAR: u64 = 10;

fn weigh(case: &Case) -> Opinion {
    of_nginx(case)
        .or_else(|| of_backend(case).map(|(_, opinion)| opinion))
        .unwrap_or_default()
}

fn complaint(case: &Case) -> Option<&Symptom> {
    case.having(|trouble| matches!(trouble, Trouble::TooManyFiles | Trouble::Connect(24)))
        .max_by_key(|symptom| symptom.last)
}

fn of_nginx(case: &Case) -> Option<Opinion> {
    let symptom = complaint(case)?;
    let says = nginx_said(symptom);
    let source = Source::log(&symptom.log, "Too many open files");
    let mut evidence = vec![Evidence::supports(Rank::Decisive, says, source)];
    let workers = own_limits::workers(case);
    let limit = own_limits::open_files(&workers);
    if let Some((open, most)) = limit {
        let says = format!("the busiest of its workers has {open} files open and may have {most}");
        evidence.push(Evidence::supports(
            Rank::Strong,
            says,
            own_limits::files_source(&workers),
        ));
    }
    evidence.extend(own_limits::is_loop(case));
    let most = limit.map_or(String::new(), |(_, most)| format!(": each may have {most}"));
    Some(Opinion {
        subject: "nginx".to_owned(),
        says: format!("workers of nginx have no file descriptor left{most}"),
        evidence,
    })
}

/// A process of the backend at its limit, or its own word.
fn of_backend(case: &Case) -> Option<(&PeerSight, Opinion)> {
    case.peers.iter().find_map(|peer| {
        let processes: Vec<&Process> = case.processes_of(peer).collect();
        let full: Vec<&Process> = processes.into_iter().filter(|it| is_full(it)).collect();
        let symptoms: Vec<&Symptom> = case.symptoms.iter().collect();
        let said_so =
            |line: &Said<'_>| is_word(line.text) && line.at.is_some_and(|at| service::among(&symptoms, at));
        let lines = service::said(case, peer);
        let word = lines.iter().rfind(|line| said_so(line));
        let mut evidence: Vec<Evidence> = word
            .map(|line| Evidence::supports(Rank::Strong, said(line), line.source.clone()))
            .into_iter()
            .collect();
        if let Some((open, most)) = own_limits::open_files(&full) {
            let says = format!(
                "process {} has {open} of {most} files open",
                crate::words::pids(&full)
            );
            evidence.push(Evidence::supports(
                Rank::Strong,
                says,
                own_limits::files_source(&full),
            ));
        }
        let subject = service::subject(peer);
        let says = format!("{subject} has no file descriptor left");
        (!evidence.is_empty()).then_some((
            peer,
            Opinion {
                subject,
                evidence,
                says,
            },
        ))
    })
}

fn is_word(text: &str) -> bool {
    ["Too many open files", "EMFILE", "ENFILE"]
        .iter()
        .any(|word| text.contains(word))
}

fn is_full(process: &Process) -> bool {
    let both = process.open_files.zip(process.max_open_files);
    both.is_some_and(|(open, most)| u64::from(open) + (most / NEAR).min(4) >= most)
}

fn advise(case: &Case) -> String {
    if complaint(case).is_some() {
        return "see what they hold: ls -l /proc/PID/fd of a worker; if that is connections, worker_rlimit_nofile 65536 in the main \
                context of nginx.conf, nginx -t, reload"
            .to_owned();
    }
    let unit = of_backend(case)
        .and_then(|(peer, _)| case.unit_of(peer))
        .map(|unit| quote(&unit.name));
    format!(
        "see what it holds before it is restarted: lsof -p PID | awk '{{ print $5, $9 }}' | sort | uniq -c | sort -rn | head. A number \
         that only grows is a leak; else LimitNOFILE=65536 (systemctl edit {0}), then systemctl restart {0}",
        unit.unwrap_or_else(|| "its unit".to_owned())
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = match complaint(case) {
        Some(_) => more_for_nginx(case),
        None => more_for_backend(case),
    };
    remedy.into_iter().collect()
}

fn more_for_nginx(case: &Case) -> Option<Remedy> {
    let index = case.route.as_ref().map_or(0, |route| route.nginx);
    let (_, most) = own_limits::open_files(&own_limits::workers(case))?;
    let set = Measure::NginxSet {
        beside: case.nginx()?.main.clone()?,
        name: "worker_rlimit_nofile".to_owned(),
        value: USUAL.to_string(),
    };
    let title = format!("let each worker of nginx open {USUAL} files instead of {most}");
    (most < USUAL).then(|| Remedy::ask(title, vec![set, Measure::ReloadNginx { nginx: index }]))
}

fn more_for_backend(case: &Case) -> Option<Remedy> {
    let (peer, opinion) = of_backend(case)?;
    let unit = case.unit_of(peer)?;
    let processes: Vec<&Process> = case.processes_of(peer).collect();
    let (_, most) = own_limits::open_files(&processes)?;
    let set = service::setting(unit, "LimitNOFILE", vec![USUAL.to_string()]);
    let title = format!("let {} open {USUAL} files instead of {most}", opinion.subject);
    (most < USUAL).then(|| Remedy::ask(title, vec![set, service::restart(unit)]).relief())
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use logscan::{Phase, Trouble};

    fn backend(open: u32, most: u64) -> Fixture {
        Fixture::node()
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .with(|it| {
                let processes = it.world.processes.as_mut().expect("processes");
                (processes[0].open_files, processes[0].max_open_files) = (Some(open), Some(most));
            })
    }

    #[test]
    fn fires_by_nginxs_own_word() {
        for fixture in [Fixture::gunicorn(), Fixture::php_fpm()] {
            fixture
                .complains(Trouble::TooManyFiles, Phase::Connecting)
                .check("found fd-limit");
        }
    }

    #[test]
    fn fires_where_the_backend_is_at_its_limit() {
        backend(64, 64)
            .says(
                1,
                "Error: EMFILE: too many open files, open '/srv/app/front.html'",
            )
            .check("found fd-limit");
        backend(1024, 1024).check("found fd-limit");
    }

    #[test]
    fn stays_quiet_far_from_the_limit() {
        backend(30, 1024).check("unexplained");
        backend(30, 1024)
            .says(4000, "Error: EMFILE: too many open files")
            .check("unexplained");
    }
}
