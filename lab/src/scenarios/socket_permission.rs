//! The socket's own mode and owner exclude nginx's worker.

use crate::{Expect, Fix, Interrupt, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["socket-permission"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "socket-permission-fpm",
        about: "listen.owner and listen.group of the pool became root: srw-rw---- root root, and nginx runs as www-data. The \
                pool has a status page: a restart keeps what it tells.",
        stack: Stack::FpmUnix,
        prepare: "echo 'pm.status_path = /pool' >>/etc/php/8.2/fpm/pool.d/www.conf",
        inject: &[Step::Sh(
            "sed -i 's/^listen.owner = .*/listen.owner = root/; s/^listen.group = .*/listen.group = root/' /etc/php/8.2/fpm/pool.d/www.conf
             systemctl restart php8.2-fpm",
        )],
        restore: "[ ! -d /var/lib/why502/fixes ] || grep -q '^active processes:' /var/lib/why502/fixes/*/forensics/pool-0-status
                  sed -i 's/^listen.owner = .*/listen.owner = www-data/; s/^listen.group = .*/listen.group = www-data/' /etc/php/8.2/fpm/pool.d/www.conf
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
    Scenario {
        name: "fix-stopped",
        about: "The same, and somebody presses Ctrl-C while the fix waits for a unit that takes eight seconds to start.",
        prepare: "sed -i 's|^ExecStart=|ExecStartPre=/bin/sleep 8\\n&|' /etc/systemd/system/app.service",
        fix: Fix::Interrupted(Interrupt::Stop),
        ..SLOW_START
    },
    Scenario {
        name: "fix-killed",
        about: "The same, and why502 is killed (SIGKILL) while its fix waits for a unit that takes three seconds to start.",
        fix: Fix::Interrupted(Interrupt::Kill),
        ..SLOW_START
    },
    Scenario {
        name: "fix-cut-by-reboot",
        about: "The same, and the host restarts in the middle of the fix.",
        fix: Fix::Interrupted(Interrupt::Reboot),
        ..SLOW_START
    },
];

const SLOW_START: Scenario = Scenario {
    stack: Stack::GunicornUnix,
    prepare: "sed -i 's|^ExecStart=|ExecStartPre=/bin/sleep 3\\n&|' /etc/systemd/system/app.service",
    inject: &[Step::Sh(
        "sed -i 's/^User=.*/User=daemon/; s/--workers/--umask 007 &/' /etc/systemd/system/app.service
         systemctl daemon-reload; systemctl restart app; await_listener app.sock",
    )],
    restore: "sed -i 's/^User=.*/User=www-data/; s/--umask 007 //' /etc/systemd/system/app.service
              systemctl daemon-reload; systemctl restart app; await_listener app.sock",
    ..BASE
};
