//! Hosts on which nothing fails and much is about to: what `why502 audit` must foresee.

use crate::{Audit, Expect, Scenario, Stack, Step, Traffic};

const TOMORROW: Scenario = Scenario {
    traffic: Traffic {
        status: 200,
        ..Traffic::SHOP
    },
    expect: Expect::Healthy,
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "tomorrow-gunicorn",
        about: "All is well today; the unit is not enabled, nginx asks localhost, the kernel cuts the accept queue, log \
                rotation restarts the backend, and its interpreter was replaced on disk. Two of them are changed and put \
                back.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "sysctl -qw net.core.somaxconn=32
             systemctl restart app && await_listener :8000
             systemctl disable -q app
             sed -i 's/127.0.0.1:8000/localhost:8000/' /etc/nginx/sites-available/shop
             nginx -s reload
             printf '/var/log/app/*.log {\\n  daily\\n  postrotate\\n    systemctl restart app\\n  endscript\\n}\\n' >/etc/logrotate.d/app
             python=$(readlink -f /usr/bin/python3)
             cp -a $python /root/p && mv -f /root/p $python",
        )],
        restore: "true",
        audit: Some(Audit {
            tells: &[
                "unit-not-enabled app.service",
                "unit-stays-down app.service",
                "unit-stays-down php8.2-fpm.service",
                "localhost-one-family 127.0.0.1:8000",
                "backlog-short app.service",
                "log-rotation-restarts app.service",
                "old-libraries app.service",
            ],
            mends: &["unit-not-enabled app.service", "localhost-one-family 127.0.0.1:8000", "unit-stays-down app.service"],
        }),
        ..TOMORROW
    },
    Scenario {
        name: "tomorrow-fpm",
        about: "All is well today; a pool may grow far beyond the memory, its time limit is nginx's own, and its socket \
                stands in /tmp. The limit of the pool is changed and put back.",
        stack: Stack::FpmUnix,
        prepare: "pool=/etc/php/8.2/fpm/pool.d/www.conf
             sed -i 's|^listen = .*|listen = /tmp/shop.sock|; s|^pm.max_children.*|pm.max_children = 90000|' $pool
             echo 'request_terminate_timeout = 4s' >>$pool
             sed -i 's|unix:/run/php/php8.2-fpm.sock|unix:/tmp/shop.sock|' /etc/nginx/sites-available/shop",
        restore: "true",
        audit: Some(Audit {
            tells: &[
                "workers-exceed-memory pool www of php8.2-fpm.service",
                "timeouts-race php8.2-fpm.service",
                "socket-in-tmp /tmp/shop.sock",
                "unit-stays-down php8.2-fpm.service",
                "unit-stays-down blog.service",
            ],
            mends: &["workers-exceed-memory pool www of php8.2-fpm.service", "timeouts-race php8.2-fpm.service"],
        }),
        ..TOMORROW
    },
];
