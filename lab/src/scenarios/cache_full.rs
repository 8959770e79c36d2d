//! Redis or memcached answers and refuses writes.

use crate::{Expect, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    stack: Stack::FpmRedis,
    traffic: Traffic {
        status: 500,
        ..Traffic::SHOP
    },
    expect: Expect::Found(&["cache-full"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "cache-full-memory",
        about: "Redis has used its maxmemory, and its policy is to evict nothing.",
        inject: &[Step::Sh(
            "export REDISCLI_AUTH=Ruhig-Blut_7; redis-cli config set maxmemory 900kb; redis-cli config get maxmemory-policy",
        )],
        restore: "REDISCLI_AUTH=Ruhig-Blut_7 redis-cli config set maxmemory 0",
        ..BASE
    },
    Scenario {
        name: "cache-full-snapshot",
        about: "Redis can't write its snapshot, as its directory is gone, and stops taking writes.",
        inject: &[Step::Sh(
            "export REDISCLI_AUTH=Ruhig-Blut_7; mv /var/lib/redis /var/lib/redis.away; redis-cli bgsave
             until redis-cli info persistence | grep -q last_bgsave_status:err; do sleep 0.1; done",
        )],
        restore: "mv /var/lib/redis.away /var/lib/redis; REDISCLI_AUTH=Ruhig-Blut_7 redis-cli config set save ''; \
                  systemctl restart redis-server; await_listener :6379",
        ..BASE
    },
    Scenario {
        name: "cache-full-memcached",
        about: "memcached may use 2 MiB, evicts nothing (-M), and is full of visits.",
        stack: Stack::FpmUnix,
        prepare: super::cache_down::MEMCACHED,
        inject: &[Step::Sh(
            "sed -i 's/^-m .*/-m 2/' /etc/memcached.conf; echo -M >>/etc/memcached.conf; systemctl restart memcached; await_listener :11211
             for _ in $(seq 80); do curl -s -o /dev/null -H 'Host: shop.example' http://127.0.0.1/index.php; done",
        )],
        restore: "sed -i /^-M/d /etc/memcached.conf; systemctl restart memcached; await_listener :11211",
        ..BASE
    },
];
