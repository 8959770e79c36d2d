//! Large packets vanish on the way to the machine that nginx proxies to.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "mtu-blackhole",
    about: "The router's link to the host carries 1300 bytes, and the machine behind it drops the router's word about it: \
            the front page arrives, the report does not (504 while reading).",
    stack: Stack::Remote,
    prepare: "sed -i s/192.0.2.1:8080/198.51.100.2:8080/ /etc/nginx/sites-available/shop",
    inject: &[Step::Around(
        "ip netns exec $far nft 'table inet f { chain i { type filter hook input priority 0; icmp type destination-unreachable drop; }; }'
         ip -n $router link set dev $router mtu 1300",
    )],
    traffic: Traffic { path: "/report", ..Traffic::SHOP_504 },
    restore_around: "ip -n $router link set dev $router mtu 1500; ip netns exec $far nft delete table inet f",
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["mtu-blackhole"]),
    ..Scenario::BASE
}];
