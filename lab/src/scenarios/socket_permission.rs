//! The socket's own mode and owner exclude nginx's worker.

use crate::{Expect, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["socket-permission"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "socket-permission-fpm",
        about: "listen.owner and listen.group of the pool became root: srw-rw---- root root, and nginx runs as www-data.",
        stack: Stack::FpmUnix,
        inject: &[Step::Sh(
            "sed -i 's/^listen.owner = .*/listen.owner = root/; s/^listen.group = .*/listen.group = root/' /etc/php/8.2/fpm/pool.d/www.conf
             systemctl restart php8.2-fpm",
        )],
        restore: "sed -i 's/^listen.owner = .*/listen.owner = www-data/; s/^listen.group = .*/listen.group = www-data/' /etc/php/8.2/fpm/pool.d/www.conf
                  systemctl restart php8.2-fpm",
        ..BASE
    },
    Scenario {
        name: "socket-permission-gunicorn",
        about: "The unit now runs as another user with umask 007: the socket is closed to nginx, its directory is open.",
        stack: Stack::GunicornUnix,
        inject: &[Step::Sh(
            "sed -i 's/^User=.*/User=daemon/; s/--workers/--umask 007 &/' /etc/systemd/system/app.service
             systemctl daemon-reload; systemctl restart app; await_listener app.sock",
        )],
        restore: "sed -i 's/^User=.*/User=www-data/; s/--umask 007 //' /etc/systemd/system/app.service
                  systemctl daemon-reload; systemctl restart app",
        ..BASE
    },
];
