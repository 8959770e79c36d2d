//! The program ends seconds after each start, and systemd starts it again for ever.

use crate::{Expect, Scenario, Stack, Step, Traffic};

const AGAIN: &str = "sed -i 's/^User=.*/&\\nRestart=always\\nRestartSec=1500ms/; s/^After=.*/&\\nStartLimitIntervalSec=0/' /etc/systemd/system/app.service";

const BASE: Scenario = Scenario {
    prepare: AGAIN,
    expect: Expect::Found(&["backend-crash-loop"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "backend-crash-loop-gunicorn",
        about: "The new version imports a Python module that is not installed; Restart=always tries it for ever, with a \
                pause that never meets the start limit.",
        stack: Stack::GunicornUnix,
        inject: &[Step::Sh(
            "sed -i '1i import stripe' /srv/app/shop.py; systemctl restart app || true
             until [ \"$(systemctl show -P NRestarts app)\" -ge 3 ]; do sleep 0.1; done",
        )],
        restore: "sed -i 1d /srv/app/shop.py; systemctl restart app",
        trigger: Some("deploy"),
        ..BASE
    },
    Scenario {
        name: "backend-crash-loop-serving",
        about: "A check in the background throws two seconds after each start: the pages are served and refused in turn, \
                and no request is to blame.",
        stack: Stack::Node,
        inject: &[Step::Sh(
            "echo \"setTimeout(() => { throw new Error('no licence for 4 seats'); }, 2000);\" >>/srv/app/server.js
             systemctl restart app
             until [ \"$(systemctl show -P NRestarts app)\" -ge 4 ]; do sleep 0.1; done",
        )],
        traffic: Traffic {
            at_once: 1,
            ..Traffic::SHOP
        },
        restore: "sed -i '$d' /srv/app/server.js; systemctl restart app",
        ..BASE
    },
];
