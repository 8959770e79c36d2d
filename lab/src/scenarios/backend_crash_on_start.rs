//! A deploy left the program unable to start: its last log lines are a traceback, and a restart does not help.

use crate::{Expect, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["backend-crash-on-start"]),
    trigger: Some("deploy"),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "backend-crash-on-start-gunicorn",
        about: "The new version imports a Python module that is not installed; gunicorn ends with exit code 3.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "sed -i '1i import stripe' /srv/app/shop.py; systemctl restart app; await_failure app",
        )],
        restore: "sed -i 1d /srv/app/shop.py; systemctl restart app",
        ..BASE
    },
    Scenario {
        name: "backend-crash-on-start-node",
        about: "The new version requires a node module that is not installed.",
        stack: Stack::Node,
        inject: &[Step::Sh(
            "sed -i \"1i const stripe = require('stripe');\" /srv/app/server.js; systemctl restart app; await_failure app",
        )],
        restore: "sed -i 1d /srv/app/server.js; systemctl restart app",
        ..BASE
    },
];
