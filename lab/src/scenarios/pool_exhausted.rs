//! Every worker is busy with requests that would each end in time; the queue before them is longer than nginx waits.

use crate::{Expect, Fix, Held, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["pool-exhausted"]),
    traffic: Traffic::SHOP_504,
    ..Scenario::BASE
};

const SLOW_PHP: &str = "sed -i '1a sleep(2);' /var/www/shop/report.php";
const QUICK_PHP: &str = "sed -i 2d /var/www/shop/report.php";

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "pool-exhausted-fpm",
        fix: Fix::Mends { ways: 1 },
        about: "php-fpm's dynamic pool has two children; ten visitors of a page that takes two seconds keep both busy. Its \
                status page, served beside them, counts them.",
        stack: Stack::FpmUnix,
        prepare: "sed -i 's/^pm.max_children = .*/pm.max_children = 2/; s/^pm.max_spare_servers = .*/pm.max_spare_servers = 2/' \
                  /etc/php/8.2/fpm/pool.d/www.conf
                  printf '%s\n' 'pm.status_path = /pool' 'pm.status_listen = 127.0.0.1:9001' >>/etc/php/8.2/fpm/pool.d/www.conf",
        inject: &[Step::Sh(SLOW_PHP)],
        held: Some(Held {
            path: "/report.php",
            visitors: 10,
        }),
        restore: QUICK_PHP,
        shows: &["by its own count all 2 workers are busy"],
        ..BASE
    },
    Scenario {
        name: "pool-exhausted-apache",
        fix: Fix::Mends { ways: 1 },
        about: "Apache prefork may run two workers (MaxRequestWorkers 2); ten visitors keep both busy.",
        stack: Stack::Apache,
        prepare: "sed -i 's/MaxRequestWorkers.*/MaxRequestWorkers 2/; s/StartServers.*/StartServers 2/; s/MinSpareServers.*/MinSpareServers 1/' \
                  /etc/apache2/mods-available/mpm_prefork.conf",
        inject: &[Step::Sh(SLOW_PHP)],
        held: Some(Held {
            path: "/report.php",
            visitors: 10,
        }),
        restore: QUICK_PHP,
        ..BASE
    },
    Scenario {
        name: "pool-exhausted-gunicorn",
        fix: Fix::Mends { ways: 1 },
        about: "gunicorn has two sync workers; ten visitors of a page that takes two seconds keep both busy.",
        stack: Stack::GunicornUnix,
        inject: &[Step::Sh(
            "sed -i 's|return \"<h1>Report|time.sleep(2); &|' /srv/app/shop.py; systemctl restart app; await_listener app.sock",
        )],
        held: Some(Held {
            path: "/report",
            visitors: 10,
        }),
        restore: "sed -i 's|time.sleep(2); ||' /srv/app/shop.py; systemctl restart app",
        ..BASE
    },
];
