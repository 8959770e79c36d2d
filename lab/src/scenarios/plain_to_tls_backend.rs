//! nginx speaks plain HTTP to a TLS port.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    inject: &[Step::Sh(
        "sed -i s,https://,http://, /etc/nginx/sites-available/shop; systemctl reload nginx",
    )],
    restore: "sed -i s,http://,https://, /etc/nginx/sites-available/shop; systemctl reload nginx",
    expect: Expect::Found(&["plain-to-tls-backend"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "plain-to-tls-backend-python",
        about: "http:// was written for a Python program behind TLS: it closes without a word.",
        stack: Stack::TlsPython,
        ..BASE
    },
    Scenario {
        name: "plain-to-tls-backend-node",
        about: "http:// was written for a node program behind TLS.",
        stack: Stack::TlsNode,
        ..BASE
    },
];
