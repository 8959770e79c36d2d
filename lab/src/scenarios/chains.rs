//! Faults whose effects have effects: the report names the root and every link before it, and each link that is taken
//! away makes the chain shorter.

use crate::{Expect, Fix, Held, Link, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    traffic: Traffic::SHOP_504,
    ..Scenario::BASE
};

const TEN: Option<Held> = Some(Held {
    path: "/index.php",
    visitors: 10,
});
const TWO_CHILDREN: &str = "sed -i 's/^pm.max_children = .*/pm.max_children = 2/; s/^pm.max_spare_servers = .*/pm.max_spare_servers = 2/' \
                            /etc/php/8.2/fpm/pool.d/www.conf";
const LOCK: &str = "systemd-run -q --unit=export --collect mariadb shop -e 'LOCK TABLES products WRITE; SELECT SLEEP(600)'
             until [ \"$(mariadb -Ne \"SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep'\")\" = 1 ]; do sleep 0.05; done";
const UNLOCK: &str = "systemctl stop export; sleep 0.5; systemctl restart php8.2-fpm";

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "chain-pool-lock",
        about: "Visitors get 504 <- both children of php-fpm are busy <- they wait for MariaDB, where an export holds a lock \
                (the shop's account may not see who).",
        stack: Stack::FpmMariaDb,
        prepare: TWO_CHILDREN,
        inject: &[Step::Sh(LOCK)],
        held: TEN,
        expect: Expect::Found(&["db-slow"]),
        chain: &["pool-exhausted", "db-slow", "?"],
        restore: UNLOCK,
        ..BASE
    },
    Scenario {
        name: "chain-start-password",
        about: "Visitors get 502 <- gunicorn ends as it starts <- PostgreSQL refuses its login <- the password was changed. With the old \
                password back, what is left is a service that ended and that nobody started again.",
        stack: Stack::GunicornPostgres,
        inject: &[Step::Sh(
            "runuser -u postgres -- psql -qc \"ALTER ROLE shop PASSWORD 'Neu-2026'\"; systemctl restart app; await_failure app",
        )],
        traffic: Traffic::SHOP,
        expect: Expect::Found(&["db-password-wrong"]),
        chain: &["backend-crash-on-start", "db-password-wrong"],
        links: &[Link {
            remove: "runuser -u postgres -- psql -qc \"ALTER ROLE shop PASSWORD 'Ruhig-Blut_7'\"",
            status: 502,
            expect: Expect::Found(&["backend-crash-on-start"]),
            chain: &["backend-crash-on-start"],
        }],
        restore: "systemctl restart app; await_listener :8000",
        ..BASE
    },
    Scenario {
        name: "chain-start-database",
        about: "Visitors get 502 <- gunicorn ends as it starts <- PostgreSQL was stopped before a deploy. With PostgreSQL back, what is \
                left is a service that ended and that nobody started again.",
        stack: Stack::GunicornPostgres,
        inject: &[Step::Sh(
            "systemctl stop postgresql@15-main; systemctl restart app; await_failure app",
        )],
        traffic: Traffic::SHOP,
        fix: Fix::NotTried,
        expect: Expect::Found(&["db-down"]),
        chain: &["backend-crash-on-start", "db-down"],
        links: &[Link {
            remove: "systemctl start postgresql@15-main",
            status: 502,
            expect: Expect::Found(&["backend-crash-on-start"]),
            chain: &["backend-crash-on-start"],
        }],
        restore: "systemctl restart app; await_listener :8000",
        ..BASE
    },
];
