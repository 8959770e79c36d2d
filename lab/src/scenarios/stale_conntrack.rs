//! The kernel still translates nginx's questions to a resolver that moved.

use crate::{Expect, Fix, Scenario, Stack, Step};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "stale-conntrack",
    about: "nginx asks its resolver at a virtual address, as that of a cluster's DNS; what answers behind it moved from \
            127.0.0.54 to 127.0.0.55, the translation follows, and the flow of nginx's own socket keeps the old one.",
    stack: Stack::Dns,
    prepare: "sed -i 's/^worker_processes .*/worker_processes 1;/' /etc/nginx/nginx.conf
              sed -i s/127.0.0.54/10.96.0.10/ /etc/nginx/sites-available/shop
              nft 'table ip service { chain output { type nat hook output priority -100; udp dport 53 ip daddr 10.96.0.10 dnat to 127.0.0.54; }; }'",
    inject: &[Step::Sh(
        "nft flush chain ip service output
         nft add rule ip service output udp dport 53 ip daddr 10.96.0.10 dnat to 127.0.0.55
         nft 'table ip gone { chain input { type filter hook input priority filter; ip daddr 127.0.0.54 drop; }; }'
         sed -i s/127.0.0.54/127.0.0.55/ /etc/dnscache.conf
         systemctl restart dnscache",
    )],
    fix: Fix::Ends { then: 200 },
    restore: "conntrack -D -p udp -d 10.96.0.10 || true",
    expect: Expect::Found(&["stale-conntrack"]),
    ..Scenario::BASE
}];
