//! The upstream is asked over IPv6, to which this host has no way.

use crate::{Expect, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["ipv6-unusable"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "ipv6-unusable-resolver",
        about: "`ipv6=off` was taken out; the name has an IPv6 address too, and nginx may not retry.",
        stack: Stack::Dns,
        prepare: "echo '2001:db8::5 api.shop.internal' >>/etc/zone.hosts",
        inject: &[Step::Sh(
            "sed -i 's/ ipv6=off;/; proxy_next_upstream off;/' /etc/nginx/sites-available/shop; systemctl reload nginx",
        )],
        restore: "sed -i 's/; proxy_next_upstream off;/ ipv6=off;/' /etc/nginx/sites-available/shop; sed -i /2001:db8/d /etc/zone.hosts
                  systemctl kill -s HUP dnsmasq dnscache; systemctl reload nginx; sleep 1",
        ..BASE
    },
    Scenario {
        name: "ipv6-unusable-address",
        about: "The upstream was written as an IPv6 address of a network that this host has no route to.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "sed -i 's/127.0.0.1:8000/[2001:db8::5]:8000/' /etc/nginx/sites-available/shop; systemctl reload nginx",
        )],
        restore: "sed -i 's/\\[2001:db8::5\\]:8000/127.0.0.1:8000/' /etc/nginx/sites-available/shop; systemctl reload nginx",
        ..BASE
    },
];
