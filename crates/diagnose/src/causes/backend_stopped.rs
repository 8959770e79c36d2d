use crate::{
    Case, Class, Evidence, Opinion, Rank, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
};
use host::looks::Unit;
use logscan::{Complaint, Phase, Trouble, complaint::PeerAddress};

cause! {
    /// # What happens
    /// The backend's service is stopped: nothing listens on the address nginx asks. A unix socket is removed with the
    /// service (errno 2), a TCP port refuses (errno 111).
    /// # How to tell
    /// The unit that is configured to listen on exactly that address is inactive without a failure, no process of it
    /// runs, nothing else listens there. The journal tells when it was stopped, and often by whom.
    /// # Fix
    /// Start the unit, after its own config test. If an operator stopped it, ask why first.
    /// # Not this if
    /// The unit failed (it died, crashes at start, or its config is bad), was never started since boot
    /// (backend-not-enabled), or listens on another address (wrong-upstream-port, php-socket-version).
    pub static BACKEND_STOPPED = {
        id: "backend-stopped",
        title: "the backend's service is stopped",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[],
        effect_of: &[],
        settled_by: ("see whether the backend's service runs", "systemctl --type=service --state=inactive,failed"),
        told: Told::OnHost(weigh),
        advise: advise,
        lab: &["backend-stopped"],
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    let unix = matches!(&complaint.peer, Some(peer) if matches!(peer.address, PeerAddress::Unix(_)));
    match complaint.trouble {
        Trouble::Connect(errno::ECONNREFUSED) if !unix => 25,
        Trouble::Connect(errno::ENOENT) => 30,
        Trouble::Connect(_) | Trouble::TimedOut if complaint.phase == Some(Phase::Connecting) => 1,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, unit)) = stopped(case) else {
        return Opinion::none();
    };
    let mut evidence = vec![Evidence::supports(
        Rank::Decisive,
        format!(
            "{} is {} and nothing listens on {}",
            unit.name, unit.active_state, peer.endpoint
        ),
        Source::unit(&unit.name),
    )];
    let stop = case
        .world
        .journal_of(&unit.name)
        .rev()
        .find(|line| line.by == "systemd" && line.text.starts_with("Stopp"));
    evidence.extend(stop.map(|line| {
        Evidence::supports(
            Rank::Strong,
            format!("{}: {}", line.at, line.text),
            Source::journal(&unit.name),
        )
    }));
    Opinion {
        subject: unit.name.clone(),
        says: format!(
            "{} is stopped, so nothing answers on {}",
            unit.name, peer.endpoint
        ),
        evidence,
    }
}

/// A peer that nobody serves, and its unit, which ended without a failure after it had run since boot.
fn stopped(case: &Case) -> Option<(&PeerSight, &Unit)> {
    case.failing_peers()
        .filter(|peer| matches!(case.listener(&peer.endpoint), Ok(None)))
        .filter_map(|peer| Some((peer, case.unit_of(peer)?)))
        .find(|(_, unit)| {
            unit.active_state == "inactive" && unit.result == "success" && unit.last_started.is_some()
        })
}

fn advise(case: &Case) -> String {
    match stopped(case) {
        Some((_, unit)) => format!("systemctl start {}", unit.name),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;

    #[test]
    fn fires_where_the_unit_was_stopped() {
        Fixture::php_fpm()
            .connect_fails(2)
            .nobody_listens()
            .unit_is("inactive", "success")
            .journal(
                61,
                "systemd",
                "Stopped php8.2-fpm.service - The PHP FastCGI Process Manager.",
            )
            .check("found backend-stopped");
    }

    #[test]
    fn stays_quiet_where_the_unit_runs() {
        Fixture::gunicorn().connect_fails(111).check("unexplained");
    }
}
