//! The pool listens on a unix socket and nginx asks TCP, or the reverse.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 2 },
    expect: Expect::Found(&["listen-type-mismatch"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "listen-type-mismatch-tcp-pool",
        about: "php-fpm's pool was moved to 127.0.0.1:9000; nginx still asks the unix socket (errno 2).",
        stack: Stack::FpmUnix,
        inject: &[Step::Sh(
            "sed -i 's|^listen = .*|listen = 127.0.0.1:9000|' /etc/php/8.2/fpm/pool.d/www.conf; systemctl restart php8.2-fpm",
        )],
        restore: "sed -i 's|^listen = .*|listen = /run/php/php8.2-fpm.sock|' /etc/php/8.2/fpm/pool.d/www.conf
                  systemctl restart php8.2-fpm",
        ..BASE
    },
    Scenario {
        name: "listen-type-mismatch-unix-pool",
        about: "php-fpm's pool is back on its packaged unix socket; nginx still asks 127.0.0.1:9000 (errno 111).",
        stack: Stack::FpmTcp,
        inject: &[Step::Sh(
            "sed -i 's|^listen = .*|listen = /run/php/php8.2-fpm.sock|' /etc/php/8.2/fpm/pool.d/www.conf
             systemctl restart php8.2-fpm",
        )],
        restore: "sed -i 's|^listen = .*|listen = 127.0.0.1:9000|' /etc/php/8.2/fpm/pool.d/www.conf; systemctl restart php8.2-fpm",
        ..BASE
    },
];
