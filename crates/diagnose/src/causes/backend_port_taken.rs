use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source, backend_log,
    case::{PeerSight, listens_on},
    cause::{Group, Told, cause},
    elsewhere::move_port,
    evidence::quote,
    service::{self, Down},
    topology::{Claim, ListenAddress},
    words::{program, said},
    world::Said,
};
use host::{
    Endpoint,
    answer::{Socket, SocketState},
    looks::{Process, Unit},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The backend could not bind its address because another program has it. nginx talks to that stranger: odd
    /// answers, 404s, resets; or 111 where the stranger is gone too. One taken port keeps a whole php-fpm down, with all
    /// pools: sites on its other sockets get errno 2 at the same time.
    /// # How to tell
    /// The backend's log says `Address already in use` (EADDRINUSE, 98), its unit is down, and the owner of the listener
    /// is another unit, or a program that no unit started.
    /// # Fix
    /// See who owns the port; move one of the two, or stop the one that is not meant to be there.
    /// # Not this if
    /// The owner is a leftover worker of the same backend (backend-orphan-workers), nginx itself (proxy-loop), or a
    /// program that has served the site well since: then that is the site's backend now.
    pub static BACKEND_PORT_TAKEN = {
        id: "backend-port-taken",
        title: "another program holds the backend's address",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("address already in use", 55), ("eaddrinuse", 70), ("unable to bind listening socket", 45), ("another fpm instance seems to already listen", 35), ("could not bind to address", 60)],
        effect_of: &["backend-orphan-workers"],
        settled_by: ("see who owns the port", "ss -ltnp"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["backend-port-taken"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(111) if complaint.tcp().is_some() => 2,
        Trouble::Receive(104) => 1,
        Trouble::NotHttp => 6,
        _ => 0,
    }
}

/// A backend that found its address in use.
struct Taken<'a> {
    peer: &'a PeerSight,
    unit: &'a Unit,
    claim: &'a Claim,
    /// Its own words.
    line: Said<'a>,
    /// Who has the address now; `None` where nobody does any more.
    holder: Option<(&'a Socket, &'a Process)>,
}

fn taken(case: &Case) -> Option<Taken<'_>> {
    let mut peers = case.peers.iter().filter(|peer| peer.in_use);
    // the stranger may be configured to listen there, too
    peers.find_map(|peer| {
        let claims = case.world.claims.iter();
        claims
            .filter(|claim| claim.address.covers(&peer.endpoint))
            .find_map(|claim| taken_from(case, peer, claim))
    })
}

fn taken_from<'a>(case: &'a Case, peer: &'a PeerSight, claim: &'a Claim) -> Option<Taken<'a>> {
    let unit = case.world.unit(claim.unit.as_deref()?)?;
    let down = service::down(case, unit);
    matches!(down, Some(Down::StartFails | Down::Ended)).then_some(())?;
    let line = service::last_words(case, unit)
        .into_iter()
        .rfind(|line| backend_log::is_address_taken(line.text))?;
    let mut all = case.world.claims.iter().filter(|it| it.unit == claim.unit);
    let held = all.find_map(|claim| Some((claim, stranger(case, unit, claim)?)));
    let (claim, holder) = held.map_or((claim, None), |(claim, holder)| (claim, Some(holder)));
    let gone = matches!(case.listener(&peer.endpoint), Ok(None)) && peer.reachable() == Some(false);
    (holder.is_some() || gone).then_some(Taken {
        peer,
        unit,
        claim,
        line,
        holder,
    })
}

/// A listener on this address by a process that is neither the unit's, nor nginx's, nor systemd's for the unit.
fn stranger<'a>(case: &'a Case, unit: &Unit, claim: &Claim) -> Option<(&'a Socket, &'a Process)> {
    let theirs = |process: &&Process| {
        let nginx = case.world.nginx.iter();
        let of_nginx = nginx
            .flat_map(|it| it.master.iter().chain(&it.workers))
            .any(|pid| *pid == process.pid);
        process.pid != 1 && process.unit.as_deref() != Some(&unit.name) && !of_nginx
    };
    let sockets = case.world.sockets.as_ref().ok()?.iter();
    sockets
        .filter(|socket| socket.state == SocketState::Listen && clashes(claim, socket))
        .find_map(|socket| {
            let pids = socket.pids.as_deref()?;
            let all: Vec<&Process> = pids.iter().filter_map(|pid| case.world.process(*pid)).collect();
            let first = *all.first()?;
            all.iter().all(theirs).then_some((socket, first))
        })
}

/// The two can't listen at the same time.
fn clashes(claim: &Claim, socket: &Socket) -> bool {
    let asked = match &claim.address {
        ListenAddress::Tcp { ip: Some(ip), port } => Some(Endpoint::from((*ip, *port))),
        ListenAddress::Tcp { ip: None, .. } => None,
        ListenAddress::Unix(path) => Some(Endpoint::Unix(path.clone())),
    };
    claim.address.covers(&socket.local) || asked.is_some_and(|asked| listens_on(socket, &asked))
}

fn weigh(case: &Case) -> Opinion {
    let Some(taken) = taken(case).filter(|taken| !serves_well(case, taken)) else {
        return Opinion::none();
    };
    let unit = taken.unit;
    let mut evidence = vec![Evidence::supports(
        Rank::Strong,
        format!("{} could not bind its address: {}", unit.name, said(&taken.line)),
        taken.line.source.clone(),
    )];
    evidence.push(match taken.holder {
        Some((socket, process)) => held(&taken, socket, process),
        None => Evidence::supports(
            Rank::Hint,
            format!("whoever had {} has let it go since", taken.claim.address),
            Source::listeners(&taken.peer.endpoint),
        ),
    });
    evidence.push(Evidence::supports(
        Rank::Hint,
        format!("{} is {} ({})", unit.name, unit.active_state, unit.sub_state),
        Source::unit(&unit.name),
    ));
    let address = &taken.claim.address;
    let says = match taken.holder {
        Some((_, process)) => format!(
            "{} holds {address}, so {} could not start",
            program(process),
            unit.name
        ),
        None => format!("{} could not start: {address} was in use", unit.name),
    };
    Opinion {
        subject: unit.name.clone(),
        says,
        evidence,
    }
}

fn held(taken: &Taken<'_>, socket: &Socket, process: &Process) -> Evidence {
    let says = format!(
        "{} holds {}, where {} is configured to listen ({})",
        program(process),
        socket.local,
        taken.unit.name,
        taken.claim.written
    );
    Evidence::supports(Rank::Decisive, says, Source::listeners(&socket.local))
}

/// Requests of the site went well since the backend gave up: then the other one is its backend.
fn serves_well(case: &Case, taken: &Taken<'_>) -> bool {
    let gave_up = taken.line.at.map(|at| at.after(service::SLACK));
    case.neighbours
        .last_success
        .zip(gave_up)
        .is_some_and(|(success, gave_up)| success > gave_up)
}

fn advise(case: &Case) -> String {
    let Some(taken) = taken(case) else {
        return String::new();
    };
    let start = service::start_command(case, taken.peer, taken.unit);
    let Some((_, process)) = taken.holder else {
        return format!("the address is free again: {start}; find out who had it, or it is taken again");
    };
    let service = process.unit.as_deref().filter(|unit| unit.ends_with(".service"));
    let stop = match service {
        Some(unit) => format!("systemctl disable --now {}", quote(unit)),
        None => format!("kill {}", process.pid),
    };
    format!(
        "if {} has no business there: {stop} && {start}; else move one of the two: {} is where the backend's address \
         is written, and nginx must ask the same",
        program(process),
        taken.claim.written
    )
}

/// The stranger may be meant to be where it is; the backend can move. Where it is gone, the backend can start.
fn remedies(case: &Case) -> Vec<Remedy> {
    let Some(taken) = taken(case) else {
        return Vec::new();
    };
    let remedy = match taken.holder {
        Some(_) => move_port(case, taken.peer, taken.claim, taken.unit),
        None => service::start(case, taken.unit)
            .map(|measures| Remedy::ask(format!("start {}", taken.unit.name), measures)),
    };
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, NOW};
    use logscan::{Phase, Trouble};
    use std::time::Duration;

    const IN_USE: &str =
        "ERROR: unable to bind listening socket for address '127.0.0.1:8000': Address already in use (98)";

    /// The unit failed at its start as its address is in use; a stranger listens there.
    fn taken(fixture: Fixture) -> Fixture {
        fixture
            .unit_is("failed", "exit-code")
            .ran(61, 61, "exited", 1)
            .life(&[(61, "Starting"), (61, "Failed to start")])
            .says(61, IN_USE)
            .with(|it| {
                it.world.sockets = Ok(Vec::new());
                it.world.processes = Ok(Vec::new());
            })
            .also_runs(
                "files.service",
                &["python3", "-m", "http.server"],
                "127.0.0.1:8000",
            )
            .claims(
                "files.service",
                crate::topology::BackendKind::Other,
                "127.0.0.1:8000",
            )
            .with(|it| {
                let backend = it.peers[0].backend.as_mut().expect("a backend");
                backend.unit = Some("files.service".into());
            })
    }

    fn resets() -> Fixture {
        Fixture::gunicorn().complains(Trouble::Receive(104), Phase::ReadingHeader)
    }

    #[test]
    fn fires_where_a_stranger_answers() {
        taken(resets()).check("found backend-port-taken");
        taken(Fixture::gunicorn().complains(Trouble::ClosedEarly, Phase::ReadingHeader))
            .check("found backend-port-taken");
    }

    #[test]
    fn moves_the_backend_and_nginx_to_the_next_free_port() {
        taken(resets()).claims("other.service", crate::topology::BackendKind::Node, "127.0.0.1:8001").offers(&[
            "ask: /etc/systemd/system/app.service:5 listen 127.0.0.1:8002; /etc/nginx/sites-enabled/shop:12 127.0.0.1:8000 \
             -> 127.0.0.1:8002; reload nginx",
        ]);
    }

    #[test]
    fn fires_where_the_stranger_is_gone() {
        let gone = || {
            Fixture::gunicorn()
                .refused()
                .unit_is("failed", "exit-code")
                .ran(61, 61, "exited", 1)
                .life(&[(61, "Starting"), (61, "Failed to start")])
                .says(61, IN_USE)
        };
        gone().check("found backend-port-taken <- backend-crash-on-start");
        gone().offers(&["ask: start app.service"]);
    }

    #[test]
    fn stays_quiet_where_the_other_has_served_well_since() {
        taken(resets())
            .with(|it| it.neighbours.last_success = Some(NOW.before(Duration::from_secs(20))))
            .check("unexplained");
    }

    #[test]
    fn stays_quiet_where_it_ended_for_another_reason() {
        Fixture::gunicorn()
            .refused()
            .unit_is("failed", "exit-code")
            .ran(61, 61, "exited", 1)
            .says(61, "ModuleNotFoundError: No module named 'x'")
            .check("found backend-crash-on-start");
    }
}
