//! The Redis or memcached that the shop is configured with does not answer.

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
    Scenario {
        name: "cache-down-memcached",
        fix: Fix::Mends { ways: 1 },
        about: "The shop keeps its visits in memcached, which was stopped; PHP ends with an uncaught exception and answers 500.",
        stack: Stack::FpmUnix,
        prepare: MEMCACHED,
        inject: &[Step::Sh("systemctl stop memcached")],
        traffic: Traffic {
            status: 500,
            ..Traffic::SHOP
        },
        restore: "systemctl start memcached; await_listener :11211",
        ..BASE
    },
];

/// The shop's front page stores something in memcached, over its text protocol.
pub(super) const MEMCACHED: &str = r#"
units="memcached $units"; listens="$listens :11211"
cat >/var/www/shop/config.php <<'PHP'
<?php
define('MEMCACHED_HOST', '127.0.0.1');
define('MEMCACHED_PORT', 11211);
PHP
cat >/var/www/shop/index.php <<'PHP'
<?php
require __DIR__ . '/config.php';
$cache = @stream_socket_client('tcp://' . MEMCACHED_HOST . ':' . MEMCACHED_PORT, $code, $says, 2);
if (!$cache) {
    throw new RuntimeException("memcached: $says ($code) connecting to " . MEMCACHED_HOST . ':' . MEMCACHED_PORT);
}
$visit = str_repeat('x', 60000);
fwrite($cache, 'set visit:' . bin2hex(random_bytes(8)) . ' 0 600 ' . strlen($visit) . "\r\n$visit\r\n");
$answer = trim(fgets($cache));
if ($answer !== 'STORED') {
    throw new RuntimeException("memcached: $answer");
}
echo "<h1>Shop</h1>\n";
PHP
cp /var/www/shop/index.php /var/www/shop/report.php
"#;
