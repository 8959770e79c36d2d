//! A rule drops the way from nginx to a backend that lives: nginx times out while connecting (504).

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["firewall-drop"]),
    traffic: Traffic::SHOP_504,
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "firewall-drop-nft-input",
        about: "An nftables input chain drops port 8000, loopback included.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "nft 'table inet filter { chain input { type filter hook input priority filter; policy accept; tcp dport 8000 counter drop; }; }'",
        )],
        restore: "nft delete table inet filter",
        ..BASE
    },
    Scenario {
        name: "firewall-drop-iptables",
        about: "An iptables INPUT rule drops port 7080.",
        stack: Stack::Apache,
        inject: &[Step::Sh("iptables -A INPUT -p tcp --dport 7080 -j DROP")],
        restore: "iptables -F INPUT",
        ..BASE
    },
    Scenario {
        name: "firewall-drop-remote",
        about: "An nftables output rule drops the way to port 8080 of another machine that answers everything else.",
        stack: Stack::Remote,
        inject: &[Step::Sh(
            "nft 'table inet filter { chain output { type filter hook output priority filter; policy accept; tcp dport 8080 counter drop; }; }'",
        )],
        restore: "nft delete table inet filter",
        ..BASE
    },
];
