//! The backend is alive and listens, but takes nothing from its accept queue: 504.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    fix: Fix::Ends { then: 200 },
    expect: Expect::Found(&["backend-hung"]),
    traffic: Traffic::SHOP_504,
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "backend-hung-fpm",
        about: "Every php-fpm process is stopped (state T): connections queue, nobody reads them.",
        stack: Stack::FpmUnix,
        inject: &[Step::Sh("systemctl kill -s STOP php8.2-fpm")],
        restore: "systemctl kill -s CONT php8.2-fpm",
        ..BASE
    },
    Scenario {
        name: "backend-hung-apache",
        about: "Every Apache process is stopped (state T).",
        stack: Stack::Apache,
        inject: &[Step::Sh("systemctl kill -s STOP apache2")],
        restore: "systemctl kill -s CONT apache2",
        ..BASE
    },
    Scenario {
        name: "backend-hung-node",
        about: "A node program turns in an endless loop: it runs, it listens, it accepts nothing.",
        stack: Stack::Node,
        prepare: "sed -i \"s|'/report': .*|'/report': (req, res) => { if (require('fs').existsSync('/srv/app/audit')) for (;;); res.end('ok'); },|\" /srv/app/server.js",
        inject: &[Step::Sh(
            "touch /srv/app/audit; curl -s -m 1 -H 'Host: shop.example' http://127.0.0.1/report || true",
        )],
        restore: "rm /srv/app/audit; systemctl restart app",
        ..BASE
    },
];
