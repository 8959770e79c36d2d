//! The backend's unit is not enabled, and the host was restarted: it fails since boot.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["backend-not-enabled"]),
    trigger: Some("reboot"),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "backend-not-enabled-node",
        about: "A node program's unit was started by hand and never enabled; the host has just rebooted.",
        stack: Stack::Node,
        inject: &[Step::Sh("systemctl disable -q app"), Step::Reboot],
        restore: "systemctl enable -q --now app",
        ..BASE
    },
    Scenario {
        name: "backend-not-enabled-fpm",
        about: "php-fpm's unit is disabled and the host has just rebooted: no socket, no failure in any log.",
        stack: Stack::FpmUnix,
        inject: &[Step::Sh("systemctl disable -q php8.2-fpm"), Step::Reboot],
        restore: "systemctl enable -q --now php8.2-fpm",
        ..BASE
    },
];
