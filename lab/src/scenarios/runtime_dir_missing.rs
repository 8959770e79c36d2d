//! The directory of the backend's socket is not there: it was made by hand under /run, or taken away.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["runtime-dir-missing"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "runtime-dir-missing-gunicorn",
        about: "Somebody made /run/app by hand; after a reboot it is gone and gunicorn can't bind its socket.",
        stack: Stack::GunicornUnix,
        prepare: "sed -i /RuntimeDirectory/d /etc/systemd/system/app.service; install -d -o www-data /run/app",
        inject: &[Step::Reboot, Step::Sh("await_failure app")],
        restore: "install -d -o www-data /run/app; systemctl restart app",
        trigger: Some("reboot"),
        ..BASE
    },
    Scenario {
        name: "runtime-dir-missing-fpm",
        about: "The same with php-fpm, whose pool has a directory of its own under /run.",
        prepare: "install -d /run/shop
                  sed -i 's|^listen = .*|listen = /run/shop/php.sock|' /etc/php/8.2/fpm/pool.d/www.conf
                  sed -i 's|unix:/run/php/php8.2-fpm.sock|unix:/run/shop/php.sock|' /etc/nginx/sites-available/shop",
        inject: &[Step::Reboot, Step::Sh("await_failure php8.2-fpm")],
        restore: "install -d /run/shop; systemctl restart php8.2-fpm",
        trigger: Some("reboot"),
        ..BASE
    },
    Scenario {
        name: "runtime-dir-missing-swept",
        fix: Fix::Ends { then: 200 },
        about: "A clean-up script swept /run/app away under the running gunicorn, which listens on where no path leads.",
        stack: Stack::GunicornUnix,
        inject: &[Step::Sh("rm -r /run/app")],
        restore: "systemctl restart app",
        ..BASE
    },
];
