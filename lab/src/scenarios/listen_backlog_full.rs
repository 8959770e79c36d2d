//! The accept queue is so short that a burst overflows it, though the workers would serve the whole burst in time.

use crate::{Expect, Fix, Held, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["listen-backlog-full"]),
    ..Scenario::BASE
};

/// Two workers and a queue of four.
const SHORT_QUEUE: &str = "sed -i 's/^pm = .*/pm = static/; s/^pm.max_children = .*/pm.max_children = 2/;
                                   s/^;listen.backlog = .*/listen.backlog = 4/' /etc/php/8.2/fpm/pool.d/www.conf";
const SLOWER: &str = "sed -i '1a usleep(300000);' /var/www/shop/report.php";
const QUICK: &str = "sed -i 2d /var/www/shop/report.php";

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "listen-backlog-full-unix",
        about: "php-fpm's listen.backlog is 4 on a unix socket: connect() fails at once with errno 11 (502).",
        stack: Stack::FpmUnix,
        prepare: SHORT_QUEUE,
        inject: &[Step::Sh(SLOWER)],
        held: Some(Held {
            path: "/report.php",
            visitors: 8,
        }),
        restore: QUICK,
        ..BASE
    },
    Scenario {
        name: "listen-backlog-full-tcp",
        fix: Fix::Nothing,
        about: "The same on TCP: the kernel drops the SYN, nginx times out while connecting (504), ListenOverflows grows. \
                A longer queue alone would be longer than nginx waits, so the fix is taken back.",
        stack: Stack::FpmTcp,
        prepare: SHORT_QUEUE,
        inject: &[Step::Sh(SLOWER)],
        traffic: Traffic {
            at_once: 6,
            ..Traffic::SHOP_504
        },
        held: Some(Held {
            path: "/report.php",
            visitors: 40,
        }),
        restore: QUICK,
        ..BASE
    },
];
