//! Requests failed while the backend's unit was restarted, and only then.

use crate::{Expect, Held, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    held: Some(Held {
        path: "/",
        visitors: 3,
    }),
    expect: Expect::Recovered(Some("backend-restart-window")),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "backend-restart-window-node",
        about: "A node unit that needs 1.5 s before it listens (a migration) was restarted under traffic.",
        stack: Stack::Node,
        prepare: "sed -i 's|^ExecStart=|ExecStartPre=/bin/sleep 1.5\\n&|' /etc/systemd/system/app.service",
        inject: &[Step::Sh("systemctl restart --no-block app")],
        ..BASE
    },
    Scenario {
        name: "backend-restart-window-apache",
        about: "Apache was restarted under traffic: refused for about as long as it takes to start.",
        stack: Stack::Apache,
        inject: &[Step::Sh("systemctl restart --no-block apache2")],
        ..BASE
    },
];
