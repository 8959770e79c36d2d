//! The resolver nginx is told to use does not answer; the host's own does.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    stack: Stack::Dns,
    expect: Expect::Found(&["dns-resolver-down"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "dns-resolver-down-stopped",
        about: "The caching resolver that nginx names was stopped: sends are refused, then the lookup times out.",
        inject: &[Step::Sh("systemctl stop dnscache")],
        restore: "systemctl start dnscache",
        ..BASE
    },
    Scenario {
        name: "dns-resolver-down-silent",
        about: "The caching resolver that nginx names hangs (state T): lookups only time out.",
        inject: &[Step::Sh("systemctl kill -s STOP dnscache")],
        restore: "systemctl kill -s CONT dnscache",
        ..BASE
    },
];
