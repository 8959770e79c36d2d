//! nginx was restarted on a configuration that does not load: visitors are refused at the edge.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["nginx-will-not-start"]),
    traffic: Traffic {
        status: 0,
        ..Traffic::SHOP
    },
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "nginx-will-not-start-typo",
        fix: Fix::Mends { ways: 1 },
        about: "A misspelt directive in the site's file, then a restart.",
        stack: Stack::FpmUnix,
        inject: &[Step::Sh(
            "sed -i.bak s/fastcgi_read_timeout/fastcgi_read_timeot/ /etc/nginx/sites-available/shop; systemctl restart nginx || true",
        )],
        restore: "mv /etc/nginx/sites-available/shop.bak /etc/nginx/sites-available/shop; systemctl start nginx",
        trigger: Some("config-edit"),
        ..BASE
    },
    Scenario {
        name: "nginx-will-not-start-include",
        about: "The site includes a file that is not there, then a restart.",
        stack: Stack::Apache,
        inject: &[Step::Sh(
            "sed -i '3a include /etc/nginx/tls.conf;' /etc/nginx/sites-available/shop; systemctl restart nginx || true",
        )],
        restore: "sed -i 4d /etc/nginx/sites-available/shop; systemctl start nginx",
        ..BASE
    },
];
