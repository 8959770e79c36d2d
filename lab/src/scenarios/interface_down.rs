//! The interface towards the machine that nginx proxies to is down.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    stack: Stack::Remote,
    prepare: "sed -i s/192.0.2.1:8080/198.51.100.66:8080/ /etc/nginx/sites-available/shop",
    expect: Expect::Found(&["interface-down"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "interface-down-set-down",
        about: "The second interface was set down; packets take the default route, where nobody knows that network.",
        inject: &[Step::Sh("ip link set dev eth1 down")],
        fix: Fix::Mends { ways: 1 },
        restore: "ip link set dev eth1 up",
        ..BASE
    },
    Scenario {
        name: "interface-down-no-carrier",
        about: "The other end of the second interface is down: no carrier, and the routes stay.",
        inject: &[Step::Around("ip -n $far link set dev eth1 down")],
        traffic: Traffic::SHOP_504,
        restore_around: "ip -n $far link set dev eth1 up",
        ..BASE
    },
];
