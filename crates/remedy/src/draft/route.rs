//! Routes: one to a peer with a smaller packet size, and the default route that an interface was given and has no more.

use super::{CannotDraft, desk::Desk};
use crate::{Route, Step};
use host::{
    Looks,
    looks::{Link, RouteTo},
};
use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::{Path, PathBuf},
};

/// Files of one directory that are read.
const MOST_FILES: usize = 64;
/// Who put a route there that no tool of this host made: ip-route(8).
const BY_A_PERSON: &str = "static";
const IFUPDOWN: &str = "/etc/network/interfaces";
/// What an administrator writes, and what netplan makes of its own.
const NETWORKD: [&str; 2] = ["/etc/systemd/network", "/run/systemd/network"];

/// A route to the peer alone, by the way that packets take already.
pub(super) fn path_mtu(desk: &mut Desk, to: IpAddr, bytes: u16) -> Result<(), CannotDraft> {
    let (device, gateway) = match desk.host.route_to(to)? {
        RouteTo::Via {
            device,
            gateway,
            local: false,
            ..
        } => (device, gateway),
        _ => {
            let why = format!("there is no way to {to} any more");
            return Err(CannotDraft::new(why, format!("ip route get {to}")));
        }
    };
    let mut held = desk.host.routes(to.is_ipv6())?.into_iter();
    let held = held.find(|it| it.to == to.to_string() && it.device.as_ref() == Some(&device));
    let from = held.map(Route::from).map(Box::new);
    let new = Box::new(Route {
        to: to.to_string(),
        gateway,
        source: None,
        protocol: BY_A_PERSON.to_owned(),
        metric: None,
        onlink: false,
        mtu: None,
    });
    let mtu = Some(u32::from(bytes));
    let to = Some(Box::new(Route {
        mtu,
        ..*from.clone().unwrap_or(new)
    }));
    desk.note(format!(
        "it holds until {device} is set up anew or this host restarts; for good, set the MTU where {device} or the tunnel behind \
         it is set up, or have the router say what is too big"
    ));
    desk.push(Step::SetRoute { device, from, to });
    Ok(())
}

/// The one that the files of the tool that set an interface up still name. Nothing is guessed: an address of the interface
/// must be the one that stands beside the gateway.
pub(super) fn default(desk: &mut Desk, v6: bool) -> Result<(), CannotDraft> {
    let is_default = |it: &host::looks::Route| it.to == "default";
    if desk.host.routes(v6)?.iter().any(is_default) {
        let why = "there is a default route again";
        return Err(CannotDraft::new(why, "run why502 again"));
    }
    let links = desk.host.links()?;
    let mut ways = BTreeSet::new();
    for link in links.iter().filter(|it| it.is_up && it.has_carrier) {
        let given = given(desk, &link.name)?;
        let fits = given
            .into_iter()
            .filter(|it| it.gateway.is_ipv6() == v6 && it.is_of(link));
        ways.extend(fits.map(|it| (link.name.clone(), it.gateway, it.file)));
    }
    let mut ways = ways.into_iter();
    let (Some((device, gateway, file)), None) = (ways.next(), ways.next()) else {
        let why = "no file of ifupdown or systemd-networkd names one gateway for an interface as it is now";
        let instead = "find out which gateway is right, then: ip route add default via GATEWAY";
        return Err(CannotDraft::new(why, instead));
    };
    desk.note(format!(
        "the gateway {gateway} of {device} stands in {}",
        file.display()
    ));
    desk.push(Step::SetRoute {
        device,
        from: None,
        to: Some(Box::new(Route {
            to: "default".to_owned(),
            gateway: Some(gateway),
            source: None,
            protocol: BY_A_PERSON.to_owned(),
            metric: None,
            onlink: false,
            mtu: None,
        })),
    });
    Ok(())
}

/// What a file gives an interface.
struct Given {
    address: IpAddr,
    gateway: IpAddr,
    file: PathBuf,
}

impl Given {
    /// The interface has that address, and the gateway is its neighbour.
    fn is_of(&self, link: &Link) -> bool {
        let has = link.addresses.iter().any(|(address, _)| *address == self.address);
        has && link
            .network_of(self.gateway)
            .is_some_and(|(own, _)| own != self.gateway)
    }
}

/// What every file gives that interface.
fn given(desk: &Desk, name: &str) -> Result<Vec<Given>, CannotDraft> {
    let mut all = Vec::new();
    let mut read =
        |path: PathBuf, tells: &dyn Fn(&str) -> Vec<(IpAddr, IpAddr)>| -> Result<(), CannotDraft> {
            let bytes = desk.host.file(&path)?.unwrap_or_default();
            let told = tells(&String::from_utf8_lossy(&bytes));
            all.extend(told.into_iter().map(|(address, gateway)| Given {
                address,
                gateway,
                file: path.clone(),
            }));
            Ok(())
        };
    let ifupdown = |text: &str| of_ifupdown(text, name);
    read(IFUPDOWN.into(), &ifupdown)?;
    for path in files(desk, Path::new("/etc/network/interfaces.d"), "")? {
        read(path, &ifupdown)?;
    }
    for dir in NETWORKD {
        for path in files(desk, Path::new(dir), ".network")? {
            read(path, &|text| of_networkd(text, name))?;
        }
    }
    let index = desk
        .host
        .file(&Path::new("/sys/class/net").join(name).join("ifindex"))?;
    let index = String::from_utf8_lossy(&index.unwrap_or_default())
        .trim()
        .to_owned();
    if !index.is_empty() {
        read(Path::new("/run/systemd/netif/leases").join(index), &of_lease)?;
    }
    Ok(all)
}

fn files(desk: &Desk, dir: &Path, ending: &str) -> Result<Vec<PathBuf>, CannotDraft> {
    let names = desk.host.dir(dir)?.unwrap_or_default();
    let ours = names
        .iter()
        .filter(|name| name.ends_with(ending))
        .take(MOST_FILES);
    Ok(ours.map(|name| dir.join(name)).collect())
}

/// Each address with each gateway: `address` and `gateway` below `iface NAME inet static` (interfaces(5)).
fn of_ifupdown(text: &str, name: &str) -> Vec<(IpAddr, IpAddr)> {
    let mut all = Vec::new();
    let (mut ours, mut address) = (false, None);
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["iface", of, _, "static", ..] => (ours, address) = (*of == name, None),
            ["iface" | "auto" | "mapping" | "source" | "source-directory", ..] => ours = false,
            [word, ..] if word.starts_with("allow-") => ours = false,
            ["address", value, ..] if ours => address = ip(value),
            ["gateway", value, ..] if ours => all.extend(address.zip(ip(value))),
            _ => (),
        }
    }
    all
}

/// The same of systemd.network(5): `[Match] Name=`, `Address=`, and `Gateway=` of `[Network]` or of a `[Route]` to everywhere.
fn of_networkd(text: &str, name: &str) -> Vec<(IpAddr, IpAddr)> {
    let (mut section, mut is_ours) = ("", false);
    let (mut addresses, mut gateways) = (Vec::new(), Vec::new());
    let mut route = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            gateways.extend(route.take());
            section = line;
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        match (section, key.trim(), value.trim()) {
            ("[Match]", "Name", names) => is_ours = names.split_whitespace().any(|it| it == name),
            ("[Network]" | "[Address]", "Address", value) => addresses.extend(ip(value)),
            ("[Network]", "Gateway", value) => gateways.extend(ip(value)),
            ("[Route]", "Gateway", value) => route = ip(value),
            ("[Route]", "Destination", to) if !matches!(to, "0.0.0.0/0" | "::/0") => {
                route = None;
                section = "";
            }
            _ => (),
        }
    }
    gateways.extend(route);
    let pair = |address: &IpAddr| gateways.iter().map(|it| (*address, *it)).collect::<Vec<_>>();
    let all = addresses.iter().flat_map(pair).filter(|_| is_ours);
    all.filter(|(address, gateway)| address.is_ipv4() == gateway.is_ipv4())
        .collect()
}

/// What a DHCP server gave systemd-networkd: `ADDRESS=`, `ROUTER=`.
fn of_lease(text: &str) -> Vec<(IpAddr, IpAddr)> {
    let value = |key: &str| {
        let mut lines = text.lines();
        lines
            .find_map(|line| line.strip_prefix(key))
            .and_then(|it| ip(it.split(' ').next()?))
    };
    value("ADDRESS=").zip(value("ROUTER=")).into_iter().collect()
}

/// `192.0.2.10`, `192.0.2.10/24`
fn ip(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::testing::Machine;
    use diagnose::Measure;
    use host::Tool;

    const ETH0: &str = r#"[{"ifname":"eth0","flags":["UP","LOWER_UP"],"mtu":1500,"addr_info":[{"local":"192.0.2.10","prefixlen":24}]}]"#;
    const STATIC: &str = "auto eth0\niface eth0 inet static\n  address 192.0.2.10/24\n  gateway 192.0.2.1\n\niface eth1 inet static\n address 10.0.0.2/8\n gateway 10.0.0.1\n";

    fn without_default() -> Machine {
        Machine::new()
            .says(Tool::Routes { v6: false }, "[]")
            .says(Tool::Links, ETH0)
            .file("/sys/class/net/eth0/ifindex", "2\n")
    }

    fn put_back(machine: Machine) -> Vec<String> {
        machine.steps(vec![Measure::DefaultRoute { v6: false }])
    }

    #[test]
    fn the_default_route_is_the_one_that_the_owner_of_the_interface_wrote_down() {
        let step = "set-route,device:eth0,from:null,to:to:default,gateway:192.0.2.1,protocol:static";
        let networkd = "[Match]\nName=en* eth0\n[Network]\nAddress=192.0.2.10/24\n[Route]\nGateway=10.1.1.1\nDestination=10.0.0.0/8\n[Route]\nGateway=192.0.2.1\n";
        for (path, text) in [
            ("/etc/network/interfaces", STATIC),
            ("/etc/network/interfaces.d/eth0", STATIC),
            ("/etc/systemd/network/10-eth0.network", networkd),
            (
                "/run/systemd/netif/leases/2",
                "# made by systemd\nADDRESS=192.0.2.10\nNETMASK=255.255.255.0\nROUTER=192.0.2.1 192.0.2.9\n",
            ),
        ] {
            assert_eq!(put_back(without_default().file(path, text)), [step], "{path}");
        }
    }

    #[test]
    fn a_gateway_that_is_not_sure_is_left_to_a_person() {
        let two = STATIC.to_owned() + "iface eth0 inet static\n address 192.0.2.10\n gateway 192.0.2.254\n";
        for text in [
            "iface eth0 inet dhcp\n",
            // of another network, another time, another interface
            "iface eth0 inet static\n address 192.0.2.10/24\n gateway 198.51.100.1\n",
            "iface eth0 inet static\n address 192.0.2.77/24\n gateway 192.0.2.1\n",
            "iface eth1 inet static\n address 192.0.2.10/24\n gateway 192.0.2.1\n",
            &two,
        ] {
            let steps = put_back(without_default().file("/etc/network/interfaces", text));
            assert!(
                steps[0].starts_with("cannot: no file of ifupdown"),
                "{text}: {steps:?}"
            );
        }
        let there = r#"[{"dst":"default","gateway":"192.0.2.1","dev":"eth0","flags":[]}]"#;
        let again = Machine::new().says(Tool::Routes { v6: false }, there);
        assert!(put_back(again)[0].contains("there is a default route again"));
    }

    #[test]
    fn smaller_packets_go_to_the_peer_alone() {
        let to: IpAddr = [10, 9, 0, 7].into();
        let machine = |routes: &str| {
            let way = r#"[{"dst":"10.9.0.7","gateway":"10.0.0.1","dev":"tun0","flags":[],"cache":[]}]"#;
            Machine::new()
                .says(Tool::RouteGet { to }, way)
                .says(Tool::Routes { v6: false }, routes)
        };
        let measures = || vec![Measure::PathMtu { to, bytes: 1280 }];
        let made = "to:to:10.9.0.7,gateway:10.0.0.1,protocol:static,mtu:1280";
        assert_eq!(
            machine("[]").steps(measures()),
            [format!("set-route,device:tun0,from:null,{made}")]
        );
        // one that a person made gets it and stays theirs
        let own = r#"[{"dst":"10.9.0.7","gateway":"10.0.0.1","dev":"tun0","metric":5,"flags":[]}]"#;
        let steps = machine(own).steps(measures());
        assert_eq!(
            steps,
            [
                "set-route,device:tun0,from:to:10.9.0.7,gateway:10.0.0.1,protocol:,metric:5,to:to:10.9.0.7,gateway:10.0.0.1,protocol:,metric:5,mtu:1280"
            ]
        );
    }
}
