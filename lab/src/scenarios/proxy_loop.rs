//! nginx asks itself.

use crate::{Expect, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    // a header that grows with each round ends some loops in 400
    prepare: "sed -i /X-Forwarded-For/d /etc/nginx/sites-available/shop",
    traffic: Traffic {
        status: 500,
        at_once: 1,
        ..Traffic::SHOP
    },
    expect: Expect::Found(&["proxy-loop"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "proxy-loop-gunicorn",
        about: "The target of the shop was edited to port 80, nginx's own, with the Host passed on.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "sed -i s/127.0.0.1:8000/127.0.0.1:80/ /etc/nginx/sites-available/shop; systemctl reload nginx",
        )],
        restore: "sed -i s/127.0.0.1:80/127.0.0.1:8000/ /etc/nginx/sites-available/shop; systemctl reload nginx",
        ..BASE
    },
    Scenario {
        name: "proxy-loop-node",
        about: "The same by the host's own address on its network.",
        stack: Stack::Node,
        inject: &[Step::Sh(
            "sed -i s/127.0.0.1:3000/192.0.2.10/ /etc/nginx/sites-available/shop; systemctl reload nginx",
        )],
        restore: "sed -i s/192.0.2.10/127.0.0.1:3000/ /etc/nginx/sites-available/shop; systemctl reload nginx",
        ..BASE
    },
];
