//! Another program holds the port that nginx should listen on.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["edge-port-taken"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "edge-port-taken-apache",
        about: "Apache was started while nginx was down for a moment, and has port 80; visitors get its 404.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "systemctl stop nginx; echo 'Listen 80' >/etc/apache2/ports.conf; systemctl start apache2; systemctl start nginx || true",
        )],
        traffic: Traffic {
            path: "/report",
            status: 404,
            ..Traffic::SHOP
        },
        fix: Fix::Mends { ways: 1 },
        restore: "systemctl stop apache2; systemctl start nginx",
        ..BASE
    },
    Scenario {
        name: "edge-port-taken-python",
        about: "A file server that somebody started by hand has port 80.",
        stack: Stack::Node,
        inject: &[Step::Sh(
            "systemctl stop nginx; mkdir -p /srv/share
             systemd-run -q --unit=share python3 -m http.server --directory /srv/share 80; await_listener ':80 '
             systemctl start nginx || true",
        )],
        traffic: Traffic {
            path: "/report",
            status: 404,
            ..Traffic::SHOP
        },
        restore: "systemctl stop share; systemctl start nginx",
        ..BASE
    },
];
