use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    evidence::quote,
    service::{self, Down},
    words::clip,
};
use host::looks::{JournalLine, Unit};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// The backend's service is stopped: nothing listens on the address nginx asks. A unix socket is removed with the
    /// service (errno 2), a TCP port refuses (errno 111).
    /// # How to tell
    /// The unit that is configured to listen on exactly that address is inactive, no process of it runs, nothing else
    /// listens there. The journal says `Stopping`, which systemd writes only when it was asked to stop the unit; a
    /// masked unit can't be started at all until it is unmasked.
    /// # Fix
    /// Start the unit, after its own config test. If an operator stopped or masked it, ask why first.
    /// # Not this if
    /// The unit ended by itself (backend-died), fails at start (backend-crash-on-start, backend-bad-config), is
    /// disabled and was never started since boot (backend-not-enabled), or listens on another address
    /// (wrong-upstream-port, php-socket-version).
    pub static BACKEND_STOPPED = {
        id: "backend-stopped",
        title: "the backend's service is stopped",
        group: Group::Process,
        class: Class::Auto,
        share_of: share_of,
        phrases: &[("is masked", 70), ("Deactivated successfully", 30), ("Active: inactive (dead)", 60)],
        effect_of: &[],
        settled_by: ("see whether the backend's service runs", "systemctl --type=service --state=inactive,failed"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["backend-stopped"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::Connect(errno::ECONNREFUSED) if complaint.unix().is_none() => 15,
        Trouble::Connect(errno::ENOENT) => 15,
        Trouble::Connect(_) | Trouble::TimedOut if complaint.phase == Some(Phase::Connecting) => 1,
        _ if complaint.is_bare() => 8,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, unit)) = service::unserved_by(case, Down::Stopped) else {
        return in_doubt(case).unwrap_or_default();
    };
    let mut evidence = vec![Evidence::supports(
        Rank::Decisive,
        format!(
            "{} is {}, and nothing listens on {}",
            unit.name,
            state(unit),
            peer.endpoint
        ),
        Source::unit(&unit.name),
    )];
    evidence.extend(stop_line(case, unit).map(|line| {
        Evidence::supports(
            Rank::Strong,
            format!("the journal has at {}: {}", line.at, clip(&line.text)),
            Source::journal(&unit.name),
        )
    }));
    evidence.extend(claim(peer, unit));
    Opinion {
        subject: unit.name.clone(),
        says: format!(
            "{} is stopped, so nothing answers on {}",
            unit.name, peer.endpoint
        ),
        evidence,
    }
}

/// Who stopped it may as well have been the shutdown before the boot (backend-not-enabled).
fn in_doubt(case: &Case) -> Option<Opinion> {
    let (peer, unit) = service::unserved_by(case, Down::StoppedOrNeverStarted)?;
    let line = stop_line(case, unit)?;
    let says = format!(
        "the journal has at {}: {}; when the host booted can't be seen",
        line.at,
        clip(&line.text)
    );
    Some(Opinion {
        subject: unit.name.clone(),
        says: format!(
            "{} is stopped, so nothing answers on {}",
            unit.name, peer.endpoint
        ),
        evidence: vec![Evidence::supports(
            Rank::Strong,
            says,
            Source::journal(&unit.name),
        )],
    })
}

/// A peer whose unit is stopped, for certain or perhaps.
fn stopped(case: &Case) -> Option<(&PeerSight, &Unit)> {
    service::unserved_by(case, Down::Stopped)
        .or_else(|| service::unserved_by(case, Down::StoppedOrNeverStarted))
}

fn state(unit: &Unit) -> String {
    if unit.load_state == "masked" {
        return format!("masked and {}", unit.active_state);
    }
    unit.active_state.clone()
}

fn stop_line<'a>(case: &'a Case, unit: &'a Unit) -> Option<&'a JournalLine> {
    service::systemd_lines(case, unit).rfind(|line| line.text.starts_with("Stopp"))
}

/// Where it is written that this unit listens on that address.
fn claim(peer: &PeerSight, unit: &Unit) -> Option<Evidence> {
    let claim = peer.backend.as_ref()?.claim.as_ref()?;
    Some(Evidence::supports(
        Rank::Hint,
        format!("{} is configured to listen on {}", unit.name, claim.address),
        Source::file(&claim.written.file, Some(claim.written.line)),
    ))
}

fn advise(case: &Case) -> String {
    let Some((peer, unit)) = stopped(case) else {
        return String::new();
    };
    let start = service::start_command(case, peer, unit);
    if unit.load_state == "masked" {
        let name = quote(&unit.name);
        return format!("ask who masked it and why; then: systemctl unmask {name} && {start}");
    }
    match stop_line(case, unit) {
        Some(_) => format!("ask who stopped it and why; then: {start}"),
        None => start,
    }
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let Some((_, unit)) = stopped(case) else {
        return Vec::new();
    };
    let on_purpose =
        unit.load_state == "masked" || case.world.journal.is_err() || stop_line(case, unit).is_some();
    let start = service::start(case, unit).map(|measures| {
        Remedy::ask(format!("start {}", unit.name), measures)
            .unattended_if(unit.file_state == "enabled" && !on_purpose)
    });
    start.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, NOW};
    use std::time::Duration;

    fn stopped(fixture: Fixture) -> Fixture {
        fixture.unit_is("inactive", "success").life(&[
            (62, "Stopping"),
            (61, "Deactivated successfully."),
            (61, "Stopped"),
        ])
    }

    #[test]
    fn fires_where_the_unit_was_stopped() {
        stopped(Fixture::php_fpm().nobody_listens().connect_fails(2)).check("found backend-stopped");
        stopped(Fixture::apache().refused()).check("found backend-stopped");
        stopped(Fixture::gunicorn().refused()).check("found backend-stopped");
    }

    /// Hosts boot in less than a second, and a boot is known to the second.
    #[test]
    fn fires_where_it_was_stopped_in_the_second_of_the_boot() {
        let booted =
            |stopped: Fixture| stopped.with(|it| it.world.boot = Ok(NOW.before(Duration::from_secs(61))));
        let life = [
            (61, "Started"),
            (61, "Stopping"),
            (61, "Deactivated successfully."),
            (61, "Stopped"),
        ];
        let node = || {
            booted(
                Fixture::node()
                    .refused()
                    .unit_is("inactive", "success")
                    .life(&life),
            )
        };
        node().check("found backend-stopped");
        node()
            .unit(|unit| unit.active_until = None)
            .check("found backend-stopped");
    }

    #[test]
    fn fires_where_the_unit_is_masked() {
        Fixture::php_fpm()
            .nobody_listens()
            .connect_fails(2)
            .unit_is("inactive", "success")
            .unit(|unit| {
                unit.load_state = "masked".into();
                unit.file_state = "masked".into();
                unit.last_started = None;
            })
            .check("found backend-stopped");
    }

    #[test]
    fn fires_where_the_stop_itself_went_wrong() {
        stopped(Fixture::apache().refused())
            .unit(|unit| {
                unit.active_state = "failed".into();
                unit.result = "exit-code".into();
            })
            .check("found backend-stopped");
    }

    #[test]
    fn stays_quiet_where_the_unit_runs() {
        Fixture::gunicorn().connect_fails(111).check("unexplained");
    }

    #[test]
    fn stays_quiet_where_it_ended_by_itself() {
        Fixture::node()
            .refused()
            .unit_is("inactive", "success")
            .life(&[(3600, "Started"), (61, "Deactivated successfully.")])
            .check("found backend-died");
    }

    #[test]
    fn starts_it_unattended_only_where_nobody_stopped_it() {
        let down = || {
            Fixture::php_fpm()
                .nobody_listens()
                .connect_fails(2)
                .unit_is("inactive", "success")
        };
        down().offers(&["auto: start php8.2-fpm.service"]);
        down()
            .unit(|unit| unit.file_state = "static".into())
            .offers(&["ask: start php8.2-fpm.service"]);
        stopped(down()).offers(&["ask: start php8.2-fpm.service"]);
        down()
            .unit(|unit| unit.load_state = "masked".into())
            .offers(&["ask: unmask php8.2-fpm.service; start php8.2-fpm.service"]);
    }

    #[test]
    fn offers_no_start_that_its_own_test_refuses() {
        stopped(Fixture::apache().refused())
            .config_test(false, "Syntax error")
            .offers(&[]);
    }
}
