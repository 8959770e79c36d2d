//! A name in a variable, and no resolver to look it up with.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    stack: Stack::Dns,
    restore: "sed -i 's/^#resolver/    resolver 127.0.0.54/' /etc/nginx/sites-available/shop; systemctl reload nginx",
    expect: Expect::Found(&["dns-no-resolver"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "dns-no-resolver-reload",
        fix: Fix::Mends { ways: 1 },
        about: "The `resolver` line was taken out and nginx reloaded; the name stands in a variable.",
        inject: &[Step::Sh(
            "sed -i 's/^    resolver 127.0.0.54/#resolver/' /etc/nginx/sites-available/shop; systemctl reload nginx",
        )],
        ..BASE
    },
    Scenario {
        name: "dns-no-resolver-php",
        about: "A PHP site was given its pool by a name in a variable; no resolver was ever configured.",
        stack: Stack::FpmTcp,
        inject: &[Step::Sh(
            "echo '127.0.0.1 php.shop.internal' >>/etc/hosts
             sed -i 's|fastcgi_pass 127.0.0.1:9000;|set $pool php.shop.internal; fastcgi_pass $pool:9000;|' /etc/nginx/sites-available/shop
             systemctl reload nginx",
        )],
        restore: "sed -i 's|set $pool.*|fastcgi_pass 127.0.0.1:9000;|' /etc/nginx/sites-available/shop; systemctl reload nginx",
        ..BASE
    },
];
