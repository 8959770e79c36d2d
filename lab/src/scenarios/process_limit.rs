//! The backend may not start another process.

use crate::{Expect, Fix, Held, Scenario, Step, Traffic};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "process-limit-fpm",
    fix: Fix::Mends { ways: 1 },
    about: "php-fpm starts workers on demand and its unit may have three tasks: two visitors of a slow page take its two workers, and the third can't be started.",
    prepare: "own_limits
              sed -i 's/^pm = .*/pm = ondemand/; s/^pm.max_children = .*/pm.max_children = 20/' /etc/php/8.2/fpm/pool.d/www.conf
              sed -i '2i usleep(1500000);' /var/www/shop/report.php",
    inject: &[Step::Sh("limit php8.2-fpm TasksMax=3; systemctl restart php8.2-fpm")],
    held: Some(Held {
        path: "/report.php",
        visitors: 10,
    }),
    traffic: Traffic::SHOP_504,
    restore: "rm -r /etc/systemd/system/php8.2-fpm.service.d; systemctl daemon-reload; systemctl restart php8.2-fpm",
    expect: Expect::Found(&["process-limit"]),
    ..Scenario::BASE
}];
