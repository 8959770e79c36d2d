use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    cause::{Group, Told, cause},
    evidence::quote,
    service::{self, Down},
    words::clip,
    world::Nginx,
};
use host::looks::{JournalLine, Unit};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// nginx itself does not run, though it could: it was stopped, was never started since boot, or was killed and nothing
    /// started it again. Visitors are refused at the edge; a load balancer or CDN before it makes a 502 of that.
    /// # How to tell
    /// No master process, `nginx -t` passes, and the unit is inactive or failed. systemd writes `Stopping` only when it
    /// was asked to stop the unit; after a signal it names the signal, and the kernel's log names an out-of-memory kill.
    /// # Fix
    /// Ask who stopped it and why, then `nginx -t` and start. After an out-of-memory kill look first at what took the
    /// memory.
    /// # Not this if
    /// nginx refuses to start: its test fails, or its last start ended in `[emerg]` (nginx-will-not-start).
    pub static NGINX_STOPPED = {
        id: "nginx-stopped",
        title: "nginx is stopped",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("Stopped nginx.service", 70), ("Stopped A high performance web server", 70), ("nginx.service: Deactivated successfully", 60)],
        effect_of: &["edge-port-taken"],
        settled_by: ("see whether nginx runs and how its unit ended", "systemctl status nginx --no-pager; journalctl -u nginx -n 20 --no-pager"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["nginx-stopped"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::WorkerDied { .. } => 5,
        _ => 0,
    }
}

/// An nginx that does not run and whose config is not known to keep it from running, and how its unit came to be down.
fn down(case: &Case) -> Option<(&Nginx, &Unit, Down)> {
    let nginx = case.nginx().filter(|nginx| nginx.master.is_none())?;
    let unit = case.world.unit(nginx.unit.as_deref()?)?;
    let way = service::down(case, unit).filter(|way| *way != Down::StartFails)?;
    let loads = nginx.test.as_ref().is_ok_and(|test| test.passed);
    (loads && !refused(case, unit)).then_some((nginx, unit, way))
}

/// Its last start ended in a refusal of its own.
fn refused(case: &Case, unit: &Unit) -> bool {
    let started = |line: &&JournalLine| line.by == "systemd" && line.text.starts_with("Started ");
    let mut since_start = case
        .world
        .journal_of(&unit.name)
        .rev()
        .take_while(|line| !started(line));
    since_start.any(|line| line.text.contains("[emerg]"))
}

fn weigh(case: &Case) -> Opinion {
    let Some((nginx, unit, way)) = down(case) else {
        return Opinion::none();
    };
    let test = nginx
        .test
        .as_ref()
        .map_or("nginx -t", |test| test.command.as_str());
    let (name, state) = (&unit.name, &unit.active_state);
    let mut evidence = vec![
        Evidence::supports(
            Rank::Decisive,
            format!("no nginx runs, {name} is {state}"),
            Source::unit(name),
        ),
        Evidence::supports(Rank::Strong, "its config loads", Source::command(test.to_owned())),
    ];
    evidence.extend(last_line(case, unit).map(|line| {
        Evidence::supports(
            Rank::Strong,
            format!("the journal has at {}: {}", line.at, clip(&line.text)),
            Source::journal(name),
        )
    }));
    let how = match way {
        Down::Ended => format!("{name} ended by {}", service::ending(unit)),
        Down::NeverStarted => format!("{name} is disabled and was not started since boot"),
        Down::Stopped | Down::StoppedOrNeverStarted | Down::StartFails => format!("{name} is stopped"),
    };
    Opinion {
        subject: name.clone(),
        says: format!("{how}, so nobody answers visitors"),
        evidence,
    }
}

/// How its last run ended, in systemd's words.
fn last_line<'a>(case: &'a Case, unit: &'a Unit) -> Option<&'a JournalLine> {
    let ends = |line: &&JournalLine| service::is_exit(line) || line.text.starts_with("Stopp");
    service::systemd_lines(case, unit).rfind(ends)
}

fn advise(case: &Case) -> String {
    let Some((nginx, unit, way)) = down(case) else {
        return String::new();
    };
    let test = nginx
        .test
        .as_ref()
        .map_or("nginx -t", |test| test.command.as_str());
    let name = quote(&unit.name);
    match way {
        Down::NeverStarted | Down::StoppedOrNeverStarted => {
            format!("{test} && systemctl enable --now {name}")
        }
        Down::Stopped => format!("ask who stopped it and why; then: {test} && systemctl start {name}"),
        Down::Ended | Down::StartFails => format!(
            "see what ended it (journalctl -k -u {name} -n 50 --no-pager); then: {test} && systemctl start {name}"
        ),
    }
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let unit = down(case).map(|(_, unit, _)| unit.name.clone());
    let start = unit.map(|unit| Remedy::ask(format!("start {unit}"), vec![Measure::Start { unit }]));
    start.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{advise, weigh};
    use crate::testing::Fixture;

    /// Visitors get no answer; nobody can say who should have made one.
    fn dead(fixture: Fixture) -> Fixture {
        fixture.passed_on(502).with(|it| {
            let symptoms = it.symptoms.iter_mut();
            symptoms.for_each(|symptom| symptom.made_by = crate::case::MadeBy::Unknown);
        })
    }

    fn stopped(fixture: Fixture) -> Fixture {
        fixture
            .nginx_down("inactive")
            .nginx_journal_by_systemd(4000, "Started nginx.service.")
            .nginx_journal_by_systemd(61, "Stopping nginx.service...")
            .nginx_journal_by_systemd(60, "Stopped nginx.service.")
    }

    #[test]
    fn fires_where_nginx_was_stopped() {
        let case = stopped(dead(Fixture::php_fpm())).case();
        assert_eq!(
            weigh(&case).says,
            "nginx.service is stopped, so nobody answers visitors"
        );
        assert!(
            advise(&case).starts_with("ask who stopped it"),
            "{}",
            advise(&case)
        );
        stopped(dead(Fixture::php_fpm())).check("found nginx-stopped");
        stopped(dead(Fixture::apache())).check("found nginx-stopped");
    }

    #[test]
    fn fires_where_nginx_was_killed_and_names_the_signal() {
        let killed = |result: &str| {
            let result = result.to_owned();
            dead(Fixture::gunicorn())
                .nginx_down("failed")
                .nginx_journal_by_systemd(4000, "Started nginx.service.")
                .nginx_journal_by_systemd(
                    60,
                    "nginx.service: Main process exited, code=killed, status=9/KILL",
                )
                .with(|it| {
                    let units = it.world.units.as_mut().expect("units");
                    let nginx = units
                        .iter_mut()
                        .find(|unit| unit.name == "nginx.service")
                        .expect("nginx");
                    nginx.result = result;
                    nginx.properties.insert("ExecMainCode".into(), "2".into());
                    nginx.properties.insert("ExecMainStatus".into(), "9".into());
                })
        };
        let says = |result| weigh(&killed(result).case()).says;
        assert_eq!(
            says("signal"),
            "nginx.service ended by signal 9, so nobody answers visitors"
        );
        assert_eq!(
            says("oom-kill"),
            "nginx.service ended by the kernel's out-of-memory killer, so nobody answers visitors"
        );
        killed("signal").check("found nginx-stopped");
    }

    #[test]
    fn stays_quiet_where_nginx_can_not_start() {
        stopped(dead(Fixture::php_fpm()))
            .nginx_test_fails("unknown directive", "/etc/nginx/nginx.conf", 3)
            .check("found nginx-will-not-start");
        stopped(dead(Fixture::php_fpm()))
            .nginx_journal(
                30,
                "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
            )
            .check("found nginx-will-not-start");
    }

    #[test]
    fn stays_quiet_where_nginx_runs() {
        Fixture::php_fpm()
            .complains(logscan::Trouble::ClosedEarly, logscan::Phase::ReadingHeader)
            .check("unexplained");
    }
}
