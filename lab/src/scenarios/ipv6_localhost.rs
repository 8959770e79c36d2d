//! `localhost` is two peers, and the backend listens on one of them.

use crate::{Expect, Fix, Scenario, Stack, Step};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "ipv6-localhost-node",
    fix: Fix::Mends { ways: 1 },
    about: "nginx asks localhost without a second try; a node program that listened on every address now listens on \
            127.0.0.1 only, so every other request meets [::1] and is refused.",
    stack: Stack::Node,
    // getaddrinfo leaves ::1 out until the host has another IPv6 address (AI_ADDRCONFIG), which the kernel tries for a second
    prepare: "for _ in $(seq 50); do ip -6 address show dev eth0 -tentative | grep -q inet6 && break; sleep 0.1; done
              echo 'upstream shop_app { server localhost:3000 max_fails=0; }' >/etc/nginx/conf.d/upstreams.conf
              sed -i 's|127.0.0.1:3000;|shop_app;\\n        proxy_next_upstream off;|' /etc/nginx/sites-available/shop
              sed -i \"s/listen(3000, '127.0.0.1')/listen(3000)/\" /srv/app/server.js",
    inject: &[Step::Sh("sed -i \"s/listen(3000)/listen(3000, '127.0.0.1')/\" /srv/app/server.js; systemctl restart app; await_listener :3000")],
    restore: "sed -i \"s/listen(3000, '127.0.0.1')/listen(3000)/\" /srv/app/server.js; systemctl restart app; await_listener :3000",
    expect: Expect::Found(&["ipv6-localhost"]),
    ..Scenario::BASE
}];
