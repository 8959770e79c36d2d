//! A file system in the chain is full.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    traffic: Traffic {
        status: 500,
        ..Traffic::SHOP
    },
    expect: Expect::Found(&["disk-full"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "disk-full-database",
        about: "A dump beside MariaDB's files takes all that is left of their file system, and the shop can't write its visits.",
        stack: Stack::FpmMariaDb,
        prepare: "systemctl stop mariadb; own_filesystem /var/lib/mysql 300m; limit mariadb Restart=no
                  systemctl start mariadb; mariadb -e 'CREATE TABLE shop.visits (id INT PRIMARY KEY AUTO_INCREMENT, note MEDIUMTEXT)'
                  sed -i '3a $db->query(\"INSERT INTO visits (note) VALUES (repeat(0x78, 300000))\");' /var/www/shop/index.php",
        inject: &[Step::Sh("fill /var/lib/mysql/dump.sql")],
        restore: "rm /var/lib/mysql/dump.sql; systemctl restart mariadb",
        ..BASE
    },
    Scenario {
        name: "disk-full-postgres",
        about: "The file system of PostgreSQL fills up, and the next start of the database fails for it.",
        stack: Stack::GunicornPostgres,
        prepare: "systemctl stop postgresql@15-main; own_filesystem /var/lib/postgresql 120m; systemctl start postgresql@15-main",
        inject: &[Step::Sh(
            "systemctl stop postgresql@15-main; fill /var/lib/postgresql/dump.sql; systemctl start postgresql@15-main || true",
        )],
        restore: "rm /var/lib/postgresql/dump.sql; systemctl restart postgresql@15-main; systemctl restart app; await_listener :8000",
        ..BASE
    },
    Scenario {
        name: "disk-full-redis",
        about: "Redis finds no room for its snapshot and stops taking writes.",
        stack: Stack::FpmRedis,
        prepare: "own_filesystem /var/lib/redis 1m",
        inject: &[Step::Sh(
            "export REDISCLI_AUTH=Ruhig-Blut_7; fill /var/lib/redis/old.rdb; redis-cli bgsave
             until redis-cli info persistence | grep -q last_bgsave_status:err; do sleep 0.1; done",
        )],
        restore: "rm /var/lib/redis/old.rdb; REDISCLI_AUTH=Ruhig-Blut_7 redis-cli bgsave; sleep 0.5",
        ..BASE
    },
    Scenario {
        name: "disk-full-upload",
        about: "The file system of nginx's temp directories is full: uploads get 500, pages go well.",
        stack: Stack::FpmTcp,
        prepare: "own_filesystem /var/lib/nginx 2m",
        inject: &[Step::Sh("fill /var/lib/nginx/core")],
        traffic: Traffic {
            path: "/index.php",
            body: Some(200_000),
            ..BASE.traffic
        },
        restore: "rm /var/lib/nginx/core",
        ..BASE
    },
    Scenario {
        name: "disk-full-deleted",
        about: "The file system of nginx's temp directories is full of a file that was deleted while a program still writes to it: du \
                does not see it.",
        stack: Stack::FpmTcp,
        prepare: "own_filesystem /var/lib/nginx 4m",
        inject: &[Step::Sh(
            "systemd-run -q --unit=tracing --collect sh -c 'exec 3>/var/lib/nginx/trace.log; fill() { dd if=/dev/zero bs=4k status=none >&3; }; \
             fill || true; rm /var/lib/nginx/trace.log; sleep 600'
             while [ -e /var/lib/nginx/trace.log ]; do sleep 0.05; done; fill /var/lib/nginx/core; sleep 0.2",
        )],
        traffic: Traffic {
            path: "/index.php",
            body: Some(200_000),
            ..BASE.traffic
        },
        restore: "systemctl stop tracing; rm -f /var/lib/nginx/core",
        ..BASE
    },
    Scenario {
        name: "disk-full-packages",
        about: "The file system of caches is full of packages that apt downloaded, and nginx keeps the bodies of uploads on it.",
        stack: Stack::FpmTcp,
        prepare: "mkdir /var/cache/nginx; own_filesystem /var/cache 24m
                  echo 'client_body_temp_path /var/cache/nginx/body;' >/etc/nginx/conf.d/body.conf",
        inject: &[Step::Sh("fill /var/cache/apt/archives/libreoffice-core_4%3a7.4.7-1+deb12u5_amd64.deb")],
        traffic: Traffic {
            path: "/index.php",
            body: Some(200_000),
            ..BASE.traffic
        },
        fix: Fix::Ends { then: 200 },
        ..BASE
    },
    Scenario {
        name: "disk-full-packages-and-a-dead-backend",
        about: "The application keeps a cache beside apt's packages, and ended at its start because nothing fits on that file \
                system any more.",
        stack: Stack::GunicornTcp,
        prepare: "install -d -o www-data /var/cache/shop; own_filesystem /var/cache 24m
                  limit app 'ExecStartPre=/bin/dd if=/dev/zero of=/var/cache/shop/templates bs=64k count=8' Restart=no",
        inject: &[Step::Sh(
            "systemctl stop app; rm /var/cache/shop/templates; fill /var/cache/apt/archives/libreoffice-core_4%3a7.4.7-1+deb12u5_amd64.deb
             systemctl start app || true",
        )],
        traffic: Traffic::SHOP,
        fix: Fix::Ends { then: 502 },
        restore: "systemctl start app; await_listener :8000",
        ..BASE
    },
];
