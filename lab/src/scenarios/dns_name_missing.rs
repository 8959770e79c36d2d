//! The name nginx asks for does not exist any more; the resolvers are fine and say so.

use crate::{Expect, Scenario, Stack, Step};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "dns-name-missing",
    about: "The record api.shop.internal was renamed to api2: every resolver says NXDOMAIN for the old name.",
    stack: Stack::Dns,
    inject: &[Step::Sh(
        "sed -i s/api.shop/api2.shop/ /etc/zone.hosts; systemctl kill -s HUP dnsmasq dnscache",
    )],
    restore: "sed -i s/api2.shop/api.shop/ /etc/zone.hosts; systemctl kill -s HUP dnsmasq dnscache",
    expect: Expect::Found(&["dns-name-missing"]),
    ..Scenario::BASE
}];
