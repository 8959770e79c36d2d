//! An upgrade of PHP gave the socket a new name; nginx asks for the old version's.

use crate::{Expect, Fix, Scenario, Stack, Step};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "php-socket-version",
    fix: Fix::Mends { ways: 1 },
    about: "nginx asks php8.1-fpm.sock, served until the upgrade that is in the package log; php8.2-fpm.sock lives.",
    stack: Stack::FpmUnix,
    prepare: "sed -i 's|php8.2-fpm.sock|php8.1-fpm.sock|' /etc/php/8.2/fpm/pool.d/www.conf /etc/nginx/sites-available/shop",
    inject: &[Step::Sh(
        "now=$(date '+%F %T')
         printf '%s remove php8.1-fpm:amd64 8.1.27-1 <none>\\n%s install php8.2-fpm:amd64 <none> 8.2.29-1~deb12u1\\n%s status installed php8.2-fpm:amd64 8.2.29-1~deb12u1\\n' \
           \"$now\" \"$now\" \"$now\" >>/var/log/dpkg.log
         sed -i 's|php8.1-fpm.sock|php8.2-fpm.sock|' /etc/php/8.2/fpm/pool.d/www.conf
         systemctl restart php8.2-fpm",
    )],
    restore: "sed -i 's|php8.1-fpm.sock|php8.2-fpm.sock|' /etc/nginx/sites-available/shop; systemctl reload nginx",
    expect: Expect::Found(&["php-socket-version"]),
    ..Scenario::BASE
}];
