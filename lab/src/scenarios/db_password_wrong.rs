//! The database is up and refuses the login that the shop is configured with.

use crate::{Expect, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["db-password-wrong"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "db-password-wrong-mariadb",
        about: "The account's password was changed in MariaDB and not in the shop's config.php.",
        stack: Stack::FpmMariaDb,
        inject: &[Step::Sh(
            "mariadb -e \"ALTER USER shop@localhost IDENTIFIED BY 'Neu-2026'\"",
        )],
        traffic: Traffic {
            status: 500,
            ..Traffic::SHOP
        },
        restore: "mariadb -e \"ALTER USER shop@localhost IDENTIFIED BY 'Ruhig-Blut_7'\"",
        ..BASE
    },
    Scenario {
        name: "db-password-wrong-at-start",
        about: "The role's password was changed in PostgreSQL; at the next restart gunicorn's workers can't log in and end.",
        stack: Stack::GunicornPostgres,
        inject: &[Step::Sh(
            "runuser -u postgres -- psql -qc \"ALTER ROLE shop PASSWORD 'Neu-2026'\"; systemctl restart app; await_failure app",
        )],
        restore: "runuser -u postgres -- psql -qc \"ALTER ROLE shop PASSWORD 'Ruhig-Blut_7'\"; systemctl restart app; await_listener :8000",
        ..BASE
    },
];
