//! A process has no file descriptor left.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    traffic: Traffic {
        status: 500,
        ..Traffic::SHOP
    },
    expect: Expect::Found(&["fd-limit"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "fd-limit-nginx",
        about: "The worker of nginx may open 10 files, which its logs and listeners need already: it can't accept a visitor. \
                What it holds is not seen there, so the remedy is left to a person.",
        fix: Fix::Nothing,
        stack: Stack::GunicornTcp,
        prepare: "sed -i 's/^worker_processes .*/worker_processes 1;/' /etc/nginx/nginx.conf",
        inject: &[Step::Sh(
            "sed -i '1i worker_rlimit_nofile 10;' /etc/nginx/nginx.conf; systemctl reload nginx",
        )],
        traffic: Traffic {
            status: 0,
            ..Traffic::SHOP
        },
        restore: "sed -i 1d /etc/nginx/nginx.conf; systemctl reload nginx",
        ..BASE
    },
    Scenario {
        name: "fd-limit-gunicorn",
        about: "The shop opens a file with each request and forgets it, until its worker has the 24 that its unit may have.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "sed -i 's|^def front(environ):|KEPT = []\\n\\n\\n&\\n    KEPT.append(open(__file__))|' /srv/app/shop.py
             limit app LimitNOFILE=24; systemctl restart app; await_listener :8000",
        )],
        traffic: Traffic::SHOP,
        restore: "rm -r /etc/systemd/system/app.service.d; sed -i /KEPT/d /srv/app/shop.py
                  systemctl daemon-reload; systemctl restart app; await_listener :8000",
        ..BASE
    },
];
