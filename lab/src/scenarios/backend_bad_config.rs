//! An edit broke the backend's own configuration; it does not start, and its config test says where.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["backend-bad-config"]),
    trigger: Some("config-edit"),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "backend-bad-config-fpm",
        fix: Fix::Mends { ways: 1 },
        about: "A misspelt entry in php-fpm's pool file, then a restart: exit 78 and no socket.",
        stack: Stack::FpmUnix,
        inject: &[Step::Sh(
            "sed -i.bak 's/^pm.max_children/pm.max_childrn/' /etc/php/8.2/fpm/pool.d/www.conf
             systemctl restart php8.2-fpm || true",
        )],
        restore: "mv /etc/php/8.2/fpm/pool.d/www.conf.bak /etc/php/8.2/fpm/pool.d/www.conf
                  systemctl start php8.2-fpm",
        ..BASE
    },
    Scenario {
        name: "backend-bad-config-apache",
        about: "An unknown directive in a file Apache includes, then a restart.",
        stack: Stack::Apache,
        inject: &[Step::Sh(
            "echo 'MaxRequestWorker 50' >/etc/apache2/conf-enabled/tuning.conf
             systemctl restart apache2 || true",
        )],
        restore: "rm /etc/apache2/conf-enabled/tuning.conf; systemctl start apache2",
        ..BASE
    },
];
