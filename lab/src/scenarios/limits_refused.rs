//! nginx itself refuses requests: limits that hit everybody, and one that does its work.

use crate::{Crowd, Expect, Scenario, Stack, Step, Traffic};

const REFUSED: Scenario = Scenario {
    expect: Expect::Found(&["limits-refused"]),
    restore: "rm /etc/nginx/conf.d/limits.conf; sed -i /limit_/d /etc/nginx/sites-available/shop; nginx -s reload; sleep 0.3",
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "limits-refused",
        about: "A limit was copied from nginx's manual, with $server_name for its key: all visitors share one request a minute, and \
                the rest get 503.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "echo 'limit_req_zone $server_name zone=perserver:1m rate=1r/m;' >/etc/nginx/conf.d/limits.conf
             sed -i '0,/proxy_pass/s//limit_req zone=perserver;\\n        &/' /etc/nginx/sites-available/shop
             nginx -s reload; sleep 0.3",
        )],
        traffic: Traffic {
            status: 503,
            ..Traffic::SHOP
        },
        ..REFUSED
    },
    Scenario {
        name: "limits-refused-502",
        about: "A limit for each address answers 502 (limit_req_status), which looks as if php-fpm were down.",
        inject: &[Step::Sh(
            "echo 'limit_req_zone $binary_remote_addr zone=each:1m rate=1r/m;' >/etc/nginx/conf.d/limits.conf
             sed -i '0,/fastcgi_pass/s//limit_req zone=each;\\n        limit_req_status 502;\\n        &/' /etc/nginx/sites-available/shop
             nginx -s reload; sleep 0.3",
        )],
        ..REFUSED
    },
    Scenario {
        name: "busy-limited",
        about: "One address asks for more than a limit lets through and gets 503; everybody else is served. Nothing is wrong.",
        prepare: "echo 'limit_req_zone $binary_remote_addr zone=each:1m rate=5r/s;' >/etc/nginx/conf.d/limits.conf
                  sed -i '0,/fastcgi_pass/s//limit_req zone=each burst=20 nodelay;\\n        limit_req_log_level warn;\\n        &/' /etc/nginx/sites-available/shop",
        traffic: Traffic {
            status: 200,
            at_once: 1,
            pause_ms: 300,
            ..Traffic::SHOP
        },
        crowd: Some(Crowd {
            asks: &[("GET", "/")],
            agent: "Wget/1.21.3",
            referrer: "",
            addresses: 1,
            at_once: 2,
            pause_ms: 20,
        }),
        expect: Expect::Healthy,
        ..Scenario::BASE
    },
];
