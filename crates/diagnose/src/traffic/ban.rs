//! Addresses that could be refused for a while: few, strangers, and none that stands for others.

use super::{Demand, Kind, Past, blame, proxies};
use crate::{Case, Measure, Remedy, World, elsewhere::is_ours, topology::ports_of, words::count};
use host::answer::SocketState;
use logscan::scan::{Load, Ranked, Weight};
use std::{collections::BTreeSet, net::IpAddr};

/// Addresses refused at once at most: where it takes more, a limit is the remedy.
const MOST: usize = 3;
/// Hundredths of a crowd that each of them has at least, and all of them together.
const EACH: u64 = 15;
const TOGETHER: u64 = 70;
/// How long they are refused, minutes: whoever still comes then is refused anew by a person, or by what watches the logs.
const MINUTES: u32 = 60;
/// Addresses of the days before that are remembered, and the pages from which on one is no stranger.
const KNOWN: usize = 5000;
const FAMILIAR: u64 = 5;
/// Where administrators come in, whoever holds the socket.
const SSH: u16 = 22;
/// Programs that they talk to there; the first process holds sockets for others.
const SHELLS: [&str; 3] = ["sshd", "dropbear", "systemd"];

/// A ban with an end of the few addresses that make a crowd.
pub fn of_kind(case: &Case, kind: Kind) -> Option<Remedy> {
    let demand = case.demand.as_ref()?;
    let crowd = demand.now.crowds.get(&kind)?;
    let nginx = case.nginx()?;
    // behind a proxy that nginx believes packets come from that proxy, whoever asks
    if demand.now.behind || in_another_network(case) {
        return None;
    }
    let weight = |load: &Load| match demand.weight() {
        Weight::Time => load.micros,
        _ => load.requests,
    };
    let all = weight(&crowd.load).max(1);
    let spared = Spared::of(&case.world);
    let may = |it: &Ranked| -> Option<(IpAddr, u64)> {
        let address: IpAddr = blame::text(it).parse().ok()?;
        let alone = !demand.now.forwards(&it.key) && !proxies::is_proxy(address, &nginx.proxies);
        let stranger = !spared.holds(address) && !is_familiar(demand, &it.key);
        let share = weight(&it.load).saturating_mul(100) / all;
        (alone && stranger && share >= EACH).then_some((address, share))
    };
    let foremost = crowd.clients.ranked(demand.weight(), MOST);
    let (addresses, shares): (Vec<IpAddr>, Vec<u64>) = foremost.iter().filter_map(may).unzip();
    let ports = ports_of(&case.world.routes, case.route.as_ref()?.nginx);
    let ports: Vec<u16> = ports.into_iter().collect();
    if addresses.is_empty() || shares.iter().sum::<u64>() < TOGETHER || ports.is_empty() {
        return None;
    }
    let named: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    let title = format!(
        "refuse {} for a while: {}",
        count(addresses.len(), "address"),
        named.join(", ")
    );
    let ban = Measure::Ban {
        addresses,
        ports,
        minutes: MINUTES,
    };
    Some(Remedy::ask(title, vec![ban]).relief())
}

/// What this host's packet filter refuses does not come by there.
fn in_another_network(case: &Case) -> bool {
    let world = &case.world;
    let of = |pid: u32| world.process(pid).and_then(|it| it.netns);
    let master = case.nginx().and_then(|nginx| of(nginx.master?));
    matches!((of(1), master), (Some(ours), Some(theirs)) if ours != theirs)
}

/// It looked at pages at this hour of the days before: an office, or whoever shares its address.
fn is_familiar(demand: &Demand, client: &[u8]) -> bool {
    let usual = demand
        .usual
        .as_ref()
        .filter(|usual| matches!(usual.of, Past::Days(_)));
    let pages = usual.and_then(|usual| usual.stretch.crowds.get(&Kind::Page));
    pages.is_some_and(|pages| {
        let known = pages.clients.ranked(Weight::Requests, KNOWN);
        known
            .iter()
            .any(|it| it.key == client && it.load.requests >= FAMILIAR)
    })
}

/// Addresses that nothing is done to: this host's own, and those from which somebody is logged in.
struct Spared<'a> {
    world: &'a World,
    shells: BTreeSet<IpAddr>,
}

impl<'a> Spared<'a> {
    fn of(world: &'a World) -> Self {
        let sockets = world.sockets.as_ref().map_or(&[][..], Vec::as_slice);
        let is_shell = |pid: &u32| {
            let name = world.process(*pid).map(|it| it.comm.as_str());
            name.is_some_and(|name| SHELLS.contains(&name))
        };
        let doors = sockets.iter().filter(|it| it.state == SocketState::Listen);
        let doors = doors.filter(|it| it.pids.as_ref().is_none_or(|pids| pids.iter().any(is_shell)));
        let mut ports: BTreeSet<u16> = doors.filter_map(|it| Some(it.local.tcp()?.port())).collect();
        ports.insert(SSH);
        let web = world.routes.iter().flat_map(|it| &it.listen);
        for served in web.filter_map(|it| it.endpoint.tcp()) {
            ports.remove(&served.port());
        }
        let open = sockets.iter().filter(|it| it.state == SocketState::Established);
        let inside = open.filter(|it| it.local.tcp().is_some_and(|it| ports.contains(&it.port())));
        Self {
            world,
            shells: inside.filter_map(|it| Some(plain(it.remote?.ip()))).collect(),
        }
    }

    /// Where nothing is known of who is connected, everybody is spared.
    fn holds(&self, address: IpAddr) -> bool {
        self.world.sockets.is_err() || is_ours(self.world, address) || self.shells.contains(&address)
    }
}

/// A socket for both families shows IPv4 as `::ffff:192.0.2.7`.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Fixture, traffic::busy};
    use host::{Endpoint, answer::Socket};

    const TITLE: &str = "refuse 2 addresses for a while: 203.0.113.0, 203.0.113.1";

    fn attack(clients: u64) -> Fixture {
        busy().asked("POST /wp-login.php", 300, clients, "Firefox")
    }

    fn offered(fixture: Fixture) -> Option<Vec<IpAddr>> {
        let remedy = of_kind(&fixture.case(), Kind::Login)?;
        match remedy.measures.into_iter().next() {
            Some(Measure::Ban { addresses, .. }) => Some(addresses),
            other => panic!("{other:?}"),
        }
    }

    fn connected(port: u16, from: &str) -> Socket {
        let local = Endpoint::Tcp(([192, 0, 2, 10], port).into());
        Socket {
            state: SocketState::Established,
            remote: Some((from.parse::<IpAddr>().expect("an address"), 40_000).into()),
            pids: None,
            ..testing::listener(&local, &[])
        }
    }

    #[test]
    fn few_strangers_are_refused_for_an_hour() {
        let remedy = of_kind(&attack(2).case(), Kind::Login).expect("a ban");
        assert_eq!(remedy.title, TITLE);
        assert!(remedy.relief);
        let Some(Measure::Ban { ports, minutes, .. }) = remedy.measures.first() else {
            panic!("{remedy:?}")
        };
        assert_eq!((ports.as_slice(), *minutes), (&[80][..], 60));
    }

    #[test]
    fn not_where_they_are_many_or_one_speaks_for_many() {
        assert_eq!(offered(attack(5)), None);
        let behind = |it: &mut Fixture| it.demand.as_mut().expect("a demand").now.behind = true;
        assert_eq!(offered(attack(2).with(behind)), None);
        let cdn = |it: &mut Fixture| it.world.nginx[0].proxies = vec!["203.0.113.0/24".into()];
        assert_eq!(offered(attack(2).with(cdn)), None);
        assert_eq!(offered(busy().forwarded("POST /wp-login.php", 300, 2, 90)), None);
    }

    #[test]
    fn nobody_who_is_logged_in_and_nothing_of_the_host_itself() {
        let with = |socket: Socket| {
            attack(2).with(|it| {
                if let Ok(sockets) = &mut it.world.sockets {
                    sockets.push(socket);
                }
            })
        };
        assert_eq!(offered(with(connected(22, "203.0.113.1"))), None);
        assert_eq!(offered(with(connected(22, "::ffff:203.0.113.1"))), None);
        assert!(offered(with(connected(80, "203.0.113.1"))).is_some());
        let own = Endpoint::Tcp(([203, 0, 113, 1], 443).into());
        assert_eq!(offered(with(testing::listener(&own, &[]))), None);
        let blind = attack(2).with(|it| it.world.sockets = testing::forbidden("sockets"));
        assert_eq!(offered(blind), None);
    }

    #[test]
    fn nobody_who_looks_at_pages_on_other_days() {
        let usually = |pages| attack(2).usually(&[("GET /", pages, 2, "Firefox")]);
        assert_eq!(offered(usually(3600)), None);
        // that is no past to compare with
        assert!(offered(usually(10)).is_some());
    }
}
