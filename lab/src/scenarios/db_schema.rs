//! A deploy expects what its migration would have made, and nobody ran the migration.

use crate::{Expect, Held, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    traffic: Traffic {
        status: 500,
        ..Traffic::SHOP
    },
    // a few 500s are no failure of a route: most of its requests must fail
    held: Some(Held {
        path: "/",
        visitors: 3,
    }),
    expect: Expect::Found(&["db-schema"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "db-schema-column",
        about: "The new front page reads a column that MariaDB's table does not have (1054).",
        stack: Stack::FpmMariaDb,
        inject: &[Step::Sh(
            "sed -i 's/SELECT name FROM/SELECT name, price FROM/' /var/www/shop/index.php",
        )],
        restore: "sed -i 's/SELECT name, price FROM/SELECT name FROM/' /var/www/shop/index.php",
        ..BASE
    },
    Scenario {
        name: "db-schema-table",
        about: "The new version reads a table that PostgreSQL does not have (42P01).",
        stack: Stack::GunicornPostgres,
        inject: &[Step::Sh(
            "sed -i 's/FROM products/FROM articles/' /srv/app/shop.py; systemctl restart app; await_listener :8000",
        )],
        restore: "sed -i 's/FROM articles/FROM products/' /srv/app/shop.py; systemctl restart app; await_listener :8000",
        ..BASE
    },
];
