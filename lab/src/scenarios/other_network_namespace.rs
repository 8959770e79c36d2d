//! The backend listens on the loopback address that nginx asks, in a network of its own.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["other-network-namespace"]),
    restore: "rm -r /etc/systemd/system/app.service.d; systemctl daemon-reload; systemctl restart app",
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "other-network-namespace-private",
        about: "Somebody hardened gunicorn's unit with PrivateNetwork=yes.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "mkdir /etc/systemd/system/app.service.d
             printf '[Service]\\nPrivateNetwork=yes\\n' >/etc/systemd/system/app.service.d/hardening.conf
             systemctl daemon-reload
             systemctl restart app",
        )],
        ..BASE
    },
    Scenario {
        name: "other-network-namespace-named",
        about: "node's unit was put into a network namespace that has a name.",
        stack: Stack::Node,
        inject: &[Step::Sh(
            "ip netns add apps
             ip -n apps link set lo up
             mkdir /etc/systemd/system/app.service.d
             printf '[Service]\\nNetworkNamespacePath=/run/netns/apps\\n' >/etc/systemd/system/app.service.d/network.conf
             systemctl daemon-reload
             systemctl restart app",
        )],
        ..BASE
    },
];
