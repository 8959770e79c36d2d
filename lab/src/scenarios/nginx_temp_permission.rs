//! nginx's workers may not write nginx's own temp files.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    traffic: Traffic {
        path: "/index.php",
        status: 500,
        body: Some(200_000),
        ..Traffic::SHOP
    },
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["nginx-temp-permission"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "nginx-temp-permission-fpm",
        about: "Only root may pass the directory above nginx's temp directories: uploads get 500.",
        stack: Stack::FpmTcp,
        inject: &[Step::Sh("chmod 700 /var/lib/nginx")],
        restore: "chmod 755 /var/lib/nginx",
        ..BASE
    },
    Scenario {
        name: "nginx-temp-permission-owner",
        about: "The directory for uploads belongs to another user. nginx -t as root would give it back to the workers: looking must not.",
        stack: Stack::FpmTcp,
        inject: &[Step::Sh("chown games /var/lib/nginx/body")],
        restore: "chown www-data /var/lib/nginx/body",
        ..BASE
    },
];
