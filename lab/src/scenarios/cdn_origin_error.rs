//! nginx proxies to a name that a CDN serves, and the CDN can't reach its origin.

use crate::{Expect, Scenario, Stack, Step, Traffic};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "cdn-origin-error",
    about: "The machine that nginx proxies to is the edge of a CDN: it answers 522 from now on, in its own name.",
    stack: Stack::Remote,
    prepare: "sed -i s/192.0.2.1:8080/198.51.100.66:8080/ /etc/nginx/sites-available/shop",
    inject: &[Step::Around(
        "ip netns exec $far nft 'table ip edge { chain prerouting { type nat hook prerouting priority dstnat; tcp dport 8080 redirect to :8081; }; }'",
    )],
    traffic: Traffic {
        status: 522,
        ..Traffic::SHOP
    },
    restore_around: "ip netns exec $far nft delete table ip edge",
    expect: Expect::Found(&["cdn-origin-error"]),
    ..Scenario::BASE
}];
