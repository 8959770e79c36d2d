//! The machine that nginx proxies to is gone.

use crate::{Expect, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    stack: Stack::Remote,
    expect: Expect::Found(&["host-unreachable"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "host-unreachable-gone",
        about: "A machine of the host's own network has lost its address; nginx waits no longer than the kernel looks \
                for it: 504.",
        prepare: "sed -i s/192.0.2.1:8080/192.0.2.7:8080/ /etc/nginx/sites-available/shop",
        inject: &[
            Step::Around("ip -n $router addr del 192.0.2.7/24 dev $router"),
            Step::Sh(
                "until ip neigh show 192.0.2.7 | grep -q FAILED; do curl -s -m 1 http://192.0.2.7:8080/ || true; done",
            ),
        ],
        traffic: Traffic::SHOP_504,
        restore_around: "ip -n $router addr add 192.0.2.7/24 dev $router",
        ..BASE
    },
    Scenario {
        name: "host-unreachable-behind-router",
        about: "A machine behind a router is gone, and the router says so after three seconds: errno 113.",
        prepare: "sed -i 's/192.0.2.1:8080/198.51.100.2:8080/; s/connect_timeout 3s/connect_timeout 6s/' /etc/nginx/sites-available/shop",
        inject: &[
            Step::Around("ip -n $far addr del 198.51.100.2/26 dev eth0"),
            Step::Sh(
                "until [ \"$(curl -s -m 5 -o /dev/null -w '%{exitcode}' http://198.51.100.2:8080/)\" = 7 ]; do :; done",
            ),
        ],
        restore_around: "ip -n $far addr add 198.51.100.2/26 dev eth0; ip -n $far route add default via 198.51.100.1",
        ..BASE
    },
];
