//! One page takes longer than nginx waits; workers are free and the other pages are quick.

use crate::{Expect, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["slow-backend"]),
    traffic: Traffic {
        path: "/report",
        at_once: 2,
        ..Traffic::SHOP_504
    },
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "slow-backend-fpm",
        about: "A PHP page takes eight seconds, fastcgi_read_timeout is four; eighteen of twenty workers are idle.",
        stack: Stack::FpmUnix,
        prepare: "sed -i 's/^pm = .*/pm = static/; s/^pm.max_children = .*/pm.max_children = 20/' /etc/php/8.2/fpm/pool.d/www.conf",
        inject: &[Step::Sh("sed -i '1a sleep(8);' /var/www/shop/report.php")],
        traffic: Traffic { path: "/report.php", at_once: 2, ..Traffic::SHOP_504 },
        restore: "sed -i 2d /var/www/shop/report.php",
        ..BASE
    },
    Scenario {
        name: "slow-backend-gunicorn",
        about: "A page of a threaded gunicorn takes eight seconds, proxy_read_timeout is four.",
        stack: Stack::GunicornTcp,
        prepare: "sed -i 's/--workers 2/& --threads 8/' /etc/systemd/system/app.service",
        inject: &[Step::Sh("sed -i 's|return \"<h1>Report|time.sleep(8); &|' /srv/app/shop.py; systemctl restart app; await_listener :8000")],
        restore: "sed -i 's|time.sleep(8); ||' /srv/app/shop.py; systemctl restart app",
        ..BASE
    },
    Scenario {
        name: "slow-backend-node",
        about: "A page of a node program waits eight seconds for something; the event loop is free.",
        stack: Stack::Node,
        inject: &[Step::Sh(
            "sed -i \"s|'/report': .*|'/report': (req, res) => setTimeout(() => res.end('report'), 8000),|\" /srv/app/server.js
             systemctl restart app; await_listener :3000",
        )],
        restore: "sed -i \"s|'/report': .*|'/report': (req, res) => res.end('report'),|\" /srv/app/server.js; systemctl restart app",
        ..BASE
    },
];
