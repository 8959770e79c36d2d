//! nginx and a TLS backend share no version of TLS.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    prepare: "touch /srv/tls/old",
    inject: &[Step::Sh(
        "sed -i 's/proxy_ssl_server_name on;/& proxy_ssl_protocols TLSv1.3;/' /etc/nginx/sites-available/shop; systemctl reload nginx",
    )],
    restore: "sed -i 's/ proxy_ssl_protocols.*//' /etc/nginx/sites-available/shop; systemctl reload nginx",
    expect: Expect::Found(&["tls-version"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "tls-version-python",
        about: "nginx is set to TLS 1.3 only; the backend has nothing newer than 1.2 (alert 70).",
        stack: Stack::TlsPython,
        ..BASE
    },
    Scenario {
        name: "tls-version-node",
        about: "The same with a node program.",
        stack: Stack::TlsNode,
        ..BASE
    },
];
