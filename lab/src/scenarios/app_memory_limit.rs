//! A request needs more memory than its language allows it.

use crate::{Expect, Fix, Scenario, Step, Traffic};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "app-memory-limit-php",
    fix: Fix::Mends { ways: 1 },
    about: "The pool's memory_limit is 16 MiB, and the front page has come to need 40.",
    inject: &[Step::Sh(
        "echo 'php_admin_value[memory_limit] = 16M' >>/etc/php/8.2/fpm/pool.d/www.conf
         sed -i '2i $rows = str_repeat(\"row \", 10000000);' /var/www/shop/index.php
         systemctl reload php8.2-fpm",
    )],
    traffic: Traffic {
        status: 500,
        ..Traffic::SHOP
    },
    restore: "sed -i '/memory_limit/d' /etc/php/8.2/fpm/pool.d/www.conf; sed -i 2d /var/www/shop/index.php; systemctl reload php8.2-fpm",
    expect: Expect::Found(&["app-memory-limit"]),
    ..Scenario::BASE
}];
