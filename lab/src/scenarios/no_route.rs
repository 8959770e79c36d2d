//! The host has no route to the machine that nginx proxies to.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    stack: Stack::Remote,
    expect: Expect::Found(&["no-route"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "no-route-default-gone",
        about: "The default route is gone; visitors come from a network that has a route of its own.",
        prepare: "sed -i s/192.0.2.1:8080/198.51.100.2:8080/ /etc/nginx/sites-available/shop
                  ip route add 203.0.113.0/24 via 192.0.2.1; mkdir -p /etc/network
                  printf '%s\\n' 'auto eth0' 'iface eth0 inet static' ' address 192.0.2.10/24' ' gateway 192.0.2.1' >/etc/network/interfaces",
        inject: &[Step::Sh("ip route del default")],
        fix: Fix::Mends { ways: 1 },
        restore: "ip route add default via 192.0.2.1",
        ..BASE
    },
    Scenario {
        name: "no-route-prohibited",
        about: "A prohibit route to the other machine: connect() fails with errno 13 on TCP, without SELinux or a firewall.",
        inject: &[Step::Sh("ip route add prohibit 192.0.2.1/32")],
        restore: "ip route del prohibit 192.0.2.1/32",
        ..BASE
    },
];
