//! Every connection that the database allows is taken.

use crate::{Expect, Scenario, Stack, Step, Traffic};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "db-connection-limit",
        about: "MariaDB allows ten connections and a forgotten program holds eleven; PHP answers 500.",
        stack: Stack::FpmMariaDb,
        inject: &[Step::Sh(
            "mariadb -e 'SET GLOBAL max_connections = 10'
             systemd-run -q --unit=export --collect python3 -c 'import socket, time; held = []
for _ in range(11):
    line = socket.socket(socket.AF_UNIX); line.connect(\"/run/mysqld/mysqld.sock\"); line.recv(200); held.append(line)
time.sleep(600)'
             until [ $(ss -Hx state established | grep -c mysqld.sock) -ge 11 ]; do sleep 0.05; done; sleep 0.3",
        )],
        traffic: Traffic {
            status: 500,
            ..Traffic::SHOP
        },
        restore: "systemctl stop export; sleep 0.3; mariadb -e 'SET GLOBAL max_connections = 151'",
        expect: Expect::Found(&["db-connection-limit"]),
        ..Scenario::BASE
    },
    Scenario {
        name: "db-connection-limit-postgres",
        about: "PostgreSQL's role may hold three sessions and a forgotten script holds them; after a restart gunicorn finds none left.",
        stack: Stack::GunicornPostgres,
        inject: &[Step::Sh(
            "runuser -u postgres -- psql -qc 'ALTER ROLE shop CONNECTION LIMIT 3'; systemctl stop app
             for i in 1 2 3; do
               systemd-run -q --collect --unit=export$i psql 'postgresql://shop:Ruhig-Blut_7@127.0.0.1/shop' -c 'SELECT pg_sleep(600)'
             done
             until [ $(ss -Hnt state established dst 127.0.0.1:5432 | wc -l) -ge 3 ]; do sleep 0.05; done; sleep 0.3
             systemctl start app; await_failure app",
        )],
        restore: "systemctl stop 'export*'; runuser -u postgres -- psql -qc 'ALTER ROLE shop CONNECTION LIMIT -1'; systemctl restart app; await_listener :8000",
        expect: Expect::Found(&["db-connection-limit"]),
        ..Scenario::BASE
    },
];
