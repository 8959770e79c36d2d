//! Redis answers and refuses writes.

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
];
