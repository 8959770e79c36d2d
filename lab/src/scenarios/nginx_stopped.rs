//! nginx itself was stopped, or died and nothing started it again; its configuration is sound.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["nginx-stopped"]),
    traffic: Traffic {
        status: 0,
        ..Traffic::SHOP
    },
    restore: "systemctl start nginx",
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "nginx-stopped-by-hand",
        about: "nginx was stopped with systemctl; nobody answers on port 80.",
        stack: Stack::FpmUnix,
        inject: &[Step::Sh("systemctl stop nginx")],
        trigger: Some("unit-stop"),
        ..BASE
    },
    Scenario {
        name: "nginx-stopped-killed",
        about: "All of nginx was killed by SIGKILL; its unit has no Restart= and stays failed.",
        stack: Stack::Node,
        inject: &[Step::Sh("systemctl kill -s KILL nginx; await_failure nginx")],
        ..BASE
    },
];
