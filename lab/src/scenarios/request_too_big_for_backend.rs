//! Some requests bring more header than the backend has a buffer for.

use crate::{Expect, Fix, Scenario, Stack, Traffic};

/// Five hundred bytes of a query.
macro_rules! five_hundred {
    () => {
        concat!(
            fifty!(),
            fifty!(),
            fifty!(),
            fifty!(),
            fifty!(),
            fifty!(),
            fifty!(),
            fifty!(),
            fifty!(),
            fifty!()
        )
    };
}
macro_rules! fifty {
    () => {
        "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
    };
}

/// Four thousand bytes, twice in what nginx sends on (REQUEST_URI, QUERY_STRING).
const LONG: &str = concat!(
    "/?x=",
    five_hundred!(),
    five_hundred!(),
    five_hundred!(),
    five_hundred!(),
    five_hundred!(),
    five_hundred!(),
    five_hundred!(),
    five_hundred!()
);

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    stack: Stack::Uwsgi,
    prepare: "echo 'buffer-size = 32768' >>/srv/app/uwsgi.ini",
    traffic: Traffic {
        path: LONG,
        ..Traffic::SHOP
    },
    restore: "echo 'buffer-size = 32768' >>/srv/app/uwsgi.ini; systemctl restart app",
    expect: Expect::Found(&["request-too-big-for-backend"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "request-too-big-for-backend-uwsgi",
        about: "uWSGI is back at its default buffer of 4096 bytes; visitors with a long query are reset.",
        inject: &[crate::Step::Sh("sed -i /buffer-size/d /srv/app/uwsgi.ini; systemctl restart app; sleep 2")],
        ..BASE
    },
    Scenario {
        name: "request-too-big-for-backend-http",
        about: "The same with uWSGI's own HTTP socket.",
        prepare: "echo 'buffer-size = 32768' >>/srv/app/uwsgi.ini
                  sed -i 's/^socket/http-socket/' /srv/app/uwsgi.ini
                  sed -i 's|include uwsgi_params;||; s|uwsgi_pass |proxy_pass http://|; s|uwsgi_read|proxy_read|' /etc/nginx/sites-available/shop",
        inject: &[crate::Step::Sh("sed -i /buffer-size/d /srv/app/uwsgi.ini; systemctl restart app; sleep 2")],
        ..BASE
    },
];
