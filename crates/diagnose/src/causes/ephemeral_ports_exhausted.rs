use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, Symptom,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    limits::LocalPorts,
    own_limits,
    words::nginx_said,
};
use logscan::{Complaint, Trouble};
use std::net::SocketAddr;

cause! {
    /// # What happens
    /// Each connection to a TCP upstream needs a local port, and a closed one keeps it for a minute (TIME_WAIT). At
    /// enough requests a second the range is used up.
    /// # How to tell
    /// `(99: Cannot assign requested address)` towards an IPv4 peer; TIME_WAIT towards it near the size of
    /// ip_local_port_range; keepalive to the upstream absent or without effect. On loopback Linux takes a port in TIME_WAIT
    /// again after a second (tcp_tw_reuse 2), so there it is open connections that use the range up.
    /// # Fix
    /// Upstream keepalive with HTTP/1.1 and an empty Connection header; a wider range.
    /// # Not this if
    /// The peer is IPv6 (ipv6-unusable), one of nginx's own listeners (proxy-loop), or the message is about bind
    /// (proxy_bind).
    pub static EPHEMERAL_PORTS_EXHAUSTED = {
        id: "ephemeral-ports-exhausted",
        title: "no local port is left towards the upstream",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("cannot assign requested address", 65), ("eaddrnotavail", 60)],
        effect_of: &["proxy-loop"],
        settled_by: ("count TIME_WAIT against the range", "ss -s; sysctl net.ipv4.ip_local_port_range"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["ephemeral-ports-exhausted"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(99) if complaint.tcp().is_some_and(|it| it.is_ipv6()) => 10,
        Trouble::Connect(99) => 60,
        _ => 0,
    }
}

/// The kernel's own range, and the widest that leaves the usual ports of servers alone.
const USUAL: (u16, u16) = (32768, 60999);
const WIDE: (u16, u16) = (10240, 65535);
/// So many hundredths of the range in use leave none for the next connection: the kernel looks for even ports first.
const NEAR: usize = 90;

fn weigh(case: &Case) -> Opinion {
    let Some((at, symptom)) = refused(case) else {
        return Opinion::none();
    };
    let says = nginx_said(symptom);
    let mut evidence = vec![Evidence::supports(
        Rank::Strong,
        says,
        Source::log(&symptom.log, "Cannot assign requested address"),
    )];
    evidence.extend(used(case, at));
    evidence.extend(own_limits::is_loop(case));
    let size = case.world.limits.ports();
    let size = size.map_or(String::new(), |size| format!(" of the {size} there are"));
    Opinion {
        subject: at.to_string(),
        says: format!("no local port{size} is left for a connection to {at}"),
        evidence,
    }
}

/// The IPv4 peer to which no connection could be made for want of an address of our own.
fn refused(case: &Case) -> Option<(SocketAddr, &Symptom)> {
    let symptoms = case.having(|trouble| *trouble == Trouble::Connect(errno::EADDRNOTAVAIL));
    let of_v4 = symptoms.filter_map(|symptom| {
        let at = symptom
            .complaint
            .as_ref()?
            .tcp()
            .or_else(|| symptom.peer.as_ref()?.tcp())?;
        at.is_ipv4().then_some((at, symptom))
    });
    of_v4.max_by_key(|(_, symptom)| symptom.last)
}

/// Ports in use towards that peer, against those there are.
fn used(case: &Case, at: SocketAddr) -> Option<Evidence> {
    let ports = LocalPorts::towards(&case.world, at)?;
    let LocalPorts { used, closed, most } = ports;
    let source = Source::command(format!(
        "ss -tan dst {at} | wc -l; sysctl net.ipv4.ip_local_port_range"
    ));
    let says = format!("{used} of {most} local ports are in use towards {at}, {closed} of them in TIME_WAIT");
    let fails_now = case
        .peers
        .iter()
        .filter(|peer| peer.endpoint.tcp() == Some(at))
        .find_map(PeerSight::errno)
        == Some(errno::EADDRNOTAVAIL);
    match ports.share() {
        share if share >= NEAR => Some(Evidence::supports(Rank::Decisive, says, source)),
        _ if fails_now => Some(Evidence::supports(Rank::Strong, says, source)),
        _ if ports.are_free() && case.works_now() == Some(false) => {
            Some(Evidence::refutes(Rank::Decisive, says, source))
        }
        _ => Some(Evidence::supports(Rank::Hint, says, source)),
    }
}

fn wider(case: &Case) -> Option<(u16, u16)> {
    let (first, last) = case.world.limits.local_ports?;
    let narrow = case.world.limits.ports()? < usize::from(USUAL.1 - USUAL.0) + 1;
    let new = if narrow { USUAL } else { WIDE };
    (new.0 < first || new.1 > last).then_some(new)
}

fn advise(case: &Case) -> String {
    let wider = wider(case).map_or(String::new(), |(first, last)| {
        format!("; a wider range gives time: sysctl -w net.ipv4.ip_local_port_range='{first} {last}'")
    });
    format!(
        "let nginx keep connections to the upstream: keepalive 32 in its upstream block, proxy_http_version 1.1 and \
         proxy_set_header Connection \"\" in the location; a unix socket needs no port at all{wider}"
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = wider(case)
        .filter(|_| refused(case).is_some())
        .map(|(first, last)| {
            let value = format!("{first} {last}");
            let title = format!("let connections leave from ports {first} to {last}");
            let key = "net.ipv4.ip_local_port_range".to_owned();
            Remedy::ask(title, vec![Measure::Sysctl { key, value }]).relief()
        });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, endpoint, listener};
    use host::answer::SocketState;
    use logscan::{Phase, Trouble};

    fn used(ports: usize, state: SocketState) -> Fixture {
        Fixture::gunicorn()
            .complains(Trouble::Connect(99), Phase::Connecting)
            .with(|it| {
                it.world.limits.local_ports = Some((40000, 40009));
                let mut socket = listener(&endpoint("127.0.0.1:40000"), &[101]);
                (socket.state, socket.remote) = (state, endpoint("127.0.0.1:8000").tcp());
                let sockets = it.world.sockets.as_mut().expect("sockets");
                sockets.extend(std::iter::repeat_n(socket, ports));
            })
    }

    #[test]
    fn fires_where_the_range_is_used_up() {
        used(10, SocketState::TimeWait).check("found ephemeral-ports-exhausted");
        used(9, SocketState::Established).check("found ephemeral-ports-exhausted");
    }

    #[test]
    fn stays_quiet_where_ports_are_left_or_the_peer_is_ipv6() {
        used(1, SocketState::TimeWait).check("unexplained");
        used(10, SocketState::TimeWait)
            .with(|it| it.symptoms[0].peer = Some(endpoint("[2001:db8::1]:8000")))
            .check_not("ephemeral-ports-exhausted");
    }
}
