//! This machine and its network.

use super::{
    super::{
        Check,
        case::{Asked, By, NameAsked, Why},
        place::is_private,
        steps, tls,
    },
    Theory, Whose, curl, is_sound, ours,
};
use crate::{
    Rank,
    case::{NameAnswer, errno},
};
use host::{
    Timestamp,
    answer::Connect,
    looks::{Link, RouteTo},
};
use std::{net::IpAddr, time::Duration};

/// No interface has an address that leads anywhere, or no packet may leave.
pub(super) fn none(check: &Check) -> Option<Theory> {
    if is_heard(check) {
        return None;
    }
    let refused = |it: &host::Look<RouteTo>| matches!(it, Ok(RouteTo::Refused { .. }));
    let links = check.machine.links.as_deref().unwrap_or_default();
    let addressed = |link: &&Link| link.is_up && link.addresses.iter().any(|(ip, _)| leads_out(*ip));
    let unplugged = check.machine.links.is_ok() && !links.iter().any(|link| addressed(&link));
    let no_route = check.machine.ways_out.iter().all(refused);
    if !unplugged && !no_route {
        return None;
    }
    let says = if unplugged {
        "this machine is in no network: no interface that is up has an address"
    } else {
        "this machine has no way out: its network gave it no default route"
    };
    let theory = Theory::new(Whose::Network, format!("{says}.")).cause("client-network");
    let theory = match unplugged {
        true => theory.seen(
            Rank::Decisive,
            "no interface but the loopback has an address",
            "ip address show",
        ),
        false => theory.seen(
            Rank::Decisive,
            "neither IPv4 nor IPv6 has a default route",
            "ip route; ip -6 route",
        ),
    };
    Some(
        theory
            .visitor("Check the cable or the Wi-Fi, then reconnect; after that run this again.")
            .visitor(
                "Other devices in the same network fail as well? Then it is the router, or the provider.",
            ),
    )
}

/// Somebody outside answered: a server that took or refused a connection, a resolver that knew.
fn is_heard(check: &Check) -> bool {
    let refused = |it: &Asked| {
        matches!(
            connect(it),
            Some(Connect::Failed(errno::ECONNREFUSED | errno::ECONNRESET))
        )
    };
    let knows = |it: &NameAsked| {
        let told = |answer| matches!(answer, Some(&(NameAnswer::Addresses(_) | NameAnswer::Missing)));
        it.by != By::System && (told(it.answer.as_ref().ok()) || it.unchecked.is_some())
    };
    check.asked.iter().any(|it| it.connected() || refused(it)) || check.names.iter().any(knows)
}

fn leads_out(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    }
}

/// A portal of the network answers in place of the site.
pub(super) fn portal(check: &Check) -> Option<Theory> {
    let outside = !ours(check).any(|own| is_private(own.visit.to.ip()));
    let asks_to_log_in = |it: &&Asked| it.page.as_ref().is_some_and(|page| page.status == 511);
    let leads_inside = |it: &&Asked| {
        let leads = matches!(it.why, Why::Redirect | Why::Portal);
        leads && it.place.host != check.place.host && is_private(it.visit.to.ip()) && outside
    };
    let find = |is: &dyn Fn(&&Asked) -> bool| check.asked.iter().find(is);
    let (it, rank, says, command) = if let Some(it) = find(&asks_to_log_in) {
        let says = "511 is the status by which a network asks for a login (RFC 6585)".to_owned();
        (it, Rank::Decisive, says, curl(it, ""))
    } else if let Some(it) = find(&leads_inside) {
        let inside = it.visit.to.ip();
        let says = format!("the page of a public site leads to {inside}, an address inside this network");
        (it, Rank::Strong, says, curl(it, ""))
    } else {
        // of one that answers for every name
        let at = check
            .nowhere
            .iter()
            .find(|it| check.system_addresses().contains(it))?;
        let says =
            format!("{at} is what this network gives for every name, also for one that nobody can have");
        let there = |it: &&Asked| it.visit.to.ip() == *at;
        let leads = |it: &&Asked| there(it) && it.place.host != check.place.host;
        let it = find(&leads).or_else(|| find(&there))?;
        (
            it,
            Rank::Strong,
            says,
            "getent hosts why502-check.invalid".to_owned(),
        )
    };
    let host = &it.place.host;
    Some(
        Theory::new(
            Whose::Network,
            format!("this network wants a login first: {host} answers in place of the site."),
        )
        .cause("client-network")
        .seen(rank, says, command)
        .visitor(format!(
            "Open http://{host}/ in the browser, log in to the network, then try again."
        )),
    )
}

/// The clock is so wrong that no certificate can be valid.
pub(super) fn clock(check: &Check) -> Option<Theory> {
    const MUCH: Duration = Duration::from_secs(600);
    let wrong = |it: &&Asked| {
        let date = it.page.as_ref().and_then(|page| page.date());
        let server = Timestamp::from_secs(date.unwrap_or_default());
        let dates = |trouble| matches!(trouble, Some(tls::Trouble::Expired(_) | tls::Trouble::NotYet));
        date.is_some()
            && server.distance(check.at) > MUCH
            && dates(tls::trouble(check, it))
            && !dates(tls::trouble_at(check, it, server))
    };
    let it = ours(check).find(wrong)?;
    let server = Timestamp::from_secs(it.page.as_ref()?.date()?);
    Some(
        Theory::new(
            Whose::Machine,
            format!(
                "this machine's clock is wrong: it says {}, the site says {server}.",
                check.at
            ),
        )
        .cause("client-network")
        .seen(
            Rank::Decisive,
            "the site's certificate is valid at the site's time, and not at this machine's",
            "date -u; timedatectl",
        )
        .visitor("Set the clock: sudo timedatectl set-ntp true; then reload the page."),
    )
}

/// It works without the proxy, and fails through it.
pub(super) fn proxy(check: &Check) -> Option<Theory> {
    let (setting, _) = check.machine.proxy.as_ref()?;
    let through = check.asked.iter().find(|it| it.why == Why::Proxy)?;
    if !through.fails() || !ours(check).any(|it| is_sound(check, it)) || ours(check).any(Asked::fails) {
        return None;
    }
    Some(
        Theory::new(Whose::Machine, format!("the proxy that programs here go through fails: {} ({}).", through.outcome(), setting.value))
            .cause("client-network")
            .seen(Rank::Decisive, format!("through {}={}: {}", setting.name, setting.value, through.outcome()), format!("curl -sSI --proxy {} {}", crate::evidence::quote(&setting.value), crate::evidence::quote(&check.place.to_string())))
            .seen(Rank::Strong, "the same page comes without the proxy", "curl -sSI --noproxy '*' ".to_owned() + &crate::evidence::quote(&check.place.to_string()))
            .visitor(format!("Ask whoever runs the proxy; if you may do without it: unset {}, and switch it off in the browser's network settings.", setting.name)),
    )
}

/// No address takes a connection, and nobody refuses: the way is broken. A proxy that works is a way.
pub(super) fn no_way(check: &Check) -> Option<Theory> {
    let through = check.asked.iter().any(|it| it.why == Why::Proxy && it.works());
    let tried: Vec<&Asked> = ours(check).filter(|it| it.talk.is_ok()).collect();
    if tried.is_empty() || through || tried.iter().any(|it| it.connected()) {
        return None;
    }
    let unreachable = |it: &&&Asked| {
        matches!(
            connect(it),
            Some(Connect::Failed(
                errno::ENETUNREACH | errno::EHOSTUNREACH | errno::EACCES
            ))
        )
    };
    let silent = |it: &&&Asked| {
        matches!(
            connect(it),
            Some(Connect::TimedOut | Connect::Failed(errno::ETIMEDOUT))
        )
    };
    let (blocked, dead) = (
        tried.iter().filter(unreachable).count(),
        tried.iter().filter(silent).count(),
    );
    if blocked + dead < tried.len() {
        return None;
    }
    Some(lost(check, &tried, blocked == tried.len())?.visitor(format!("If the gateway does not answer either: sudo why502 client reset {}", crate::evidence::quote(&check.place.to_string()))).visitor("Try from another network, a phone without Wi-Fi say. Works there: ask the provider of this one. Fails there: the site is off, or its firewall drops visitors."))
}

fn lost(check: &Check, tried: &[&Asked], all_blocked: bool) -> Option<Theory> {
    let first = tried.first()?;
    let (host, ip) = (&check.place.host, first.visit.to.ip());
    let family = if ip.is_ipv6() { "IPv6" } else { "IPv4" };
    let outcome = first.outcome();
    let mut theory = match (all_blocked, one_family(tried)) {
        (true, true) => Theory::new(
            Whose::Network,
            format!("{host} has {family} addresses only, and there is no way to them from here: {outcome}."),
        )
        .cause("client-network"),
        (true, false) => Theory::new(
            Whose::Network,
            format!("there is no way from here to {host}: {outcome}."),
        )
        .cause("client-network"),
        // a server that is off looks the same from here
        _ => Theory::new(
            Whose::Route,
            format!("nobody answers at {host} ({ip}): the packets, or the answers, get lost."),
        )
        .unclear(),
    };
    for it in tried {
        theory = theory.seen(
            Rank::Strong,
            format!("{}: {}", it.visit.to, it.outcome()),
            format!("ip route get {0}; ping -c 3 {0}", it.visit.to.ip()),
        );
    }
    if let Some(tunnel) = steps::tunnel(check) {
        theory = theory.visitor(format!(
            "Packets leave by {tunnel}, a VPN: disconnect it and try again."
        ));
    }
    Some(theory)
}

fn connect(asked: &Asked) -> Option<Connect> {
    asked.talk.as_ref().ok().map(|talk| talk.connect)
}

fn one_family(tried: &[&Asked]) -> bool {
    tried.iter().all(|it| it.visit.to.is_ipv6()) || tried.iter().all(|it| it.visit.to.is_ipv4())
}
