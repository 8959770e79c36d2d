//! Workers wait for something that waits itself.

use crate::{Expect, Fix, Held, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    traffic: Traffic::SHOP_504,
    ..Scenario::BASE
};

/// The same, whose repair is played where each link stands alone.
const UNTRIED: Scenario = Scenario {
    fix: Fix::NotTried,
    ..BASE
};

const TEN: Option<Held> = Some(Held {
    path: "/index.php",
    visitors: 10,
});
const SIX: Option<Held> = Some(Held {
    path: "/",
    visitors: 6,
});
const TWO_CHILDREN: &str = "sed -i 's/^pm.max_children = .*/pm.max_children = 2/; s/^pm.max_spare_servers = .*/pm.max_spare_servers = 2/' \
                            /etc/php/8.2/fpm/pool.d/www.conf
                            sed -i 's/read_timeout 4s/read_timeout 2s/' /etc/nginx/sites-available/shop";
const MANY_CHILDREN: &str = "sed -i 's/^pm = .*/pm = static/; s/^pm.max_children = .*/pm.max_children = 20/' /etc/php/8.2/fpm/pool.d/www.conf
                            sed -i 's/read_timeout 4s/read_timeout 2s/' /etc/nginx/sites-available/shop";
const KILLED_CHILDREN: &str = "sed -i 's/^pm = .*/pm = static/; s/^pm.max_children = .*/pm.max_children = 20/; s/^;request_terminate_timeout = .*/request_terminate_timeout = 2s/' \
                            /etc/php/8.2/fpm/pool.d/www.conf";
const QUICKER: &str = "sed -i 's/read_timeout 4s/read_timeout 2s/' /etc/nginx/sites-available/shop";
const LOCK: &str = "systemd-run -q --unit=export --collect mariadb shop -e 'LOCK TABLES products WRITE; SELECT SLEEP(600)'
             until [ \"$(mariadb -Ne \"SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep'\")\" = 1 ]; do sleep 0.05; done";
const UNLOCK: &str = "systemctl stop export; sleep 0.5; systemctl restart php8.2-fpm";

pub(in crate::scenarios) static SCENARIOS: &[Scenario] = &[
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
        name: "chain-slow-lock",
        about: "Visitors get 504 <- the front page takes longer than nginx waits <- an export holds a lock in MariaDB; of twenty \
                children most are free.",
        stack: Stack::FpmMariaDb,
        prepare: MANY_CHILDREN,
        inject: &[Step::Sh(LOCK)],
        traffic: Traffic { at_once: 1, ..Traffic::SHOP_504 },
        expect: Expect::Found(&["db-slow"]),
        chain: &["slow-backend", "db-slow", "?"],
        restore: UNLOCK,
        ..UNTRIED
    },
    Scenario {
        name: "chain-pool-migration",
        about: "Visitors get 504 <- both workers of gunicorn are busy <- they wait for PostgreSQL, where a migration holds a lock.",
        stack: Stack::GunicornPostgres,
        prepare: QUICKER,
        inject: &[Step::Sh(
            "systemd-run -q --unit=migrate --collect runuser -u postgres -- bash -c \
             '{ echo \"BEGIN; LOCK TABLE products;\"; sleep 600; } | psql -q shop'
             until runuser -u postgres -- psql -Atc \"SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'\" | grep -q 1; do sleep 0.05; done",
        )],
        held: SIX,
        expect: Expect::Found(&["db-slow"]),
        chain: &["pool-exhausted", "db-slow"],
        restore: "systemctl stop migrate; sleep 0.5; systemctl restart app; await_listener :8000",
        ..UNTRIED
    },
    Scenario {
        name: "chain-pool-database",
        about: "Visitors get 504 <- both children of php-fpm are busy <- MariaDB takes their connections and says nothing.",
        stack: Stack::FpmMariaDb,
        prepare: TWO_CHILDREN,
        inject: &[Step::Sh("systemctl kill -s STOP mariadb")],
        held: TEN,
        expect: Expect::Found(&["db-down"]),
        chain: &["pool-exhausted", "db-down"],
        restore: "systemctl kill -s CONT mariadb; systemctl restart php8.2-fpm",
        ..UNTRIED
    },
    Scenario {
        name: "chain-pool-cache",
        about: "Visitors get 504 <- both children of php-fpm are busy <- Redis takes their connections and says nothing.",
        stack: Stack::FpmRedis,
        prepare: TWO_CHILDREN,
        inject: &[Step::Sh("systemctl kill -s STOP redis-server")],
        held: TEN,
        expect: Expect::Found(&["cache-down"]),
        chain: &["pool-exhausted", "cache-down"],
        restore: "systemctl kill -s CONT redis-server; systemctl restart php8.2-fpm",
        ..UNTRIED
    },
    Scenario {
        name: "chain-pool-api",
        about: "Visitors get 504 <- both workers of gunicorn are busy <- each asks another company's server, which does not answer.",
        stack: Stack::GunicornTcp,
        prepare: QUICKER,
        inject: &[Step::Sh(
            "sed -i '1i import urllib.request' /srv/app/shop.py
             sed -i 's|\"<h1>Shop|urllib.request.urlopen(\"http://198.51.100.7:8443/rates\") and &|' /srv/app/shop.py
             systemctl restart app; await_listener :8000",
        )],
        held: SIX,
        expect: Expect::Found(&["external-api-slow"]),
        chain: &["pool-exhausted", "external-api-slow"],
        restore: "sed -i '1d; s|urllib.request.urlopen.* and ||' /srv/app/shop.py; systemctl restart app; await_listener :8000",
        ..UNTRIED
    },
    Scenario {
        name: "chain-kill-lock",
        about: "Visitors get 502 <- php-fpm kills what lasts two seconds <- the front page waits for MariaDB, where an export holds a \
                lock.",
        stack: Stack::FpmMariaDb,
        prepare: KILLED_CHILDREN,
        inject: &[Step::Sh(LOCK)],
        held: SIX,
        traffic: Traffic {
            at_once: 1,
            ..Traffic::SHOP
        },
        expect: Expect::Found(&["db-slow"]),
        chain: &["worker-timeout-kill", "db-slow", "?"],
        restore: UNLOCK,
        ..UNTRIED
    },
];
