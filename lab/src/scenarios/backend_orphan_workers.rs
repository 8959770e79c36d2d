//! Workers outlived their master, hold its address and serve nobody; the unit cannot start beside them.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    fix: Fix::Ends { then: 502 },
    expect: Expect::Found(&["backend-orphan-workers"]),
    traffic: Traffic::SHOP_504,
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "backend-orphan-workers-fpm",
        about: "KillMode=process let two busy php-fpm workers survive their master's death; the new master finds \
                127.0.0.1:9000 taken (EADDRINUSE).",
        stack: Stack::FpmTcp,
        prepare: "
mkdir -p /etc/systemd/system/php8.2-fpm.service.d
printf '[Service]\\nKillMode=process\\n' >/etc/systemd/system/php8.2-fpm.service.d/kill.conf
sed -i 's/^pm = .*/pm = static/; s/^pm.max_children = .*/pm.max_children = 2/' /etc/php/8.2/fpm/pool.d/www.conf
",
        inject: &[Step::Sh(
            "sed -i '1a sleep(300);' /var/www/shop/report.php
             for _ in 1 2; do curl -s -m 1 -H 'Host: shop.example' http://127.0.0.1/report.php >/dev/null & done; wait
             systemctl kill -s KILL --kill-who=main php8.2-fpm
             sleep 0.3
             systemctl start php8.2-fpm || true",
        )],
        restore: "sed -i 2d /var/www/shop/report.php; pkill -9 -x php-fpm8.2 || true; systemctl restart php8.2-fpm",
        ..BASE
    },
    Scenario {
        name: "backend-orphan-workers-uwsgi",
        about: "The same with uWSGI on 127.0.0.1:3031: two busy workers without a master hold the address.",
        stack: Stack::Uwsgi,
        prepare: "sed -i '/^ExecStart/a KillMode=process' /etc/systemd/system/app.service
                  sed -i 's|return \"<h1>Report|return time.sleep(READING) or \"<h1>Report|; s|^import time|&\\nREADING = 0|' /srv/app/shop.py",
        inject: &[Step::Sh(
            "sed -i 's/^READING = 0/READING = 300/' /srv/app/shop.py
             systemctl restart app; await_listener :3031
             for _ in 1 2; do curl -s -m 1 -H 'Host: shop.example' http://127.0.0.1/report >/dev/null & done; wait
             systemctl kill -s KILL --kill-who=main app
             sleep 0.3
             systemctl start app || true",
        )],
        restore: "sed -i 's/^READING = 300/READING = 0/' /srv/app/shop.py; pkill -9 -f uwsgi.ini || true; systemctl restart app",
        ..BASE
    },
];
