//! Right port, other address.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 2 },
    expect: Expect::Found(&["bound-elsewhere"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "bound-elsewhere-gunicorn",
        about: "gunicorn now binds the address of eth0 only; nginx asks 127.0.0.1 on the same port.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "sed -i s/127.0.0.1:8000/192.0.2.10:8000/ /etc/systemd/system/app.service; systemctl daemon-reload; systemctl restart app",
        )],
        restore: "sed -i s/192.0.2.10:8000/127.0.0.1:8000/ /etc/systemd/system/app.service; systemctl daemon-reload; systemctl restart app",
        ..BASE
    },
    Scenario {
        name: "bound-elsewhere-apache-v6",
        about: "Apache listens on [::1]:7080 only; nginx asks 127.0.0.1:7080.",
        stack: Stack::Apache,
        inject: &[Step::Sh(
            "sed -i 's/127.0.0.1:7080/[::1]:7080/' /etc/apache2/ports.conf /etc/apache2/sites-available/shop.conf; systemctl restart apache2",
        )],
        restore: "sed -i 's/\\[::1\\]:7080/127.0.0.1:7080/' /etc/apache2/ports.conf /etc/apache2/sites-available/shop.conf; systemctl restart apache2",
        ..BASE
    },
];
