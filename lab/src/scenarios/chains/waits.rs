//! Workers wait for something that waits itself.

use crate::{Expect, Fix, Held, Link, Scenario, Stack, Step, Traffic};

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
/// nginx waits two seconds.
macro_rules! quicker {
    () => {
        "sed -i 's/read_timeout 4s/read_timeout 2s/' /etc/nginx/sites-available/shop\n"
    };
}
/// A timer exports the goods from PostgreSQL at these times, and locks their table for so many seconds.
macro_rules! export_job {
    ($calendar:literal, $seconds:literal) => {
        concat!(
            r#"cat >/etc/systemd/system/export.service <<'UNIT'
[Unit]
Description=Export

[Service]
Type=oneshot
ExecStart=/usr/bin/psql -q postgresql://shop:Ruhig-Blut_7@127.0.0.1:5432/shop -c "LOCK TABLE products; SELECT pg_sleep("#,
            $seconds,
            r#")"
UNIT
cat >/etc/systemd/system/export.timer <<'UNIT'
[Timer]
AccuracySec=100ms
OnCalendar="#,
            $calendar,
            "\nUNIT\n"
        )
    };
}
pub(in crate::scenarios) use {export_job, quicker};
const QUICKER: &str = quicker!();
const ASKS_OUTSIDE: &str = "sed -i '1i import urllib.request' /srv/app/shop.py
             sed -i 's|\"<h1>Shop|urllib.request.urlopen(\"http://198.51.100.7:8443/rates\") and &|' /srv/app/shop.py
             systemctl restart app; await_listener :8000";
const ASKS_NOBODY: &str = "sed -i '1d; s|urllib.request.urlopen.* and ||' /srv/app/shop.py; systemctl restart app; await_listener :8000";
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
                children most are free. With two children the first link is another one: none is free.",
        stack: Stack::FpmMariaDb,
        prepare: MANY_CHILDREN,
        inject: &[Step::Sh(LOCK)],
        traffic: Traffic { at_once: 1, ..Traffic::SHOP_504 },
        expect: Expect::Found(&["db-slow"]),
        chain: &["slow-backend", "db-slow", "?"],
        links: &[Link {
            remove: "sed -i 's/^pm.max_children = .*/pm.max_children = 2/' /etc/php/8.2/fpm/pool.d/www.conf; systemctl restart php8.2-fpm",
            status: 504,
            expect: Expect::Found(&["db-slow"]),
            chain: &["pool-exhausted", "db-slow", "?"],
        }],
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
        about: "Visitors get 504 <- both children of php-fpm are busy <- MariaDB takes their connections and says nothing. Once it is \
                stopped for good nobody waits for it: the pool is free, and the page answers 500.",
        stack: Stack::FpmMariaDb,
        prepare: TWO_CHILDREN,
        inject: &[Step::Sh("systemctl kill -s STOP mariadb")],
        held: TEN,
        expect: Expect::Found(&["db-down"]),
        chain: &["pool-exhausted", "db-down"],
        links: &[Link {
            remove: "systemctl kill -s CONT mariadb; systemctl stop mariadb; systemctl restart php8.2-fpm",
            status: 500,
            expect: Expect::Found(&["db-down"]),
            chain: &["db-down"],
        }],
        restore: "systemctl start mariadb; await_listener mysqld.sock; systemctl restart php8.2-fpm",
        ..UNTRIED
    },
    Scenario {
        name: "chain-pool-cache",
        about: "Visitors get 504 <- both children of php-fpm are busy <- Redis takes their connections and says nothing. Once it is stopped \
                for good nobody waits for it: the pool is free, and the page answers 500.",
        stack: Stack::FpmRedis,
        prepare: TWO_CHILDREN,
        inject: &[Step::Sh("systemctl kill -s STOP redis-server")],
        held: TEN,
        expect: Expect::Found(&["cache-down"]),
        chain: &["pool-exhausted", "cache-down"],
        links: &[Link {
            remove: "systemctl kill -s CONT redis-server; systemctl stop redis-server; systemctl restart php8.2-fpm",
            status: 500,
            expect: Expect::Found(&["cache-down"]),
            chain: &["cache-down"],
        }],
        restore: "systemctl start redis-server; await_listener :6379; systemctl restart php8.2-fpm",
        ..UNTRIED
    },
    Scenario {
        name: "chain-pool-api",
        about: "Visitors get 504 <- both workers of gunicorn are busy <- each asks another company's server, which does not answer.",
        stack: Stack::GunicornTcp,
        prepare: QUICKER,
        inject: &[Step::Sh(ASKS_OUTSIDE)],
        held: SIX,
        expect: Expect::Found(&["external-api-slow"]),
        chain: &["pool-exhausted", "external-api-slow"],
        restore: ASKS_NOBODY,
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
    Scenario {
        name: "chain-pool-job",
        about: "Visitors get 504 <- both workers of gunicorn are busy <- they wait for PostgreSQL, where an export holds a lock <- a timer \
                started it. Once a forgotten session of a person holds the same lock, no job is to blame.",
        stack: Stack::GunicornPostgres,
        prepare: concat!(quicker!(), export_job!("*-*-* 04:00", "600")),
        inject: &[Step::Sh(
            "systemctl start export.timer; systemctl start --no-block export
             until runuser -u postgres -- psql -Atc \"SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'\" | grep -q 1; do sleep 0.05; done
             sleep 1",
        )],
        held: SIX,
        expect: Expect::Found(&["scheduled-job-load"]),
        chain: &["pool-exhausted", "db-slow", "scheduled-job-load"],
        links: &[Link {
            remove: "runuser -u postgres -- psql -qc \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'\"
                     systemd-run -q --unit=migrate --collect runuser -u postgres -- bash -c \
                     '{ echo \"BEGIN; LOCK TABLE products;\"; sleep 600; } | psql -q shop'
                     until runuser -u postgres -- psql -Atc \"SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'\" | grep -q 1; do sleep 0.05; done",
            status: 504,
            expect: Expect::Found(&["db-slow"]),
            chain: &["pool-exhausted", "db-slow"],
        }],
        restore: "systemctl stop migrate; sleep 0.5; systemctl restart app; await_listener :8000",
        ..UNTRIED
    },
];
