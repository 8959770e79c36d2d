use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source, backend_log,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    evidence::quote,
    service::{self, Down},
    words::{said, span},
};
use host::{Endpoint, answer::FileKind, looks::Unit};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The backend ran, ended by itself or by a signal, and nothing started it again. A TCP port refuses (errno 111). A
    /// unix socket refuses too: the file is left behind by a process that had no time to remove it.
    /// # How to tell
    /// The unit is failed with result `signal`, `core-dump`, `exit-code` or `oom-kill` after it had run and served, or
    /// it ended without anyone asking systemd to stop it; `Restart=no`, or no unit at all. A socket file that nobody
    /// listens on is the trace of a process that was killed.
    /// # Fix
    /// Look at what ended it before the traces are gone, then start it. `Restart=on-failure` in the unit heals the next
    /// time. A start is relief: what ended it will end it again.
    /// # Not this if
    /// It ended within seconds of each start (backend-crash-on-start), somebody stopped it (backend-stopped), or the
    /// kernel's out-of-memory killer took it (oom-kill is then the cause, this its effect).
    pub static BACKEND_DIED = {
        id: "backend-died",
        title: "the backend died and nothing started it again",
        group: Group::Process,
        class: Class::Auto,
        share_of: share_of,
        phrases: &[
            ("Main process exited, code=killed", 50),
            ("Main process exited, code=dumped", 60),
            ("Main process exited, code=exited", 30),
            ("Failed with result 'signal'", 60),
        ],
        effect_of: &["app-bug", "app-memory-limit", "disk-error", "disk-full", "oom-kill", "user-service-no-linger"],
        settled_by: ("see which services ended, and how", "systemctl --failed; journalctl -p warning -n 50 --no-pager"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["backend-died"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::Connect(errno::ECONNREFUSED) if complaint.unix().is_some() => 50,
        Trouble::Connect(errno::ECONNREFUSED) => 8,
        Trouble::Connect(errno::ENOENT) => 2,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    match service::unserved_by(case, Down::Ended) {
        Some((peer, unit)) => died(case, peer, unit),
        None => left_a_socket(case).unwrap_or_default(),
    }
}

fn died(case: &Case, peer: &PeerSight, unit: &Unit) -> Opinion {
    let how = service::ending(unit);
    let mut evidence = vec![Evidence::supports(
        Rank::Decisive,
        format!(
            "{} ended with {how}{}, and nothing listens on {}",
            unit.name,
            after(unit),
            peer.endpoint
        ),
        Source::unit(&unit.name),
    )];
    if unit.restart == "no" {
        evidence.push(Evidence::supports(
            Rank::Hint,
            "systemd is not told to start it again: Restart=no",
            Source::command(format!("systemctl show -p Restart {}", quote(&unit.name))),
        ));
    }
    evidence.extend(stale_file(peer));
    let words = service::last_words(case, unit);
    evidence.extend(
        backend_log::telling(&words)
            .map(|line| Evidence::supports(Rank::Hint, said(line), line.source.clone())),
    );
    Opinion {
        subject: unit.name.clone(),
        says: format!("{} died ({how}) and nothing started it again", unit.name),
        evidence,
    }
}

fn after(unit: &Unit) -> String {
    match service::last_run(unit) {
        Some((began, time)) => {
            let ended = began.after(time);
            format!(" at {ended} after it had run for {}", span(time))
        }
        None => String::new(),
    }
}

/// A socket file that no process listens on.
fn stale_file(peer: &PeerSight) -> Option<Evidence> {
    let Endpoint::Unix(path) = &peer.endpoint else {
        return None;
    };
    let stat = peer
        .path
        .iter()
        .find(|step| step.path == *path)?
        .stat
        .as_ref()
        .ok()?
        .as_ref()?;
    let stale = stat.kind == FileKind::Socket && peer.errno() == Some(errno::ECONNREFUSED);
    stale.then(|| {
        Evidence::supports(
            Rank::Strong,
            format!(
                "the socket {} is still there and nobody listens on it: its process had no time to remove it",
                path.display()
            ),
            Source::listeners(&peer.endpoint),
        )
    })
}

/// No unit is known to serve this socket, yet somebody made it.
fn left_a_socket(case: &Case) -> Option<Opinion> {
    let peer = case
        .failing_peers()
        .filter(|peer| matches!(case.listener(&peer.endpoint), Ok(None)))
        .find(|peer| case.unit_of(peer).is_none())?;
    Some(Opinion {
        subject: peer.endpoint.to_string(),
        says: format!(
            "what listened on {} is gone and nothing started it again",
            peer.endpoint
        ),
        evidence: vec![stale_file(peer)?],
    })
}

fn advise(case: &Case) -> String {
    let Some((peer, unit)) = service::unserved_by(case, Down::Ended) else {
        return "find out what ended the program that made this socket, start it again, and give it a systemd unit \
                with Restart=on-failure"
            .to_owned();
    };
    let name = quote(&unit.name);
    let start = service::start_command(case, peer, unit);
    let mut advice =
        format!("read first what ended it: journalctl -u {name} -n 50 --no-pager; then: {start}");
    if unit.restart == "no" {
        advice.push_str(&format!(
            "; Restart=on-failure (systemctl edit {name}) would start it again by itself"
        ));
    }
    advice
}

/// A start heals it until it dies again; systemd can do that start itself.
fn remedies(case: &Case) -> Vec<Remedy> {
    let Some((_, unit)) = service::unserved_by(case, Down::Ended) else {
        return Vec::new();
    };
    let Some(start) = service::start(case, unit) else {
        return Vec::new();
    };
    let ends = service::systemd_lines(case, unit)
        .filter(|line| service::is_exit(line))
        .count();
    let once = case.world.journal.is_ok() && ends <= 1 && unit.restarts == 0;
    let title = format!("start {}", unit.name);
    let lasting = (unit.restart == "no").then(|| {
        let again = service::setting(unit, "Restart", vec!["on-failure".into()]);
        let measures = std::iter::once(again).chain(start.iter().cloned()).collect();
        Remedy::ask(
            format!("{title}, and have systemd do so when it dies again"),
            measures,
        )
        .relief()
    });
    let now = Remedy::ask(title, start.clone()).relief();
    std::iter::once(now.unattended_if(once && unit.file_state == "enabled"))
        .chain(lasting)
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        testing::{Fixture, NOW, stat},
        world::PathStep,
    };
    use host::answer::FileKind;

    fn killed(fixture: Fixture) -> Fixture {
        fixture.unit_is("failed", "signal").ran(3600, 61, "killed", 9)
    }

    fn stale(fixture: Fixture) -> Fixture {
        fixture.peer(|peer| {
            let path = "/run/php/php8.2-fpm.sock".into();
            peer.path.push(PathStep {
                path,
                stat: Ok(Some(stat(FileKind::Socket, 0o660, 33, 33))),
            });
        })
    }

    #[test]
    fn fires_where_it_was_killed() {
        killed(Fixture::php_fpm().refused()).check("found backend-died");
        killed(Fixture::apache().refused()).check("found backend-died");
    }

    #[test]
    fn a_kill_soon_after_the_start_is_no_crash_on_start() {
        Fixture::php_fpm()
            .refused()
            .unit_is("failed", "signal")
            .ran(66, 61, "killed", 9)
            .life(&[
                (66, "Started"),
                (61, "Main process exited, code=killed, status=9/KILL"),
            ])
            .check("found backend-died");
    }

    #[test]
    fn one_that_served_before_it_ended_is_no_crash_on_start() {
        Fixture::node()
            .refused()
            .unit_is("failed", "exit-code")
            .ran(69, 61, "exited", 1)
            .with(|it| it.neighbours.last_success = Some(NOW.before(std::time::Duration::from_secs(63))))
            .check("found backend-died");
    }

    #[test]
    fn fires_for_a_socket_without_unit_or_listener() {
        stale(Fixture::php_fpm().refused())
            .with(|it| {
                it.peers[0].backend = None;
                it.world.claims.clear();
            })
            .check("found backend-died");
    }

    #[test]
    fn stays_quiet_where_it_was_stopped() {
        stale(Fixture::php_fpm().refused())
            .unit_is("inactive", "success")
            .life(&[(62, "Stopping"), (61, "Stopped")])
            .check("found backend-stopped");
    }

    #[test]
    fn stays_quiet_where_it_ends_at_each_start() {
        Fixture::gunicorn()
            .refused()
            .unit_is("failed", "exit-code")
            .ran(63, 62, "exited", 3)
            .check("found backend-crash-on-start");
    }

    #[test]
    fn starts_it_unattended_where_it_died_once() {
        let start = "relief: start apache2.service";
        let lasting = "ask relief: apache2.service Restart=on-failure; start apache2.service";
        let died = || killed(Fixture::apache().refused());
        died().offers(&[&format!("auto {start}"), lasting]);
        died()
            .unit(|unit| unit.file_state = "disabled".into())
            .offers(&[&format!("ask {start}"), lasting]);
        died()
            .unit(|unit| (unit.restart, unit.restarts) = ("on-failure".into(), 2))
            .offers(&[&format!("ask {start}")]);
    }

    #[test]
    fn offers_nothing_for_a_program_without_a_unit() {
        stale(Fixture::php_fpm().refused())
            .with(|it| {
                it.peers[0].backend = None;
                it.world.claims.clear();
            })
            .offers(&[]);
    }
}
