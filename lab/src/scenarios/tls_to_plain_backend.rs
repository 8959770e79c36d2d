//! nginx speaks TLS to a port of plain HTTP.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    inject: &[Step::Sh(
        "sed -i s,http://,https://, /etc/nginx/sites-available/shop; systemctl reload nginx",
    )],
    restore: "sed -i s,https://,http://, /etc/nginx/sites-available/shop; systemctl reload nginx",
    expect: Expect::Found(&["tls-to-plain-backend"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "tls-to-plain-backend-apache",
        about: "https:// was written for Apache's plain port: Apache answers the handshake in plain HTTP.",
        stack: Stack::Apache,
        ..BASE
    },
    Scenario {
        name: "tls-to-plain-backend-gunicorn",
        about: "https:// was written for gunicorn's plain port, which waits for the end of a first line (504).",
        traffic: Traffic::SHOP_504,
        stack: Stack::GunicornTcp,
        ..BASE
    },
];
