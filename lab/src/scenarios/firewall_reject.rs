//! A rule rejects the way from nginx to a backend that lives.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["firewall-reject"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "firewall-reject-nft-input",
        about: "An nftables input chain rejects port 8000, loopback included: errno 111 though gunicorn listens.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "nft 'table inet filter { chain input { type filter hook input priority filter; policy accept; tcp dport { 8000, 8443 } counter reject; }; }'",
        )],
        restore: "nft delete table inet filter",
        ..BASE
    },
    Scenario {
        name: "firewall-reject-iptables-output",
        about: "An iptables OUTPUT rule answers connections to port 3000 with a reset.",
        stack: Stack::Node,
        inject: &[Step::Sh(
            "iptables -A OUTPUT -p tcp --dport 3000 -j REJECT --reject-with tcp-reset",
        )],
        restore: "iptables -F OUTPUT",
        ..BASE
    },
    Scenario {
        name: "firewall-reject-remote",
        about: "An nftables output rule rejects the way to another machine as administratively prohibited: errno 113 at once.",
        stack: Stack::Remote,
        inject: &[Step::Sh(
            "nft 'table inet filter { chain output { type filter hook output priority filter; policy accept; ip daddr 192.0.2.1 tcp dport 8080 counter reject with icmpx type admin-prohibited; }; }'",
        )],
        restore: "nft delete table inet filter",
        ..BASE
    },
];
