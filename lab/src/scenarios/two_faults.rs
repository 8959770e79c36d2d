//! Two sites fail for two reasons: both are roots.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BLOG: Traffic = Traffic {
    site: "blog.example",
    ..Traffic::SHOP
};

const STOPPED_AND_PORT: Scenario = Scenario {
    stack: Stack::FpmUnix,
    inject: &[Step::Sh(
        "systemctl stop php8.2-fpm; sed -i s/3100/3200/ /srv/blog/server.js; systemctl restart blog",
    )],
    also: Some(BLOG),
    restore: "systemctl start php8.2-fpm; sed -i s/3200/3100/ /srv/blog/server.js; systemctl restart blog",
    expect: Expect::Found(&["backend-stopped", "wrong-upstream-port"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "two-faults-stopped-and-port",
        fix: Fix::Mends { ways: 1 },
        about: "The shop's php-fpm was stopped; the blog's node program was moved to another port.",
        ..STOPPED_AND_PORT
    },
    Scenario {
        name: "two-faults-at-a-terminal",
        fix: Fix::Asked { roots: 2 },
        about: "The same two with a person at a terminal, who is asked about each.",
        ..STOPPED_AND_PORT
    },
    Scenario {
        name: "two-faults-header-and-died",
        fix: Fix::Mends { ways: 1 },
        about: "A page of the shop sends too much header; the blog's node program was killed.",
        stack: Stack::FpmTcp,
        inject: &[Step::Sh(
            "sed -i \"1a setcookie('cart', str_repeat('x', 9000));\" /var/www/shop/report.php; systemctl kill -s KILL blog; await_failure blog",
        )],
        traffic: Traffic { path: "/report.php", ..Traffic::SHOP },
        also: Some(BLOG),
        restore: "sed -i 2d /var/www/shop/report.php; systemctl start blog",
        expect: Expect::Found(&["header-too-big", "backend-died"]),
        ..Scenario::BASE
    },
    Scenario {
        name: "two-faults-firewall-and-config",
        fix: Fix::Mends { ways: 1 },
        about: "A firewall rule rejects the way to the shop's gunicorn; the blog's php-fpm does not start on a broken pool.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "nft 'table inet filter { chain input { type filter hook input priority filter; policy accept; tcp dport 8000 counter reject; }; }'
             sed -i.bak 's/^pm.max_children/pm.max_childrn/' /etc/php/8.2/fpm/pool.d/www.conf
             systemctl restart php8.2-fpm || true",
        )],
        also: Some(BLOG),
        restore: "nft delete table inet filter
                  mv /etc/php/8.2/fpm/pool.d/www.conf.bak /etc/php/8.2/fpm/pool.d/www.conf
                  systemctl start php8.2-fpm",
        expect: Expect::Found(&["firewall-reject", "backend-bad-config"]),
        ..Scenario::BASE
    },
];
