//! One page answers with more header than nginx's buffer holds.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["header-too-big"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "header-too-big-fpm",
        about: "A PHP page sends nine kilobytes of cookie; fastcgi_buffer_size is the default page size.",
        stack: Stack::FpmUnix,
        inject: &[Step::Sh("sed -i \"1a setcookie('cart', str_repeat('x', 9000));\" /var/www/shop/report.php")],
        traffic: Traffic { path: "/report.php", ..Traffic::SHOP },
        restore: "sed -i 2d /var/www/shop/report.php",
        ..BASE
    },
    Scenario {
        name: "header-too-big-node",
        about: "A page of a node program sends nine kilobytes of cookie; proxy_buffer_size is the default.",
        stack: Stack::Node,
        inject: &[Step::Sh(
            "sed -i \"s|'/report': .*|'/report': (req, res) => { res.setHeader('Set-Cookie', 'cart=' + 'x'.repeat(9000)); res.end('report'); },|\" /srv/app/server.js
             systemctl restart app; await_listener :3000",
        )],
        traffic: Traffic { path: "/report", ..Traffic::SHOP },
        restore: "sed -i \"s|'/report': .*|'/report': (req, res) => res.end('report'),|\" /srv/app/server.js; systemctl restart app",
        ..BASE
    },
];
