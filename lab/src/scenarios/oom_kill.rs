//! The kernel kills a process whose control group has no memory left.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    prepare: "own_limits",
    expect: Expect::Found(&["oom-kill"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "oom-kill-worker",
        fix: Fix::Mends { ways: 1 },
        about: "php-fpm may use 60 MiB and the report takes more: the kernel kills the worker that makes it, and other pages go well.",
        inject: &[Step::Sh(
            "limit php8.2-fpm MemoryMax=60M OOMPolicy=continue
             sed -i '2i $rows = str_repeat(\"row \", 18000000);' /var/www/shop/report.php
             systemctl restart php8.2-fpm",
        )],
        traffic: Traffic {
            path: "/report.php",
            at_once: 1,
            ..Traffic::SHOP
        },
        restore: "rm -r /etc/systemd/system/php8.2-fpm.service.d; systemctl daemon-reload; systemctl restart php8.2-fpm",
        ..BASE
    },
    Scenario {
        name: "oom-kill-node",
        fix: Fix::Mends { ways: 1 },
        about: "The shop keeps every visit in memory until its unit has used its 80 MiB: the kernel kills the only process, and nothing starts it again.",
        stack: Stack::Node,
        inject: &[Step::Sh(
            "limit app MemoryMax=80M
             sed -i \"s|^const pages = {|const rows = [];\\n&\\n  '/import': () => { for (let row = 0; row < 300; row++) rows.push(Buffer.alloc(1e6, 'row')); },|\" /srv/app/server.js
             systemctl restart app; await_listener :3000
             curl -s -o /dev/null -H 'Host: shop.example' localhost/import || true
             await_failure app",
        )],
        restore: "rm -r /etc/systemd/system/app.service.d; systemctl daemon-reload; systemctl restart app; await_listener :3000",
        ..BASE
    },
    Scenario {
        name: "oom-kill-database",
        fix: Fix::Mends { ways: 1 },
        about: "MariaDB may use 250 MiB, and an export takes them all: the kernel kills the database, whose unit has Restart=no.",
        stack: Stack::FpmMariaDb,
        inject: &[Step::Sh(
            "limit mariadb MemoryMax=250M Restart=no
             systemctl restart mariadb; await_listener mysqld.sock
             mariadb -e \"SET max_heap_table_size = 2 << 30, tmp_table_size = 2 << 30;
               CREATE TEMPORARY TABLE shop.export (line CHAR(255)) ENGINE=MEMORY SELECT repeat('x', 255) AS line FROM shop.seq_1_to_3000000\" || true
             await_failure mariadb",
        )],
        traffic: Traffic {
            status: 500,
            ..Traffic::SHOP
        },
        restore: "rm -r /etc/systemd/system/mariadb.service.d; systemctl daemon-reload; systemctl restart mariadb",
        ..BASE
    },
];
