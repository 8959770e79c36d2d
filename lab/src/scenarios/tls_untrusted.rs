//! A TLS backend's certificate is by an authority that nginx is not told to trust.

use crate::{Expect, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    inject: &[Step::Sh(
        "/srv/tls/issue theirs 20200101000000Z 20490101000000Z; systemctl restart app; await_listener 443",
    )],
    restore: "/srv/tls/issue ours 20200101000000Z 20490101000000Z; systemctl restart app; await_listener 443",
    expect: Expect::Found(&["tls-untrusted"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "tls-untrusted-python",
        about: "The backend has a new certificate by another authority than proxy_ssl_trusted_certificate names.",
        stack: Stack::TlsPython,
        ..BASE
    },
    Scenario {
        name: "tls-untrusted-node",
        about: "The same with a node program.",
        stack: Stack::TlsNode,
        ..BASE
    },
];
