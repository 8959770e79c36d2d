use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    elsewhere::{moved_name, reload_nginx, written},
    evidence::quote,
};
use logscan::{Complaint, Phase, Trouble, complaint::PeerAddress};
use std::net::IpAddr;

cause! {
    /// # What happens
    /// nginx resolves a host name in its config once, when it reads the config. The name has another address now (a
    /// container was made anew, a load balancer changed, a record was moved), and nginx still asks the old one.
    /// # How to tell
    /// The address in `upstream:` of the error line is not among those the name has now. The old one refuses (111), is
    /// unreachable (113) or silent (110), by whoever owns it today.
    /// # Fix
    /// Reload nginx after `nginx -t`. For good: `resolve` in the upstream block, or a variable with `resolver`.
    /// # Not this if
    /// The failing address is one the name has now, or the name is resolved for each request anyway (a variable).
    pub static DNS_STALE_ADDRESS = {
        id: "dns-stale-address",
        title: "nginx asks an address that the name no longer has",
        group: Group::Wiring,
        class: Class::Auto,
        share_of: share_of,
        phrases: &[],
        effect_of: &[],
        settled_by: ("compare the address in the error line with what the name resolves to now", "getent ahosts NAME"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["dns-stale-address"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    let (refused, silent) = match (&complaint.trouble, complaint.phase) {
        (Trouble::Connect(errno::ECONNREFUSED | errno::EHOSTUNREACH), _) => (true, false),
        (Trouble::TimedOut, Some(Phase::Connecting)) => (false, true),
        _ => return 0,
    };
    match complaint.peer.as_ref().map(|peer| &peer.address) {
        Some(PeerAddress::Tcp(at)) if at.ip().is_loopback() => 0,
        Some(PeerAddress::Tcp(at)) if refused && is_container(at.ip()) => 35,
        Some(PeerAddress::Tcp(_)) if refused => 20,
        Some(PeerAddress::Tcp(_)) if silent => 15,
        Some(PeerAddress::Name(name)) if refused && !name.contains('.') => 20,
        _ => 0,
    }
}

/// Docker gives its networks 172.16.0.0/12 first, and a container another address each time it is made anew.
fn is_container(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 172 && ip.is_private())
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, name, now)) = stale(case) else {
        return Opinion::none();
    };
    let mut evidence = vec![Evidence::supports(
        Rank::Strong,
        format!("nginx asks {}, and {name} is {} now", peer.endpoint, list(&now)),
        Source::command(format!("getent ahosts {}", quote(name))),
    )];
    evidence.extend(new_one_answers(case, name));
    if let Some(loaded) = case.nginx().and_then(|nginx| nginx.loaded_at) {
        evidence.push(Evidence::supports(
            Rank::Hint,
            format!("nginx read its config, and with it the name, at {loaded}"),
            Source::command("ps -o lstart,cmd -C nginx"),
        ));
    }
    Opinion {
        subject: name.to_owned(),
        says: format!(
            "nginx still asks {}, an address that {name} no longer has",
            peer.endpoint
        ),
        evidence,
    }
}

/// A failing peer whose name has other addresses now.
fn stale(case: &Case) -> Option<(&PeerSight, &str, Vec<IpAddr>)> {
    case.failing_peers()
        .find_map(|peer| Some((peer, peer.name.as_deref()?, moved_name(case, peer)?)))
}

fn list(addresses: &[IpAddr]) -> String {
    let all: Vec<String> = addresses.iter().take(4).map(IpAddr::to_string).collect();
    all.join(", ")
}

/// An address that only the name has now takes connections: a reload is all it needs.
fn new_one_answers(case: &Case, name: &str) -> Option<Evidence> {
    let new = case
        .peers
        .iter()
        .find(|peer| !peer.in_use && peer.name.as_deref() == Some(name) && peer.reachable() == Some(true))?;
    Some(Evidence::supports(
        Rank::Decisive,
        format!("{}, which the name has now, takes connections", new.endpoint),
        Source::connect(&new.endpoint, case.worker_user()),
    ))
}

fn advise(case: &Case) -> String {
    let (Some((peer, ..)), Some(route)) = (stale(case), &case.route) else {
        return String::new();
    };
    format!(
        "nginx -t && systemctl reload nginx; for good, let {} be resolved at run time (`resolver` with a variable, or \
         `resolve` in the upstream block)",
        written(route, peer)
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let reload = stale(case).and_then(|(_, name, _)| Some((name, reload_nginx(case)?)));
    let remedy = reload.map(|(name, reload)| {
        let title = format!("have nginx resolve {name} again by a reload");
        Remedy::ask(title, vec![reload]).unattended_if(true)
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        case::{NameAnswer::*, NameSource::*},
        testing::{Fixture, endpoint, peer},
    };

    fn moved() -> Fixture {
        Fixture::apache()
            .asks_at("10.0.0.4:7080")
            .orphan()
            .named("backend.internal")
            .connect_fails(111)
    }

    #[test]
    fn fires_where_the_name_moved() {
        for errno in [111, 113] {
            Fixture::apache()
                .asks_at("10.0.0.4:7080")
                .orphan()
                .named("backend.internal")
                .name_says(System, Addresses(vec![[10, 0, 0, 9].into()]))
                .connect_fails(errno)
                .check("found dns-stale-address");
        }
    }

    #[test]
    fn the_new_address_that_answers_settles_it() {
        moved()
            .name_says(
                SystemResolver(([127, 0, 0, 1], 53).into()),
                Addresses(vec![[10, 0, 0, 9].into()]),
            )
            .with(|it| {
                let mut new = peer(endpoint("10.0.0.9:7080"), None);
                (new.in_use, new.name) = (false, Some("backend.internal".into()));
                it.peers.push(new);
            })
            .check("found dns-stale-address");
    }

    #[test]
    fn stays_quiet_where_the_name_still_has_it() {
        moved()
            .name_says(
                System,
                Addresses(vec![[10, 0, 0, 4].into(), [10, 0, 0, 9].into()]),
            )
            .check("unexplained");
    }

    #[test]
    fn stays_quiet_where_the_name_could_not_be_asked() {
        moved().name_says(System, Silent).check("unexplained");
    }

    #[test]
    fn stays_quiet_where_the_old_address_still_answers() {
        Fixture::apache()
            .named("cdn.example")
            .name_says(System, Addresses(vec![[10, 0, 0, 9].into()]))
            .passed_on(502)
            .check("found inner-hop");
    }

    #[test]
    fn a_variable_is_never_stale() {
        moved()
            .name_says(System, Addresses(vec![[10, 0, 0, 9].into()]))
            .resolved_each_time("backend.internal")
            .check("unexplained");
    }

    #[test]
    fn reloads_unattended_what_would_load() {
        let moved = || moved().name_says(System, Addresses(vec![[10, 0, 0, 9].into()]));
        moved().offers(&["auto: reload nginx"]);
        moved()
            .nginx_test_fails("unknown directive", "/etc/nginx/nginx.conf", 3)
            .offers(&[]);
    }
}
