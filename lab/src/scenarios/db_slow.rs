//! The database answers, and someone holds what the shop's statements wait for.

use crate::{Expect, Held, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    traffic: Traffic::SHOP_504,
    expect: Expect::Found(&["db-slow"]),
    ..Scenario::BASE
};

/// An export locks the goods in MariaDB.
pub(super) const LOCK: &str = "systemd-run -q --unit=export --collect mariadb shop -e 'LOCK TABLES products WRITE; SELECT SLEEP(600)'
             until [ \"$(mariadb -Ne \"SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep'\")\" = 1 ]; do sleep 0.05; done";
pub(super) const UNLOCK: &str = "systemctl stop export; sleep 0.5; systemctl restart php8.2-fpm";
/// A migration locks the goods in PostgreSQL and waits, idle in its transaction.
macro_rules! migration {
    () => {
        "systemd-run -q --unit=migrate --collect runuser -u postgres -- bash -c '{ echo \"BEGIN; LOCK TABLE products;\"; sleep 600; } | psql -q shop'
         until runuser -u postgres -- psql -Atc \"SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'\" | grep -q 1; do sleep 0.05; done"
    };
}
pub(super) use migration;
pub(super) const MIGRATED: &str =
    "systemctl stop migrate; sleep 0.5; systemctl restart app; await_listener :8000";

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "db-slow-lock",
        about: "An export locks the table that the front page reads; pages without the database work.",
        stack: Stack::FpmMariaDb,
        inject: &[Step::Sh(LOCK)],
        restore: UNLOCK,
        ..BASE
    },
    Scenario {
        name: "db-slow-pool",
        about: "The same lock with a pool of two children and ten visitors: no child is left, not even for pages without the database.",
        stack: Stack::FpmMariaDb,
        prepare: "sed -i 's/^pm.max_children = .*/pm.max_children = 2/; s/^pm.max_spare_servers = .*/pm.max_spare_servers = 2/' \
                  /etc/php/8.2/fpm/pool.d/www.conf",
        inject: &[Step::Sh(LOCK)],
        held: Some(Held {
            path: "/index.php",
            visitors: 10,
        }),
        restore: UNLOCK,
        ..BASE
    },
    Scenario {
        name: "db-slow-postgres",
        about: "A migration holds an exclusive lock on the table in PostgreSQL and waits, idle in its transaction.",
        stack: Stack::GunicornPostgres,
        inject: &[Step::Sh(migration!())],
        restore: MIGRATED,
        ..BASE
    },
];
