//! nginx resolved the name when it started; the name has moved since.

use crate::{Expect, Fix, Scenario, Stack, Step};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "dns-stale-address",
    fix: Fix::Ends { then: 200 },
    about: "A static proxy_pass by name: the program and its record moved from 127.0.0.5 to 127.0.0.6, nginx keeps the old.",
    stack: Stack::Dns,
    prepare: "sed -i '/set $backend/d; /resolver/d; s/$backend/api.shop.internal/' /etc/nginx/sites-available/shop",
    inject: &[Step::Sh(
        "sed -i s/127.0.0.5/127.0.0.6/ /etc/zone.hosts /etc/systemd/system/app.service
         systemctl kill -s HUP dnsmasq dnscache
         systemctl daemon-reload
         systemctl restart app",
    )],
    restore: "systemctl reload nginx",
    expect: Expect::Found(&["dns-stale-address"]),
    trigger: Some("dns-change"),
    ..Scenario::BASE
}];
