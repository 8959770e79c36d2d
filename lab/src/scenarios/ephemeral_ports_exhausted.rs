//! No local port is left for a connection to the upstream.

use crate::{Expect, Fix, Held, Scenario, Stack, Step};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "ephemeral-ports-exhausted-node",
    fix: Fix::Mends { ways: 1 },
    about: "Connections may leave from ten ports only, and visitors of a slow page hold them all.",
    stack: Stack::Node,
    prepare: "sed -i \"s|'/report': .*|'/report': (req, res) => setTimeout(() => res.end('<h1>Report</h1>'), 2500),|\" /srv/app/server.js",
    inject: &[Step::Sh("sysctl -qw net.ipv4.ip_local_port_range='40000 40009'")],
    held: Some(Held {
        path: "/report",
        visitors: 10,
    }),
    restore: "sysctl -qw net.ipv4.ip_local_port_range='32768 60999'",
    expect: Expect::Found(&["ephemeral-ports-exhausted"]),
    ..Scenario::BASE
}];
