//! The name nginx asks for does not exist any more; the resolvers are fine and say so.

use crate::{Expect, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    stack: Stack::Dns,
    expect: Expect::Found(&["dns-name-missing"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "dns-name-missing",
        about: "The record api.shop.internal was renamed to api2: every resolver says NXDOMAIN for the old name.",
        inject: &[Step::Sh(
            "sed -i s/api.shop/api2.shop/ /etc/zone.hosts; systemctl kill -s HUP dnsmasq dnscache",
        )],
        restore: "sed -i s/api2.shop/api.shop/ /etc/zone.hosts; systemctl kill -s HUP dnsmasq dnscache",
        ..BASE
    },
    Scenario {
        name: "dns-name-missing-at-start",
        about: "proxy_pass names api.shop.internal, which nginx looks up when it starts; after the record was renamed \
                nginx was restarted, and refuses to start.",
        prepare: "sed -i '/set .backend/d; s/\\$backend/api.shop.internal/' /etc/nginx/sites-available/shop",
        inject: &[Step::Sh(
            "sed -i s/api.shop/api2.shop/ /etc/zone.hosts; systemctl kill -s HUP dnsmasq dnscache; sleep 1; systemctl restart nginx || true",
        )],
        traffic: Traffic {
            status: 0,
            ..Traffic::SHOP
        },
        restore: "sed -i s/api2.shop/api.shop/ /etc/zone.hosts; systemctl kill -s HUP dnsmasq dnscache; sleep 1; systemctl start nginx",
        chain: &["nginx-will-not-start", "dns-name-missing"],
        trigger: Some("unit-stop"),
        ..BASE
    },
];
