use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    elsewhere::is_ours,
    evidence::quote,
    service::{self, Down},
};
use host::{Timestamp, answer::SocketState, looks::Unit};
use logscan::{Complaint, Trouble};
use std::time::Duration;

cause! {
    /// # What happens
    /// The host booted and nothing started the backend: its unit is not enabled, or it never had one (started by hand
    /// in a terminal, in `screen`, by a process manager whose list was not saved). Everything else looks healthy.
    /// # How to tell
    /// The unit is `disabled` and has not been started since boot; the failures begin with the boot. The journal may hold
    /// its stop before the boot: every unit is stopped at a shutdown. In a container the boot is the start of process 1.
    /// # Fix
    /// Start it now and enable it, so that the next boot starts it too. Give a program without a unit one.
    /// # Not this if
    /// The journal shows a start since boot: then somebody stopped it (backend-stopped) or it ended (backend-died).
    pub static BACKEND_NOT_ENABLED = {
        id: "backend-not-enabled",
        title: "the backend is not started at boot",
        group: Group::Process,
        class: Class::Auto,
        share_of: share_of,
        phrases: &[("; disabled;", 30)],
        effect_of: &["user-service-no-linger"],
        settled_by: ("see whether the service starts at boot", "systemctl list-unit-files --state=disabled --type=service"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["backend-not-enabled"],
        },
    }
}

/// The first visitor after a boot comes within this time.
const SOON: Duration = Duration::from_secs(900);

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::Connect(errno::ECONNREFUSED | errno::ENOENT) => 4,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    match service::unserved_by(case, Down::NeverStarted) {
        Some((peer, unit)) => not_enabled(case, peer, unit),
        None => in_doubt(case).or_else(|| unmanaged(case)).unwrap_or_default(),
    }
}

/// Its last stop may have been the shutdown before the boot, or somebody's doing since (backend-stopped).
fn in_doubt(case: &Case) -> Option<Opinion> {
    let (peer, unit) = service::unserved_by(case, Down::StoppedOrNeverStarted)?;
    Some(Opinion {
        subject: unit.name.clone(),
        says: format!(
            "{} is not enabled, so a boot leaves {} without a server",
            unit.name, peer.endpoint
        ),
        evidence: vec![Evidence::supports(
            Rank::Strong,
            format!(
                "{} is disabled and systemd knows of no start of it; when the host booted can't be seen",
                unit.name
            ),
            Source::command(format!(
                "systemctl status {} --no-pager; uptime -s",
                quote(&unit.name)
            )),
        )],
    })
}

/// A peer whose unit was not started at boot, for certain or perhaps.
fn not_started(case: &Case) -> Option<(&PeerSight, &Unit)> {
    service::unserved_by(case, Down::NeverStarted)
        .or_else(|| service::unserved_by(case, Down::StoppedOrNeverStarted))
}

fn not_enabled(case: &Case, peer: &PeerSight, unit: &Unit) -> Opinion {
    let known = case.world.journal.is_ok() && !another_serves(case, peer);
    let rank = if known { Rank::Decisive } else { Rank::Strong };
    let mut evidence = vec![
        Evidence::supports(
            rank,
            format!(
                "{} is {} and has not been started since boot",
                unit.name, unit.file_state
            ),
            Source::command(format!("systemctl status {} --no-pager", quote(&unit.name))),
        ),
        Evidence::supports(
            Rank::Hint,
            format!("nothing listens on {}", peer.endpoint),
            Source::listeners(&peer.endpoint),
        ),
    ];
    evidence.extend(since_boot(case));
    Opinion {
        subject: unit.name.clone(),
        says: format!("{} is not enabled, so nothing started it at boot", unit.name),
        evidence,
    }
}

/// A unit that is off while another of its kind serves may be off on purpose: an old version, a twin.
fn another_serves(case: &Case, peer: &PeerSight) -> bool {
    let kind = peer.backend.as_ref().and_then(|backend| backend.kind);
    let sockets = case.world.sockets.as_deref().unwrap_or_default();
    let others = case.world.claims.iter().filter(|claim| Some(claim.kind) == kind);
    others.into_iter().any(|claim| {
        sockets
            .iter()
            .any(|it| it.state == SocketState::Listen && claim.address.covers(&it.local))
    })
}

fn since_boot(case: &Case) -> Option<Evidence> {
    let boot = case.world.booted()?;
    let soon = case.first() >= boot && case.first().since(boot) <= SOON;
    soon.then(|| Evidence::supports(Rank::Strong, boot_says(case, boot), Source::command("uptime -s")))
}

fn boot_says(case: &Case, boot: Timestamp) -> String {
    format!(
        "the host booted at {boot}, the first failure was at {}",
        case.first()
    )
}

/// It answered before the boot, nobody listens since, and nobody is configured to.
fn unmanaged(case: &Case) -> Option<Opinion> {
    let boot = case.world.booted()?;
    let before = case
        .neighbours
        .last_success
        // logs are whole seconds: what was answered within the second of the boot may have been so after it
        .filter(|success| success.secs() < boot.secs() && boot <= case.first())?;
    let claims = &case.world.claims;
    let is_claimed = |peer: &PeerSight| claims.iter().any(|it| it.address.covers(&peer.endpoint));
    let peer = case
        .failing_peers()
        .filter(|peer| matches!(case.listener(&peer.endpoint), Ok(None)))
        // who listens on another machine, and whether that one booted, is not seen from here
        .filter(|peer| peer.endpoint.tcp().is_none_or(|to| is_ours(&case.world, to.ip())))
        .find(|peer| !is_claimed(peer))?;
    Some(Opinion {
        subject: peer.endpoint.to_string(),
        says: format!(
            "what listened on {} was not started again after the boot",
            peer.endpoint
        ),
        evidence: vec![
            Evidence::supports(
                Rank::Strong,
                format!(
                    "it answered until {before}; since the boot at {boot} nothing listens on {}",
                    peer.endpoint
                ),
                Source::listeners(&peer.endpoint),
            ),
            Evidence::supports(
                Rank::Hint,
                format!(
                    "no unit or pool of this host is configured to listen on {}",
                    peer.endpoint
                ),
                Source::command("systemctl list-unit-files --type=service"),
            ),
        ],
    })
}

fn advise(case: &Case) -> String {
    match not_started(case) {
        Some((peer, unit)) => {
            let start = service::start_command(case, peer, unit);
            format!("{start} && systemctl enable {}", quote(&unit.name))
        }
        None => "start the program as it was started before the boot, then give it a systemd unit that is enabled, \
                 so that the next boot starts it"
            .to_owned(),
    }
}

/// Both is best: a start alone lasts until the next boot.
fn remedies(case: &Case) -> Vec<Remedy> {
    let Some((peer, unit)) = not_started(case) else {
        return Vec::new();
    };
    let Some(start) = service::start(case, unit) else {
        return Vec::new();
    };
    let enable = Measure::Enable {
        unit: unit.name.clone(),
    };
    let both = start.iter().cloned().chain([enable]).collect();
    let sure = case.world.booted().is_some() && case.world.journal.is_ok() && !another_serves(case, peer);
    vec![
        Remedy::ask(format!("start {} now and at every boot", unit.name), both),
        Remedy::ask(format!("start {} until the next boot", unit.name), start)
            .unattended_if(sure)
            .relief(),
    ]
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, NOW, endpoint, forbidden, process};
    use std::time::Duration;

    fn disabled(fixture: Fixture) -> Fixture {
        let fixture = fixture.unit_is("inactive", "success").unit(|unit| {
            unit.file_state = "disabled".into();
            unit.last_started = None;
            unit.last_ended = None;
            unit.active_since = None;
            unit.active_until = None;
        });
        fixture.with(|it| it.world.boot = Ok(NOW.before(Duration::from_secs(120))))
    }

    #[test]
    fn fires_where_the_unit_is_disabled_and_never_ran() {
        disabled(Fixture::php_fpm().nobody_listens().connect_fails(2)).check("found backend-not-enabled");
        disabled(Fixture::apache().refused()).check("found backend-not-enabled");
    }

    /// It answered before the boot, and no unit is known to serve it.
    fn without_a_unit() -> Fixture {
        Fixture::node().refused().with(|it| {
            it.world.boot = Ok(NOW.before(Duration::from_secs(120)));
            it.world.claims.clear();
            it.world.units = Ok(Vec::new());
            it.neighbours.last_success = Some(NOW.before(Duration::from_secs(300)));
            it.peers[0].backend = None;
        })
    }

    #[test]
    fn fires_for_a_program_without_a_unit_but_not_on_another_machine() {
        without_a_unit().check("found backend-not-enabled");
        without_a_unit()
            .peer(|it| it.endpoint = endpoint("198.51.100.2:8080"))
            .check("unexplained");
    }

    #[test]
    fn what_was_answered_in_the_second_of_the_boot_was_perhaps_so_after_it() {
        for (boot, said) in [(299_500, "unexplained"), (298_500, "found backend-not-enabled")] {
            let boot = NOW.before(Duration::from_millis(boot));
            without_a_unit().with(|it| it.world.boot = Ok(boot)).check(said);
        }
    }

    #[test]
    fn a_stop_before_the_boot_is_the_shutdown() {
        let mut init = process(1, 0, "init.scope");
        init.started_ticks = (86_400 - 120) * 100;
        disabled(Fixture::node().refused())
            .life(&[(900, "Started"), (121, "Stopping"), (120, "Stopped")])
            .with(|it| {
                it.world.boot = Ok(NOW.before(Duration::from_secs(86_400)));
                it.world.processes = Ok(vec![init]);
            })
            .check("found backend-not-enabled");
    }

    #[test]
    fn a_stop_of_nobody_knows_which_boot_leaves_it_open() {
        let stopped = disabled(Fixture::php_fpm().nobody_listens().connect_fails(2))
            .life(&[(900, "Started"), (123, "Stopping"), (122, "Stopped")])
            .with(|it| it.world.boot = forbidden("the boot time"));
        stopped.clone().check("torn backend-not-enabled backend-stopped");
        stopped
            .unit(|unit| unit.last_started = Some(NOW.before(Duration::from_secs(900))))
            .check("found backend-stopped");
    }

    #[test]
    fn stays_quiet_where_it_was_stopped_after_a_start_by_hand() {
        disabled(Fixture::php_fpm().nobody_listens().connect_fails(2))
            .life(&[(100, "Started"), (62, "Stopping"), (61, "Stopped")])
            .check("found backend-stopped");
    }

    #[test]
    fn stays_quiet_where_an_enabled_unit_is_down() {
        disabled(Fixture::gunicorn().refused())
            .unit(|unit| unit.file_state = "enabled".into())
            .check("found backend-stopped");
    }

    #[test]
    fn starts_it_unattended_and_enables_it_when_told() {
        disabled(Fixture::apache().refused()).offers(&[
            "ask: start apache2.service; enable apache2.service",
            "auto relief: start apache2.service",
        ]);
        disabled(Fixture::apache().refused())
            .with(|it| it.world.journal = forbidden("the journal"))
            .offers(&[
                "ask: start apache2.service; enable apache2.service",
                "ask relief: start apache2.service",
            ]);
    }

    #[test]
    fn offers_nothing_for_a_program_without_a_unit() {
        without_a_unit().offers(&[]);
    }
}
