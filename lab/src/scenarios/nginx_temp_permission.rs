//! nginx's workers may not write nginx's own temp files.

use crate::{Expect, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    inject: &[Step::Sh("chmod 700 /var/lib/nginx")],
    traffic: Traffic {
        status: 500,
        body: Some(200_000),
        ..Traffic::SHOP
    },
    restore: "chmod 755 /var/lib/nginx",
    expect: Expect::Found(&["nginx-temp-permission"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "nginx-temp-permission-fpm",
    about: "Only root may pass the directory above nginx's temp directories: uploads get 500. nginx repairs the owner of the temp directories themselves at each start and test, not of what is above or below them.",
    stack: Stack::FpmTcp,
    traffic: Traffic {
        path: "/index.php",
        ..BASE.traffic
    },
    ..BASE
}];
