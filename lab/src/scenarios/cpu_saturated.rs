//! A unit has used up its share of the CPU.

use crate::{Expect, Fix, Scenario, Step, Traffic};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "cpu-saturated-quota",
    fix: Fix::Mends { ways: 1 },
    about: "The front page computes for a moment, and php-fpm may use 2 % of one processor: nginx gives up before the page is done.",
    prepare: "own_limits
              sed -i '2i for ($i = 0; $i < 2000000; $i++) { $sum = md5((string) $i); }' /var/www/shop/index.php",
    inject: &[Step::Sh("limit php8.2-fpm CPUQuota=2%; systemctl restart php8.2-fpm")],
    traffic: Traffic {
        at_once: 1,
        ..Traffic::SHOP_504
    },
    restore: "rm -r /etc/systemd/system/php8.2-fpm.service.d; systemctl daemon-reload; systemctl restart php8.2-fpm",
    expect: Expect::Found(&["cpu-saturated"]),
    ..Scenario::BASE
}];
