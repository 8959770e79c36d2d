//! The Redis that the shop is configured with does not answer.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    stack: Stack::FpmRedis,
    expect: Expect::Found(&["cache-down"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "cache-down-stopped",
        fix: Fix::Mends { ways: 1 },
        about: "Redis was stopped; PHP ends with an uncaught RedisException and answers 500.",
        inject: &[Step::Sh("systemctl stop redis-server")],
        traffic: Traffic {
            status: 500,
            ..Traffic::SHOP
        },
        restore: "systemctl start redis-server; await_listener :6379",
        ..BASE
    },
    Scenario {
        name: "cache-down-hangs",
        about: "Redis is stopped by a signal: it takes connections and says nothing, and PHP waits until nginx gives up.",
        inject: &[Step::Sh("systemctl kill -s STOP redis-server")],
        traffic: Traffic::SHOP_504,
        restore: "systemctl kill -s CONT redis-server; systemctl restart php8.2-fpm",
        ..BASE
    },
];
