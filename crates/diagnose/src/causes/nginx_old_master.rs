use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    cause::{Group, Told, cause},
    masters::{Pair, pair},
    stale::stale,
};
use host::looks::Process;
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// A second master, of an interrupted binary upgrade or a start by hand, still serves an old configuration on the same
    /// port. The kernel gives each connection to the workers of either, so answers are mixed.
    /// # How to tell
    /// Two master processes that hold the same listener; after an upgrade (USR2) the new one is a child of the old one, and
    /// nginx.pid.oldbin is there. Error lines name an address that no file names any more.
    /// # Fix
    /// Stop the stray one with QUIT, after seeing which owns the unit. systemd takes the new one from the PID file.
    /// # Not this if
    /// One master runs with workers that are shutting down: that is a normal reload.
    pub static NGINX_OLD_MASTER = {
        id: "nginx-old-master",
        title: "two nginx masters serve at once",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("nginx.pid.oldbin", 80)],
        effect_of: &[],
        settled_by: ("count the masters", "pgrep -af \"nginx: master\""),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["nginx-old-master"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ListenFailed { errno: 98, .. } => 15,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some(Pair { stray, kept, at }) = pair(case) else {
        return Opinion::none();
    };
    let asks = asks_what_no_file_says(case, stray);
    // a second master that serves the same as the first does no harm
    let does_harm = asks.is_some() || case.neighbours.interleaved;
    let mut evidence = vec![Evidence::supports(
        if does_harm { Rank::Strong } else { Rank::Hint },
        format!(
            "two nginx masters, {} and {}, both take connections to {at}",
            stray.pid, kept.pid
        ),
        Source::command("pgrep -af 'nginx: master'"),
    )];
    evidence.extend(asks);
    if stray.exe_deleted {
        evidence.push(Evidence::supports(
            Rank::Hint,
            format!("the binary of {} was replaced since it was started", stray.pid),
            Source::command(format!("ls -l /proc/{}/exe", stray.pid)),
        ));
    }
    Opinion {
        subject: format!("process {}", stray.pid),
        says: format!(
            "the nginx master {} is older than {} and serves {at} beside it, by an older configuration",
            stray.pid, kept.pid
        ),
        evidence,
    }
}

/// A failure that only the old one can have made.
fn asks_what_no_file_says(case: &Case, stray: &Process) -> Option<Evidence> {
    let stale = stale(case)?;
    let source = match case.symptoms.iter().find(|it| !it.log.as_os_str().is_empty()) {
        Some(symptom) => Source::log(&symptom.log, &stale.subject),
        None => Source::command("nginx -T"),
    };
    let says = format!(
        "an nginx still {}, and {}: process {} read the files before they said so",
        stale.still, stale.file_says, stray.pid
    );
    Some(Evidence::supports(Rank::Decisive, says, source))
}

fn advise(case: &Case) -> String {
    let Some(Pair { stray, kept, .. }) = pair(case) else {
        return String::new();
    };
    format!(
        "kill -QUIT {}, once {} is seen to be the one that should serve (cat /run/nginx.pid; systemctl show nginx -p MainPID)",
        stray.pid, kept.pid
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = pair(case).map(|Pair { stray, kept, .. }| {
        let title = format!(
            "let the old nginx master {} end, and {} serve alone",
            stray.pid, kept.pid
        );
        Remedy::ask(title, vec![Measure::QuitNginx { master: stray.pid }])
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, endpoint, listener, process};

    /// Master 100 with worker 101 is there; another one with worker 121, that holds the same listener.
    fn second(fixture: Fixture, parent: u32, unit: Option<&str>) -> Fixture {
        fixture.with(|it| {
            let mut other = it.world.nginx[0].clone();
            (other.master, other.workers, other.unit) = (Some(120), vec![121], unit.map(str::to_owned));
            it.world.nginx.push(other);
            if let (Ok(processes), Ok(sockets)) = (&mut it.world.processes, &mut it.world.sockets) {
                processes.push(process(100, 1, "nginx.service"));
                processes.push(process(120, parent, "nginx.service"));
                sockets.push(listener(&endpoint("0.0.0.0:80"), &[100, 101, 120, 121]));
            }
        })
    }

    fn mixed() -> Fixture {
        Fixture::gunicorn()
            .moves_to("127.0.0.1:8001")
            .connect_fails(111)
            .disk_says("127.0.0.1:8001")
            .newer("/etc/nginx/sites-enabled/shop", 90)
            .others_succeed()
    }

    #[test]
    fn fires_where_the_old_one_asks_what_no_file_says() {
        second(mixed(), 100, Some("nginx.service")).check("found nginx-old-master <- nginx-config-stale");
    }

    #[test]
    fn one_master_is_a_stale_config() {
        mixed().check("found nginx-config-stale");
    }

    #[test]
    fn two_that_ask_the_same_do_no_harm() {
        second(
            Fixture::gunicorn().refused().unit_is("inactive", "success"),
            100,
            None,
        )
        .check("found backend-stopped");
    }

    #[test]
    fn the_parent_goes_or_the_one_without_a_unit() {
        second(mixed(), 100, Some("nginx.service")).offers(&["ask: quit nginx 100"]);
        second(mixed(), 1, None).offers(&["ask: quit nginx 120"]);
    }
}
