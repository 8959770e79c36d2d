//! Another program was quicker: it has the address that the shop's backend is configured to listen on.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["backend-port-taken"]),
    ..Scenario::BASE
};

/// Starts this program as a unit on 127.0.0.1:9000, and then php-fpm.
const BEFORE_FPM: &str = "
systemctl stop php8.2-fpm
systemd-run -q --unit=reports --collect python3 -m http.server --bind 127.0.0.1 --directory /usr/share 9000
await_listener 127.0.0.1:9000
systemctl start php8.2-fpm || true
";

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "backend-port-taken-fpm",
        about: "A web server of someone else's took 127.0.0.1:9000 while php-fpm was down; php-fpm can't start, and nginx \
                speaks FastCGI to a stranger.",
        stack: Stack::FpmTcp,
        inject: &[Step::Sh(BEFORE_FPM)],
        restore: "systemctl stop reports; systemctl restart php8.2-fpm",
        ..BASE
    },
    Scenario {
        name: "backend-port-taken-pool",
        about: "The same port is only that of a second pool that no site asks: the whole php-fpm is down for it, and the \
                shop's socket is gone.",
        prepare: "sed 's/^\\[www\\]/[api]/; s|^listen = .*|listen = 127.0.0.1:9000|' /etc/php/8.2/fpm/pool.d/www.conf >/etc/php/8.2/fpm/pool.d/api.conf",
        inject: &[Step::Sh(BEFORE_FPM)],
        restore: "systemctl stop reports; systemctl restart php8.2-fpm",
        ..BASE
    },
    Scenario {
        name: "backend-port-taken-gunicorn",
        about: "A tunnel whose far end is gone holds 127.0.0.1:8000: it accepts and closes. gunicorn tries five times and \
                gives up.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "systemctl stop app
             systemd-run -q --unit=tunnel --collect systemd-socket-activate -a -l 127.0.0.1:8000 /bin/true
             await_listener 127.0.0.1:8000
             systemctl start app; await_failure app",
        )],
        restore: "systemctl stop tunnel; systemctl restart app",
        ..BASE
    },
];
