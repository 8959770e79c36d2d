//! Programs that end as they start, for want of something that fails for a reason of its own.

use crate::{Expect, Fix, Link, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    traffic: Traffic::SHOP,
    ..Scenario::BASE
};

/// The same, whose repair is played where each link stands alone.
const UNTRIED: Scenario = Scenario {
    fix: Fix::NotTried,
    ..BASE
};

const ENDED: Expect = Expect::Found(&["backend-crash-on-start"]);
const RESTART: &str = "systemctl restart app; await_listener :8000";
const AGAIN: &str = "sed -i 's/^User=.*/&\\nRestart=always\\nRestartSec=500ms/; s/^After=.*/&\\nStartLimitIntervalSec=0/' /etc/systemd/system/app.service";

/// The shop greets Redis before it listens.
const REDIS_FIRST: &str = r#"
cat >/srv/app/server.js <<'JS'
const http = require('http');
const net = require('net');

const at = new URL(process.env.REDIS_URL);
const cache = net.connect(at.port, at.hostname, () => {
  cache.write('PING\r\n');
  http.createServer((req, res) => res.end('<h1>Shop</h1>\n')).listen(3000, '127.0.0.1');
});
JS
units="redis-server $units"
sed -i 's|^User=.*|&\nEnvironment=REDIS_URL=redis://127.0.0.1:6379\nRestart=always\nRestartSec=500ms|; s|^After=.*|After=redis-server.service\nStartLimitIntervalSec=0|' /etc/systemd/system/app.service
"#;

pub(in crate::scenarios) static SCENARIOS: &[Scenario] = &[
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
    Scenario {
        name: "chain-start-disk",
        about: "Visitors get 502 <- gunicorn ends as it starts <- PostgreSQL does not start <- its file system is full. With room and \
                PostgreSQL up again the program is still down.",
        stack: Stack::GunicornPostgres,
        prepare: "systemctl stop postgresql@15-main; own_filesystem /var/lib/postgresql 120m; systemctl start postgresql@15-main",
        inject: &[Step::Sh(
            "systemctl stop postgresql@15-main; fill /var/lib/postgresql/dump.sql; systemctl start postgresql@15-main || true
             systemctl restart app; await_failure app",
        )],
        expect: Expect::Found(&["disk-full"]),
        chain: &["backend-crash-on-start", "db-down", "disk-full"],
        links: &[Link {
            remove: "rm /var/lib/postgresql/dump.sql; systemctl restart postgresql@15-main",
            status: 502,
            expect: ENDED,
            chain: &["backend-crash-on-start"],
        }],
        restore: RESTART,
        ..UNTRIED
    },
    Scenario {
        name: "chain-start-schema",
        about: "Visitors get 502 <- gunicorn ends as it starts <- the new version reads a table that no migration has made. \
                Once it is the front page that reads it, the program starts and that page answers 500.",
        stack: Stack::GunicornPostgres,
        inject: &[Step::Sh(
            "sed -i 's/^pool = .*/&\\nwith pool.getconn() as first, first.cursor() as cursor:\\n    cursor.execute(\"SELECT name FROM articles\")/' /srv/app/shop.py
             systemctl restart app; await_failure app",
        )],
        expect: Expect::Found(&["db-schema"]),
        chain: &["backend-crash-on-start", "db-schema"],
        links: &[Link {
            remove: "sed -i '/^with /,+1d; s/FROM products/FROM articles/' /srv/app/shop.py; systemctl restart app; await_listener :8000",
            status: 500,
            expect: Expect::Found(&["db-schema"]),
            chain: &["db-schema"],
        }],
        restore: "runuser -u postgres -- psql -q shop -c 'CREATE TABLE articles (name TEXT); ALTER TABLE articles OWNER TO shop'
                  systemctl restart app; await_listener :8000",
        ..UNTRIED
    },
    Scenario {
        name: "chain-start-connections",
        about: "Visitors get 502 <- gunicorn ends as it starts <- PostgreSQL's role has no session left: a forgotten script holds \
                three. Without the script the program is still down.",
        stack: Stack::GunicornPostgres,
        inject: &[Step::Sh(
            "runuser -u postgres -- psql -qc 'ALTER ROLE shop CONNECTION LIMIT 3'; systemctl stop app
             for i in 1 2 3; do
               systemd-run -q --collect --unit=export$i psql 'postgresql://shop:Ruhig-Blut_7@127.0.0.1/shop' -c 'SELECT pg_sleep(600)'
             done
             until [ $(ss -Hnt state established dst 127.0.0.1:5432 | wc -l) -ge 3 ]; do sleep 0.05; done; sleep 0.3
             systemctl start app; await_failure app",
        )],
        expect: Expect::Found(&["db-connection-limit"]),
        chain: &["backend-crash-on-start", "db-connection-limit"],
        links: &[Link {
            remove: "systemctl stop 'export*'; runuser -u postgres -- psql -qc 'ALTER ROLE shop CONNECTION LIMIT -1'",
            status: 502,
            expect: ENDED,
            chain: &["backend-crash-on-start"],
        }],
        restore: RESTART,
        ..UNTRIED
    },
    Scenario {
        name: "chain-start-runtime",
        about: "Visitors get 502 <- gunicorn can't bind its socket <- /run/app, made by hand, was swept away. With the directory there \
                the program is still down.",
        stack: Stack::GunicornUnix,
        prepare: "sed -i /RuntimeDirectory/d /etc/systemd/system/app.service; install -d -o www-data /run/app",
        inject: &[Step::Sh("systemctl stop app; rm -r /run/app; systemctl start app; await_failure app")],
        expect: Expect::Found(&["runtime-dir-missing"]),
        chain: &["backend-crash-on-start", "runtime-dir-missing"],
        links: &[Link {
            remove: "install -d -o www-data /run/app",
            status: 502,
            expect: ENDED,
            chain: &["backend-crash-on-start"],
        }],
        restore: "systemctl restart app",
        ..UNTRIED
    },
    Scenario {
        name: "chain-loop-password",
        about: "Visitors get 502 <- systemd starts gunicorn again and again <- PostgreSQL refuses its login. Without Restart= it is a \
                program that ends as it starts.",
        stack: Stack::GunicornPostgres,
        prepare: AGAIN,
        inject: &[Step::Sh(
            "runuser -u postgres -- psql -qc \"ALTER ROLE shop PASSWORD 'Neu-2026'\"; systemctl restart app
             until [ \"$(systemctl show -P NRestarts app)\" -ge 3 ]; do sleep 0.1; done",
        )],
        expect: Expect::Found(&["db-password-wrong"]),
        chain: &["backend-crash-loop", "db-password-wrong"],
        links: &[Link {
            remove: "sed -i /^Restart/d /etc/systemd/system/app.service; systemctl daemon-reload; systemctl restart app; await_failure app",
            status: 502,
            expect: Expect::Found(&["db-password-wrong"]),
            chain: &["backend-crash-on-start", "db-password-wrong"],
        }],
        restore: "runuser -u postgres -- psql -qc \"ALTER ROLE shop PASSWORD 'Ruhig-Blut_7'\"; systemctl restart app; await_listener :8000",
        ..UNTRIED
    },
    Scenario {
        name: "chain-loop-cache",
        about: "Visitors get 502 <- systemd starts the program again and again <- it greets Redis before it listens <- Redis was stopped. \
                Without Restart= it is a program that ends as it starts.",
        stack: Stack::Node,
        prepare: REDIS_FIRST,
        inject: &[Step::Sh(
            "systemctl stop redis-server; systemctl restart app
             until [ \"$(systemctl show -P NRestarts app)\" -ge 3 ]; do sleep 0.1; done",
        )],
        expect: Expect::Found(&["cache-down"]),
        chain: &["backend-crash-loop", "cache-down"],
        links: &[Link {
            remove: "sed -i /^Restart/d /etc/systemd/system/app.service; systemctl daemon-reload; systemctl restart app; await_failure app",
            status: 502,
            expect: Expect::Found(&["cache-down"]),
            chain: &["backend-crash-on-start", "cache-down"],
        }],
        restore: "systemctl start redis-server; await_listener :6379; systemctl restart app; await_listener :3000",
        ..UNTRIED
    },
];
