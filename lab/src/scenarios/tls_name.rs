//! A TLS backend wants another name than nginx sends or expects.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["tls-name"]),
    ..Scenario::BASE
};
const NAMELESS: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    inject: &[Step::Sh(
        "sed -i s/.*proxy_ssl_server_name.*/#/ /etc/nginx/sites-available/shop; systemctl reload nginx",
    )],
    restore: "sed -i 's/^#/        proxy_ssl_server_name on;/' /etc/nginx/sites-available/shop; systemctl reload nginx",
    ..BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "tls-name-python",
        about: "nginx sends no name with its handshake; the backend refuses such with alert 112.",
        stack: Stack::TlsPython,
        prepare: "touch /srv/tls/strict",
        ..NAMELESS
    },
    Scenario {
        name: "tls-name-node",
        about: "nginx sends no name with its handshake; the backend has a certificate only for one (alert 40).",
        stack: Stack::TlsNode,
        prepare: "touch /srv/tls/strict",
        ..NAMELESS
    },
    Scenario {
        name: "tls-name-certificate",
        about: "nginx expects a name that the backend's certificate does not hold.",
        stack: Stack::TlsPython,
        inject: &[Step::Sh(
            "sed -i s/shop.internal/api.internal/ /etc/nginx/sites-available/shop; systemctl reload nginx",
        )],
        restore: "sed -i s/api.internal/shop.internal/ /etc/nginx/sites-available/shop; systemctl reload nginx",
        ..BASE
    },
];
