//! An operator stopped the backend's unit: no process, no listener, no failure.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["backend-stopped"]),
    trigger: Some("unit-stop"),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "backend-stopped-fpm",
        about: "php-fpm was stopped with systemctl, which also removes its socket: nginx logs errno 2.",
        stack: Stack::FpmUnix,
        inject: &[Step::Sh("systemctl stop php8.2-fpm")],
        restore: "systemctl start php8.2-fpm",
        ..BASE
    },
    Scenario {
        name: "backend-stopped-fpm-tcp",
        about: "php-fpm on 127.0.0.1:9000 was stopped with systemctl: nginx logs errno 111.",
        stack: Stack::FpmTcp,
        inject: &[Step::Sh("systemctl stop php8.2-fpm")],
        restore: "systemctl start php8.2-fpm",
        report: &[
            "Written down while it failed: php8.2-fpm.service is stopped",
            "php8.2-fpm.service was stopped",
            "shop.example begins to fail (502",
            "php8.2-fpm.service is stopped, so nothing answers on 127.0.0.1:9000",
            "why502 begins to mend it: ",
            "proved, it stays",
            "taking it back",
            "the host is as it was",
            "requests lost",
            "connection refused (111)",
        ],
        ..BASE
    },
    Scenario {
        name: "backend-stopped-apache",
        about: "Apache on 127.0.0.1:7080 behind nginx was stopped with systemctl.",
        stack: Stack::Apache,
        inject: &[Step::Sh("systemctl stop apache2")],
        restore: "systemctl start apache2",
        ..BASE
    },
    Scenario {
        name: "backend-stopped-gunicorn",
        about: "The unit of a gunicorn program on a unix socket was stopped; its runtime directory went with it.",
        stack: Stack::GunicornUnix,
        inject: &[Step::Sh("systemctl stop app")],
        restore: "systemctl start app",
        ..BASE
    },
    Scenario {
        name: "backend-stopped-uwsgi",
        about: "The unit of a uWSGI program on 127.0.0.1:3031 was stopped.",
        stack: Stack::Uwsgi,
        inject: &[Step::Sh("systemctl stop app")],
        restore: "systemctl start app",
        ..BASE
    },
];
