use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    case::{HiddenListener, PeerSight},
    cause::{Group, Told, cause},
    elsewhere::down_owner,
};
use host::{Endpoint, looks::Unit};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// nginx and the backend are in different network namespaces (a container, or a unit with `PrivateNetwork=yes`), so
    /// 127.0.0.1 of the one is not the other's. A shell in the backend's namespace connects, nginx does not.
    /// # How to tell
    /// In nginx's namespace nobody listens on that address; in that of another process somebody does. `readlink
    /// /proc/PID/ns/net` shows two numbers.
    /// # Fix
    /// Use an address that both can reach: a service name, the bridge's address, a published port, host networking, a unix
    /// socket; or take the unit out of its private network.
    /// # Not this if
    /// Both are in one namespace, or the program that should listen in nginx's does not run (backend-stopped).
    pub static OTHER_NETWORK_NAMESPACE = {
        id: "other-network-namespace",
        title: "nginx runs in another network than the backend",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("host.docker.internal", 60), ("docker", 15)],
        effect_of: &[],
        settled_by: ("compare network namespaces", "readlink /proc/$(pgrep -o nginx)/ns/net /proc/self/ns/net"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["other-network-namespace-private", "other-network-namespace-named"],
        },
    }
}

/// What puts a unit into a network of its own (systemd.exec(5)), and the value that says it does not.
const SETTINGS: [(&str, &str, &str); 2] = [("PrivateNetwork", "no", "no"), ("NetworkNamespacePath", "", "")];

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(111) if complaint.tcp().is_some_and(|it| it.ip().is_loopback()) => 9,
        Trouble::Connect(111) => 3,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, hidden)) = hidden(case) else {
        return Opinion::none();
    };
    let who = describe(case, hidden);
    let mut evidence = vec![Evidence::supports(
        rank(case, peer, hidden),
        format!(
            "{who} listens on {}, in another network namespace than nginx",
            hidden.at
        ),
        Source::command(format!("nsenter -t {} -n ss -ltnp", hidden.pid)),
    )];
    evidence.push(Evidence::supports(
        Rank::Hint,
        format!(
            "{} refuses in nginx's own, and nobody listens there",
            peer.endpoint
        ),
        Source::connect(&peer.endpoint, case.worker_user()),
    ));
    Opinion {
        subject: peer.endpoint.to_string(),
        says: format!(
            "{who} serves {}, but in a network of its own that nginx is not in",
            peer.endpoint
        ),
        evidence,
    }
}

fn hidden(case: &Case) -> Option<(&PeerSight, &HiddenListener)> {
    case.failing_peers()
        .find_map(|peer| Some((peer, peer.hidden.as_ref()?)))
}

/// It is the very unit that is configured to serve that address; or nginx is in the container, and it is not. Else it may
/// be any container that happens to use the same port.
fn rank(case: &Case, peer: &PeerSight, hidden: &HiddenListener) -> Rank {
    let unit = hidden.unit.as_deref();
    let claims = case.world.claims.iter();
    let mut claimants = claims
        .filter(|claim| claim.address.covers(&peer.endpoint))
        .filter_map(|claim| claim.unit.as_deref());
    match () {
        () if unit.is_some() && claimants.any(|claimant| Some(claimant) == unit) => Rank::Decisive,
        () if down_owner(case, peer).is_none() => Rank::Strong,
        () => Rank::Hint,
    }
}

fn describe(case: &Case, hidden: &HiddenListener) -> String {
    let process = case.world.process(hidden.pid);
    let comm = process.map_or_else(String::new, |it| format!(" ({})", crate::words::clip(&it.comm)));
    match &hidden.unit {
        Some(unit) => format!("{unit}{comm}"),
        None => format!("process {}{comm}", hidden.pid),
    }
}

/// The settings that put this unit into a network of its own.
fn private<'a>(case: &'a Case, hidden: &HiddenListener) -> Option<(&'a Unit, &'static str, &'static str)> {
    let unit = case.world.unit(hidden.unit.as_deref()?)?;
    SETTINGS.iter().find_map(|(key, unset, value)| {
        let set = unit
            .properties
            .get(*key)
            .is_some_and(|now| now != unset && !now.is_empty());
        set.then_some((unit, *key, *value))
    })
}

fn advise(case: &Case) -> String {
    let Some((peer, hidden)) = hidden(case) else {
        return String::new();
    };
    match private(case, hidden) {
        Some((unit, key, _)) => format!(
            "{key}= of {} keeps it from nginx: unset it (systemctl edit {}), or let both meet at a unix socket",
            unit.name, unit.name
        ),
        None => format!(
            "name an address that nginx can reach: a published port (docker run -p {}), the container's name on a network \
             both are on, or the bridge's address; 127.0.0.1 is each container's own",
            published(&peer.endpoint)
        ),
    }
}

fn published(endpoint: &Endpoint) -> String {
    endpoint
        .tcp()
        .map_or_else(String::new, |at| format!("{at}:{}", at.port()))
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = hidden(case)
        .and_then(|(_, hidden)| private(case, hidden))
        .map(|(unit, key, value)| {
            let set = Measure::UnitSet {
                unit: unit.name.clone(),
                section: "Service".into(),
                key: key.into(),
                values: vec![value.into()],
            };
            let restart = Measure::Restart {
                unit: unit.name.clone(),
                forensics: Vec::new(),
            };
            Remedy::ask(
                format!("run {} in the host's own network", unit.name),
                vec![set, restart],
            )
        });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::advise;
    use crate::{case::HiddenListener, testing::Fixture};

    fn hidden(fixture: Fixture, unit: Option<&str>) -> Fixture {
        fixture.refused().peer(|peer| {
            peer.hidden = Some(HiddenListener {
                at: peer.endpoint.clone(),
                pid: 500,
                unit: unit.map(str::to_owned),
            });
        })
    }

    #[test]
    fn fires_where_the_own_unit_listens_elsewhere() {
        hidden(Fixture::gunicorn(), Some("app.service")).check("found other-network-namespace");
        hidden(Fixture::apache(), Some("apache2.service")).check("found other-network-namespace");
    }

    #[test]
    fn fires_where_only_a_container_listens() {
        hidden(Fixture::nothing("127.0.0.1:9999"), None).check("found other-network-namespace");
    }

    #[test]
    fn a_container_with_the_same_port_does_not_hide_a_stopped_backend() {
        hidden(Fixture::gunicorn().unit_is("inactive", "success"), None).check("found backend-stopped");
    }

    #[test]
    fn takes_a_unit_out_of_its_private_network() {
        let private = |key: &'static str, value: &'static str| {
            hidden(Fixture::gunicorn(), Some("app.service"))
                .unit(|unit| drop(unit.properties.insert(key.into(), value.into())))
        };
        private("PrivateNetwork", "yes").offers(&["ask: app.service PrivateNetwork=no; restart app.service"]);
        private("NetworkNamespacePath", "/run/netns/a")
            .offers(&["ask: app.service NetworkNamespacePath=; restart app.service"]);
        private("PrivateNetwork", "no").offers(&[]);
        assert!(advise(&private("PrivateNetwork", "no").case()).contains("-p 127.0.0.1:8000:8000"));
    }
}
