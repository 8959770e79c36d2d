//! One page makes a worker crash (SIGSEGV); the others work.

use crate::{Expect, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["worker-crash"]),
    ..Scenario::BASE
};

/// Freeing a very deep array overflows the C stack.
const DEEP: &str = "
cat >/var/www/shop/report.php <<'PHP'
<?php
ini_set('memory_limit', '-1');
$tree = null;
for ($i = 0; $i < 500000; $i++) $tree = [$tree];
unset($tree);
echo \"report\\n\";
PHP
";
const SHALLOW: &str = "cp /var/www/shop/index.php /var/www/shop/report.php";
const REPORT_PHP: Traffic = Traffic {
    path: "/report.php",
    at_once: 2,
    ..Traffic::SHOP
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "worker-crash-fpm",
        about: "A PHP page segfaults its php-fpm worker: 104 for that page, a kernel line in the same second.",
        stack: Stack::FpmUnix,
        inject: &[Step::Sh(DEEP)],
        traffic: REPORT_PHP,
        restore: SHALLOW,
        ..BASE
    },
    Scenario {
        name: "worker-crash-apache",
        about: "The same page under mod_php: Apache logs the child's signal, nginx a premature close.",
        stack: Stack::Apache,
        inject: &[Step::Sh(DEEP)],
        traffic: REPORT_PHP,
        restore: SHALLOW,
        ..BASE
    },
    Scenario {
        name: "worker-crash-gunicorn",
        about: "A Python page reads address 0 through a C library: gunicorn reports a worker ended by SIGSEGV.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "sed -i 's|return \"<h1>Report.*|import ctypes; return ctypes.string_at(0).decode()|' /srv/app/shop.py
             systemctl restart app; await_listener :8000",
        )],
        traffic: Traffic { path: "/report", at_once: 2, ..Traffic::SHOP },
        restore: "sed -i 's|import ctypes; .*|return \"<h1>Report</h1>\"|' /srv/app/shop.py; systemctl restart app",
        ..BASE
    },
];
