//! The database that the shop is configured with does not answer.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["db-down"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "db-down-stopped",
        fix: Fix::Mends { ways: 1 },
        about: "MariaDB was stopped; PHP ends with an uncaught mysqli_sql_exception and answers 500.",
        stack: Stack::FpmMariaDb,
        inject: &[Step::Sh("systemctl stop mariadb")],
        traffic: Traffic {
            status: 500,
            ..Traffic::SHOP
        },
        restore: "systemctl start mariadb",
        ..BASE
    },
    Scenario {
        name: "db-down-hangs",
        about: "mariadbd is stopped by a signal: it takes connections and says nothing, and PHP waits until nginx gives up.",
        stack: Stack::FpmMariaDb,
        inject: &[Step::Sh("systemctl kill -s STOP mariadb")],
        traffic: Traffic::SHOP_504,
        restore: "systemctl kill -s CONT mariadb",
        ..BASE
    },
    Scenario {
        name: "db-down-at-start",
        fix: Fix::Mends { ways: 1 },
        about: "PostgreSQL is down while a deploy restarts gunicorn: the program opens its pool on import and ends.",
        stack: Stack::GunicornPostgres,
        inject: &[Step::Sh(
            "systemctl stop postgresql@15-main; systemctl restart app; await_failure app",
        )],
        restore: "systemctl start postgresql@15-main; systemctl restart app; await_listener :8000",
        ..BASE
    },
];
