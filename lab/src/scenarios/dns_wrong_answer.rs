//! The resolver that nginx asks keeps an old answer; the zone's own server knows better.

use crate::{Expect, Fix, Scenario, Stack, Step};

/// `shop.internal NS ns.shop.internal`, in the bytes of the wire: dnsmasq has no word for it.
const PREPARE: &str = "
echo '127.0.0.53 ns.shop.internal' >>/etc/zone.hosts
echo 'dns-rr=shop.internal,2,026e730473686f7008696e7465726e616c00' >>/etc/dnsmasq.d/internal.conf
cp /etc/zone.hosts /etc/cache.hosts
sed -i s/zone.hosts/cache.hosts/ /etc/dnscache.conf
";

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "dns-wrong-answer",
    about: "The program and its record moved from 127.0.0.5 to 127.0.0.6; the cache that nginx's resolver directive names \
            still says 127.0.0.5.",
    stack: Stack::Dns,
    prepare: PREPARE,
    inject: &[Step::Sh(
        "sed -i 's/127.0.0.5 api/127.0.0.6 api/' /etc/zone.hosts
         sed -i s/127.0.0.5:/127.0.0.6:/ /etc/systemd/system/app.service
         systemctl kill -s HUP dnsmasq
         systemctl daemon-reload
         systemctl restart app",
    )],
    fix: Fix::Mends { ways: 1 },
    restore: "cp /etc/zone.hosts /etc/cache.hosts; systemctl kill -s HUP dnscache",
    expect: Expect::Found(&["dns-wrong-answer"]),
    ..Scenario::BASE
}];
