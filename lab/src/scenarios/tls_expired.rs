//! A TLS backend's certificate is past its date.

use crate::{Expect, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    inject: &[Step::Sh(
        "/srv/tls/issue ours 20200101000000Z 20210101000000Z; systemctl restart app; await_listener 443",
    )],
    restore: "/srv/tls/issue ours 20200101000000Z 20490101000000Z; systemctl restart app; await_listener 443",
    expect: Expect::Found(&["tls-expired"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "tls-expired-python",
        about: "The backend's certificate ended years ago; nginx verifies it.",
        stack: Stack::TlsPython,
        ..BASE
    },
    Scenario {
        name: "tls-expired-node",
        about: "The same with a node program.",
        stack: Stack::TlsNode,
        ..BASE
    },
];
