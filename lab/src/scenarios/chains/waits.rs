//! Workers wait for something that waits itself.

use super::super::db_slow::{LOCK, MIGRATED, UNLOCK, migration};
use super::super::external_api_slow::{ASKS_NOBODY, ASKS_OUTSIDE, FOUND_AGAIN, LOST};
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
/// gunicorn waits four seconds for more workers than visitors come in that time, and nginx for longer.
const KILLED_WORKERS: &str = "sed -i 's/--workers 2/--workers 12 --timeout 4/' /etc/systemd/system/app.service; systemctl daemon-reload
             sed -i 's/read_timeout 2s/read_timeout 20s/' /etc/nginx/sites-available/shop; systemctl reload nginx
             systemctl restart app; await_listener :8000";
/// nginx waits two seconds, and gunicorn one for its workers when it is stopped.
macro_rules! quicker {
    () => {
        "sed -i 's/read_timeout 4s/read_timeout 2s/' /etc/nginx/sites-available/shop
sed -i 's/--workers 2/& --graceful-timeout 1/' /etc/systemd/system/app.service\n"
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
/// Visitors who ask again and again. Their workers are not all killed in the same second.
const FOUR_BEFORE: &str = r#"
for one in 1 2 3 4; do
  systemd-run -q --collect --unit=visitor$one bash -c 'while true; do curl -so /dev/null -H "Host: shop.example" http://127.0.0.1/; done'
  sleep 1.5
done
"#;

pub(in crate::scenarios) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "chain-pool-lock",
        about: "Visitors get 504 <- both children of php-fpm are busy <- they wait for MariaDB, where an export holds a lock \
                (the shop's account may not see who). With many children the first link is another one: most are free.",
        stack: Stack::FpmMariaDb,
        prepare: TWO_CHILDREN,
        inject: &[Step::Sh(LOCK)],
        held: TEN,
        expect: Expect::Found(&["db-slow"]),
        chain: &["pool-exhausted", "db-slow", "?"],
        links: &[Link {
            remove: "sed -i 's/^pm = .*/pm = static/; s/^pm.max_children = .*/pm.max_children = 120/' /etc/php/8.2/fpm/pool.d/www.conf
                     systemctl restart php8.2-fpm",
            status: 504,
            expect: Expect::Found(&["db-slow"]),
            chain: &["slow-backend", "db-slow", "?"],
        }],
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
        about: "Visitors get 504 <- both workers of gunicorn are busy <- they wait for PostgreSQL, where a migration holds a lock. \
                Once gunicorn kills who works for so long, that is the first link, and visitors get 502.",
        stack: Stack::GunicornPostgres,
        prepare: QUICKER,
        inject: &[Step::Sh(migration!())],
        held: SIX,
        expect: Expect::Found(&["db-slow"]),
        chain: &["pool-exhausted", "db-slow"],
        links: &[Link {
            remove: KILLED_WORKERS,
            status: 502,
            expect: Expect::Found(&["db-slow"]),
            chain: &["worker-timeout-kill", "db-slow"],
        }],
        restore: MIGRATED,
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
        about: "Visitors get 504 <- both workers of gunicorn are busy <- each asks another company's server, which does not answer. \
                Once the page takes its time by itself, nothing is behind that.",
        stack: Stack::GunicornTcp,
        prepare: QUICKER,
        inject: &[LOST, Step::Sh(ASKS_OUTSIDE)],
        held: SIX,
        expect: Expect::Found(&["external-api-slow"]),
        chain: &["pool-exhausted", "external-api-slow"],
        links: &[Link {
            remove: "sed -i 's|urllib.request.urlopen(.*) and|[time.sleep(20)] and|' /srv/app/shop.py; systemctl restart app; await_listener :8000",
            status: 504,
            expect: Expect::Found(&["pool-exhausted"]),
            chain: &["pool-exhausted"],
        }],
        restore_around: FOUND_AGAIN,
        restore: "sed -i '1d; s|.time.sleep.* and ||' /srv/app/shop.py; systemctl restart app; await_listener :8000",
        ..UNTRIED
    },
    Scenario {
        name: "chain-kill-lock",
        about: "Visitors get 502 <- php-fpm kills what lasts two seconds <- the front page waits for MariaDB, where an export holds a \
                lock. Two children that are not killed are a full pool.",
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
        links: &[Link {
            remove: "sed -i 's/^pm.max_children = .*/pm.max_children = 2/; /^request_terminate_timeout/d' /etc/php/8.2/fpm/pool.d/www.conf
                     systemctl restart php8.2-fpm",
            status: 504,
            expect: Expect::Found(&["db-slow"]),
            chain: &["pool-exhausted", "db-slow", "?"],
        }],
        restore: UNLOCK,
        ..UNTRIED
    },
    Scenario {
        name: "chain-kill-api",
        about: "Visitors get 502 <- gunicorn kills what lasts six seconds <- each request asks another company's server, which does not \
                answer. Two workers that are not killed are a full pool.",
        stack: Stack::GunicornTcp,
        prepare: "sed -i 's/--workers 2/--workers 6 --timeout 6 --graceful-timeout 1/' /etc/systemd/system/app.service
                  sed -i 's/read_timeout 4s/read_timeout 20s/' /etc/nginx/sites-available/shop",
        inject: &[LOST, Step::Sh(ASKS_OUTSIDE), Step::Sh(FOUR_BEFORE)],
        traffic: Traffic {
            at_once: 1,
            ..Traffic::SHOP
        },
        expect: Expect::Found(&["external-api-slow"]),
        chain: &["worker-timeout-kill", "external-api-slow"],
        links: &[Link {
            remove: "sed -i 's/--workers 6 --timeout 6/--workers 2 --timeout 0/' /etc/systemd/system/app.service; systemctl daemon-reload
                     sed -i 's/read_timeout 20s/read_timeout 2s/' /etc/nginx/sites-available/shop; systemctl reload nginx
                     systemctl restart app; await_listener :8000",
            status: 504,
            expect: Expect::Found(&["external-api-slow"]),
            chain: &["pool-exhausted", "external-api-slow"],
        }],
        restore_around: FOUND_AGAIN,
        restore: ASKS_NOBODY,
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
            remove: concat!(
                "runuser -u postgres -- psql -qc \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'\"\n",
                migration!()
            ),
            status: 504,
            expect: Expect::Found(&["db-slow"]),
            chain: &["pool-exhausted", "db-slow"],
        }],
        restore: MIGRATED,
        ..UNTRIED
    },
];
