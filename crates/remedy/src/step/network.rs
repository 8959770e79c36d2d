//! Names and interfaces, in the words of the tools that own them.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Who keeps answers of name servers on this host. dnsmasq is told by a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameCache {
    /// systemd-resolved: `resolvectl flush-caches`
    Resolved,
    /// The C library's: `nscd -i hosts`
    Nscd,
    /// `unbound-control flush_zone .`
    Unbound,
}

/// Who sets an interface up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// systemd-networkd: `networkctl reconfigure NAME`
    Networkd,
    /// `nmcli device connect NAME`
    NetworkManager,
    /// `ifdown NAME; ifup NAME`
    Ifupdown,
}

/// What an interface has: what its undo puts back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Addresses with the length of their network's prefix, but for those that the kernel gives by itself.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Routes by way of it, those that others lean on first, but for those that come with an address.
    pub routes: Vec<Route>,
}

/// A route of the main table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// `default`, `10.0.0.0/8`
    pub to: String,
    /// Through this gateway; `None` where it is on the link itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// From this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// Who made it: `dhcp`, `static`.
    pub protocol: String,
    /// Of several the least wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// The gateway counts as on the link whatever the addresses say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub onlink: bool,
    /// The largest packet that may go this way, bytes; `None` is what its interface carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
}

impl NameCache {
    /// The command that empties it.
    pub fn command(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Resolved => ("resolvectl", &["flush-caches"]),
            Self::Nscd => ("nscd", &["-i", "hosts"]),
            Self::Unbound => ("unbound-control", &["flush_zone", "."]),
        }
    }

    /// Whose it is.
    pub fn program(self) -> &'static str {
        match self {
            Self::Resolved => "systemd-resolved",
            Self::Nscd => "nscd",
            Self::Unbound => "unbound",
        }
    }
}

impl Owner {
    /// Its name.
    pub fn program(self) -> &'static str {
        match self {
            Self::Networkd => "systemd-networkd",
            Self::NetworkManager => "NetworkManager",
            Self::Ifupdown => "ifupdown",
        }
    }

    /// What sets that interface up anew, one command after the other.
    pub fn commands(self, name: &str) -> Vec<(&'static str, Vec<&str>)> {
        match self {
            Self::Networkd => vec![("networkctl", vec!["reconfigure", name])],
            Self::NetworkManager => vec![("nmcli", vec!["device", "connect", name])],
            Self::Ifupdown => vec![("ifdown", vec!["--force", name]), ("ifup", vec![name])],
        }
    }
}

impl Network {
    /// What gives it all back to an interface, as arguments of `ip`.
    pub fn commands(&self, name: &str) -> Vec<Vec<String>> {
        let up = words(&["link", "set", "dev", name, "up"]);
        let address = |(address, length): &(IpAddr, u8)| {
            words(&["address", "replace", &format!("{address}/{length}"), "dev", name])
        };
        let routes = self.routes.iter().map(|route| route.set(name));
        std::iter::once(up)
            .chain(self.addresses.iter().map(address))
            .chain(routes)
            .collect()
    }
}

impl Route {
    /// What makes it, as arguments of `ip`.
    pub fn set(&self, device: &str) -> Vec<String> {
        let mut args = self.named("replace", device);
        let mut push = |key: &str, value: Option<String>| {
            args.extend(value.into_iter().flat_map(|value| [key.to_owned(), value]));
        };
        push("src", self.source.map(|it| it.to_string()));
        push("mtu", self.mtu.map(|it| it.to_string()));
        args.extend(self.onlink.then(|| "onlink".to_owned()));
        args
    }

    /// What takes it away.
    pub fn remove(&self, device: &str) -> Vec<String> {
        self.named("del", device)
    }

    /// What tells it from other routes to the same place.
    fn named(&self, verb: &str, device: &str) -> Vec<String> {
        let mut args = words(&[if self.is_v6() { "-6" } else { "-4" }, "route", verb, &self.to]);
        let mut push = |key: &str, value: Option<String>| {
            args.extend(value.into_iter().flat_map(|value| [key.to_owned(), value]));
        };
        push("via", self.gateway.map(|it| it.to_string()));
        push("dev", Some(device.to_owned()));
        push("proto", Some(self.protocol.clone()).filter(|it| !it.is_empty()));
        push("metric", self.metric.map(|it| it.to_string()));
        args
    }

    /// Its family, which `default` alone does not tell.
    pub fn is_v6(&self) -> bool {
        self.to.contains(':') || self.gateway.is_some_and(|it| it.is_ipv6())
    }

    /// Whether the kernel holds this one: a metric that nobody named is the kernel's to choose.
    pub fn is(&self, held: &Self) -> bool {
        let metric = self.metric.or(held.metric);
        Self {
            metric,
            ..self.clone()
        } == *held
    }
}

impl From<host::looks::Route> for Route {
    fn from(it: host::looks::Route) -> Self {
        Self {
            to: it.to,
            gateway: it.gateway,
            source: it.source,
            protocol: it.protocol,
            metric: it.metric,
            onlink: it.onlink,
            mtu: it.mtu,
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interface_had_is_put_back_by_ip() {
        let network = Network {
            addresses: vec![(IpAddr::from([10, 0, 0, 2]), 24)],
            routes: vec![Route {
                to: "default".to_owned(),
                gateway: Some(IpAddr::from([10, 0, 0, 1])),
                source: None,
                protocol: "dhcp".to_owned(),
                metric: Some(100),
                onlink: true,
                mtu: None,
            }],
        };
        let commands: Vec<String> = network.commands("eth0").iter().map(|it| it.join(" ")).collect();
        assert_eq!(
            commands,
            [
                "link set dev eth0 up",
                "address replace 10.0.0.2/24 dev eth0",
                "-4 route replace default via 10.0.0.1 dev eth0 proto dhcp metric 100 onlink",
            ]
        );
    }
}
