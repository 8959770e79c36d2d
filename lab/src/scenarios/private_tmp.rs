//! The socket is in a /tmp of the backend's own, which nginx does not see.

use crate::{Expect, Fix, Scenario, Stack, Step};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "private-tmp-gunicorn",
    fix: Fix::Mends { ways: 1 },
    about: "The program listens on /tmp/app.sock and its unit got PrivateTmp=yes: nginx says errno 2, the listener lives.",
    stack: Stack::GunicornUnix,
    prepare: "sed -i 's|/run/app/app.sock|/tmp/app.sock|' /etc/systemd/system/app.service /etc/nginx/sites-available/shop",
    inject: &[Step::Sh(
        "sed -i 's/^User=.*/&\\nPrivateTmp=yes/' /etc/systemd/system/app.service
         systemctl daemon-reload; systemctl restart app; await_listener app.sock",
    )],
    restore: "sed -i /^PrivateTmp/d /etc/systemd/system/app.service; systemctl daemon-reload; systemctl restart app",
    expect: Expect::Found(&["private-tmp"]),
    ..Scenario::BASE
}];
