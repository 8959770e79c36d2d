//! One page of the program fails by an error in its code; its log has the file and line, the other pages work.

use crate::{Expect, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    stack: Stack::Node,
    prepare: "sed -i 's/^User=.*/&\\nRestart=always\\nRestartSec=100ms/; s/^After=.*/&\\nStartLimitIntervalSec=0/' /etc/systemd/system/app.service",
    traffic: Traffic {
        path: "/report",
        at_once: 1,
        ..Traffic::SHOP
    },
    restore: "sed -i \"s|'/report': .*|'/report': (req, res) => res.end('report'),|\" /srv/app/server.js; systemctl restart app",
    expect: Expect::Found(&["app-bug"]),
    trigger: Some("deploy"),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "app-bug-exception",
        about: "A deploy made /report throw a TypeError in a callback: the process ends with a stack trace and is \
                started again at once, so the front page works.",
        inject: &[Step::Sh(
            "sed -i \"s|'/report': .*|'/report': (req, res) => setTimeout(() => res.end(req.session.user.name), 20),|\" /srv/app/server.js
             systemctl restart app; await_listener :3000",
        )],
        ..BASE
    },
    Scenario {
        name: "app-bug-rejection",
        about: "A deploy made /report await a promise that is rejected and that nobody catches.",
        inject: &[Step::Sh(
            "sed -i \"s|'/report': .*|'/report': async (req, res) => { const order = await Promise.resolve(null); res.end(order.total); },|\" /srv/app/server.js
             systemctl restart app; await_listener :3000",
        )],
        ..BASE
    },
];
