//! Hosts on which nothing is wrong, or no longer: the tool must not raise an alarm.

use crate::{Audit, Expect, Held, Scenario, Stack, Step, Traffic};

const WELL: Scenario = Scenario {
    about: "Nothing is wrong; a few requests. The noisy variant has old failures, scanners, a stale socket.",
    traffic: Traffic {
        status: 200,
        ..Traffic::SHOP
    },
    expect: Expect::Healthy,
    ..Scenario::BASE
};
const BUSY: Scenario = Scenario {
    about: "Steady parallel load that the backend answers.",
    held: Some(Held {
        path: "/",
        visitors: 8,
    }),
    ..WELL
};
const OVER: Scenario = Scenario {
    about: "The backend was down for some seconds and is back.",
    expect: Expect::Recovered(None),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "healthy-fpm",
        audit: Some(Audit {
            tells: &[
                "unit-stays-down php8.2-fpm.service",
                "unit-stays-down blog.service",
            ],
            mends: &[],
        }),
        ..WELL
    },
    Scenario {
        name: "healthy-fpm-tcp",
        stack: Stack::FpmTcp,
        ..WELL
    },
    Scenario {
        name: "healthy-apache",
        audit: Some(Audit {
            tells: &["unit-stays-down blog.service"],
            mends: &[],
        }),
        stack: Stack::Apache,
        ..WELL
    },
    Scenario {
        name: "healthy-gunicorn",
        audit: Some(Audit {
            tells: &[
                "unit-stays-down app.service",
                "unit-stays-down php8.2-fpm.service",
            ],
            mends: &[],
        }),
        stack: Stack::GunicornUnix,
        ..WELL
    },
    Scenario {
        name: "healthy-gunicorn-tcp",
        stack: Stack::GunicornTcp,
        ..WELL
    },
    Scenario {
        name: "healthy-fpm-mariadb",
        stack: Stack::FpmMariaDb,
        ..WELL
    },
    Scenario {
        name: "healthy-fpm-redis",
        stack: Stack::FpmRedis,
        ..WELL
    },
    Scenario {
        name: "healthy-gunicorn-postgres",
        stack: Stack::GunicornPostgres,
        ..WELL
    },
    Scenario {
        name: "healthy-node",
        audit: Some(Audit {
            tells: &[
                "unit-stays-down app.service",
                "unit-stays-down php8.2-fpm.service",
            ],
            mends: &[],
        }),
        stack: Stack::Node,
        ..WELL
    },
    Scenario {
        name: "healthy-uwsgi",
        audit: Some(Audit {
            tells: &[
                "unit-stays-down app.service",
                "unit-stays-down php8.2-fpm.service",
                "request-buffer-small app.service",
            ],
            mends: &[],
        }),
        stack: Stack::Uwsgi,
        ..WELL
    },
    Scenario {
        name: "healthy-dns",
        stack: Stack::Dns,
        ..WELL
    },
    Scenario {
        name: "healthy-remote",
        stack: Stack::Remote,
        ..WELL
    },
    Scenario {
        name: "busy-fpm",
        ..BUSY
    },
    Scenario {
        name: "busy-gunicorn",
        stack: Stack::GunicornTcp,
        ..BUSY
    },
    Scenario {
        name: "busy-apache",
        stack: Stack::Apache,
        ..BUSY
    },
    Scenario {
        name: "busy-scanned",
        stack: Stack::GunicornTcp,
        about: "An old page that no visitor asks for answers 500, silently; one scanner finds it, some times.",
        prepare: "busy_neighbour
                  sed -i 's/    status = .*/    status = \"200 OK\" if page else \"500 Oops\"/' /srv/app/shop.py",
        inject: &[Step::Sh(
            "for nth in {1..6}; do curl -s -o /dev/null -H 'Host: shop.example' http://127.0.0.1/old.asp?$nth; done; sleep 5",
        )],
        ..BUSY
    },
    Scenario {
        name: "recovered-fpm",
        inject: &[Step::Sh("systemctl stop php8.2-fpm")],
        restore: "sleep 2; systemctl start php8.2-fpm",
        ..OVER
    },
    Scenario {
        name: "recovered-gunicorn",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh("systemctl kill -s KILL app")],
        restore: "sleep 2; systemctl start app",
        ..OVER
    },
];
