//! The shop asks another company's server in every request, and that server does not answer.

use crate::{Expect, Held, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    traffic: Traffic::SHOP_504,
    expect: Expect::Found(&["external-api-slow"]),
    ..Scenario::BASE
};

/// What is sent there is lost. Without it the router would ask for the neighbour in vain, and say so after three seconds:
/// as long as nginx waits.
pub(super) const LOST: Step = Step::Around("ip -n $router route add blackhole 198.51.100.7");
pub(super) const FOUND_AGAIN: &str = "ip -n $router route del blackhole 198.51.100.7";

/// The front page asks there, and again does not.
pub(super) const ASKS_OUTSIDE: &str = "sed -i '1i import urllib.request' /srv/app/shop.py
             sed -i 's|\"<h1>Shop|urllib.request.urlopen(\"http://198.51.100.7:8443/rates\") and &|' /srv/app/shop.py
             systemctl restart app; await_listener :8000";
pub(super) const ASKS_NOBODY: &str =
    "systemctl stop -q 'visitor*'; sed -i '1d; s|urllib.request.urlopen.* and ||' /srv/app/shop.py
             systemctl restart app; await_listener :8000";

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "external-api-slow-unanswered",
        about: "A deploy has the front page ask an address on the internet that drops what it is sent: the connection is \
                never made (SYN-SENT).",
        inject: &[
            LOST,
            Step::Sh(
                "sed -i \"1a @file_get_contents('http://198.51.100.7:8443/rates');\" /var/www/shop/index.php",
            ),
        ],
        restore_around: FOUND_AGAIN,
        restore: "sed -i 2d /var/www/shop/index.php; systemctl restart php8.2-fpm",
        ..BASE
    },
    Scenario {
        name: "external-api-slow-pool",
        about: "The same with two gunicorn workers and six visitors: no worker is left.",
        stack: Stack::GunicornTcp,
        restore_around: FOUND_AGAIN,
        inject: &[LOST, Step::Sh(ASKS_OUTSIDE)],
        held: Some(Held {
            path: "/",
            visitors: 6,
        }),
        restore: ASKS_NOBODY,
        ..BASE
    },
];
