//! Chains whose first link is nginx itself, a stranger in the backend's place, or an error that the program answers.

use super::super::search_down::SEARCH;
use crate::{Expect, Fix, Link, Scenario, Stack, Step, Traffic};

/// The repair of each link is played where it stands alone.
const BASE: Scenario = Scenario {
    fix: Fix::NotTried,
    ..Scenario::BASE
};

const ANSWERS_500: Traffic = Traffic {
    status: 500,
    ..Traffic::SHOP
};

pub(in crate::scenarios) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "chain-nginx-port",
        about: "Visitors get Apache's 404 <- nginx does not start <- Apache has port 80. Without Apache nginx is still down.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "systemctl stop nginx; echo 'Listen 80' >/etc/apache2/ports.conf; systemctl start apache2; systemctl start nginx || true",
        )],
        traffic: Traffic {
            path: "/report",
            status: 404,
            ..Traffic::SHOP
        },
        expect: Expect::Found(&["edge-port-taken"]),
        chain: &["nginx-will-not-start", "edge-port-taken"],
        links: &[Link {
            remove: "systemctl stop apache2",
            status: 0,
            expect: Expect::Found(&["nginx-will-not-start"]),
            chain: &["nginx-will-not-start"],
        }],
        restore: "systemctl start nginx",
        ..BASE
    },
    Scenario {
        name: "chain-protocol-port",
        about: "Visitors get 502 <- nginx speaks FastCGI to a web server <- that one took php-fpm's port. Without it php-fpm is \
                down, as its port was taken when it started.",
        stack: Stack::FpmTcp,
        inject: &[Step::Sh(
            "systemctl stop php8.2-fpm
             systemd-run -q --unit=reports --collect python3 -m http.server --bind 127.0.0.1 --directory /usr/share 9000
             await_listener 127.0.0.1:9000
             systemctl start php8.2-fpm || true",
        )],
        expect: Expect::Found(&["backend-port-taken"]),
        chain: &["protocol-mismatch", "backend-port-taken"],
        links: &[Link {
            remove: "systemctl stop reports",
            status: 502,
            expect: Expect::Found(&["backend-port-taken"]),
            chain: &["backend-crash-on-start", "backend-port-taken"],
        }],
        restore: "systemctl restart php8.2-fpm",
        ..BASE
    },
    Scenario {
        name: "chain-cache-disk",
        about: "Visitors get 500 <- Redis takes no writes (MISCONF) <- it finds no room for its snapshot. With room again it still takes none \
                until a snapshot succeeds.",
        stack: Stack::FpmRedis,
        prepare: "own_filesystem /var/lib/redis 1m",
        inject: &[Step::Sh(
            "export REDISCLI_AUTH=Ruhig-Blut_7; fill /var/lib/redis/old.rdb; redis-cli bgsave
             until redis-cli info persistence | grep -q last_bgsave_status:err; do sleep 0.1; done",
        )],
        traffic: ANSWERS_500,
        expect: Expect::Found(&["disk-full"]),
        chain: &["cache-full", "disk-full"],
        links: &[Link {
            remove: "rm /var/lib/redis/old.rdb",
            status: 500,
            expect: Expect::Found(&["cache-full"]),
            chain: &["cache-full"],
        }],
        restore: "REDISCLI_AUTH=Ruhig-Blut_7 redis-cli bgsave; sleep 0.5",
        ..BASE
    },
    Scenario {
        name: "chain-database-memory",
        about: "Visitors get 500 <- MariaDB is down <- the kernel killed it: an export took the 250 MiB that its unit may use. \
                Once it was started again and then stopped by hand, it is down and nothing is behind that.",
        stack: Stack::FpmMariaDb,
        prepare: "own_limits",
        inject: &[Step::Sh(
            "limit mariadb MemoryMax=250M Restart=no
             systemctl restart mariadb; await_listener mysqld.sock
             mariadb -e \"SET max_heap_table_size = 2 << 30, tmp_table_size = 2 << 30;
               CREATE TEMPORARY TABLE shop.export (line CHAR(255)) ENGINE=MEMORY SELECT repeat('x', 255) AS line FROM shop.seq_1_to_3000000\" || true
             await_failure mariadb",
        )],
        traffic: ANSWERS_500,
        expect: Expect::Found(&["oom-kill"]),
        chain: &["db-down", "oom-kill"],
        links: &[Link {
            remove: "systemctl start mariadb; await_listener mysqld.sock; sleep 1.2; systemctl stop mariadb",
            status: 500,
            expect: Expect::Found(&["db-down"]),
            chain: &["db-down"],
        }],
        restore: "rm -r /etc/systemd/system/mariadb.service.d; systemctl daemon-reload; systemctl restart mariadb",
        ..BASE
    },
    Scenario {
        name: "chain-bug-search",
        about: "Visitors get 502 <- a rejection that nobody catches ends the program at each report <- the search server that it asks was \
                stopped. Once the rejection is caught, the report answers 500 by itself.",
        stack: Stack::Node,
        prepare: SEARCH,
        inject: &[Step::Sh("systemctl stop elasticsearch")],
        traffic: Traffic {
            path: "/report",
            at_once: 1,
            ..Traffic::SHOP
        },
        expect: Expect::Found(&["search-down"]),
        chain: &["app-bug", "search-down"],
        links: &[Link {
            // who mends it does not restart it in the very second of its end
            remove: "sleep 1.2
                     sed -i 's|return page(req, res);|return page(req, res).catch((error) => { console.error(error); res.statusCode = 500; res.end(); });|' /srv/app/server.js
                     systemctl restart app; await_listener :3000",
            status: 500,
            expect: Expect::Found(&["search-down"]),
            chain: &["search-down"],
        }],
        restore: "systemctl start elasticsearch; await_listener :9200; await_listener :3000",
        ..BASE
    },
];
