//! The backend listens on another port than nginx asks.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 2 },
    expect: Expect::Found(&["wrong-upstream-port"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "wrong-upstream-port-apache",
        about: "Apache was moved to 127.0.0.1:8080; nginx still asks 7080.",
        stack: Stack::Apache,
        inject: &[Step::Sh(
            "sed -i s/7080/8080/ /etc/apache2/ports.conf /etc/apache2/sites-available/shop.conf; systemctl restart apache2",
        )],
        restore: "sed -i s/8080/7080/ /etc/apache2/ports.conf /etc/apache2/sites-available/shop.conf; systemctl restart apache2",
        ..BASE
    },
    Scenario {
        name: "wrong-upstream-port-gunicorn",
        about: "The unit of a gunicorn program now binds 127.0.0.1:8001; nginx still asks 8000.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "sed -i s/:8000/:8001/ /etc/systemd/system/app.service; systemctl daemon-reload; systemctl restart app",
        )],
        restore: "sed -i s/:8001/:8000/ /etc/systemd/system/app.service; systemctl daemon-reload; systemctl restart app",
        ..BASE
    },
    Scenario {
        name: "fix-at-a-terminal",
        fix: Fix::Asked { roots: 1 },
        about: "The same with a person at a terminal, who gives every answer there is before agreeing to one step of the plan and to its undo.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "sed -i s/:8000/:8001/ /etc/systemd/system/app.service; systemctl daemon-reload; systemctl restart app",
        )],
        restore: "sed -i s/:8001/:8000/ /etc/systemd/system/app.service; systemctl daemon-reload; systemctl restart app",
        ..BASE
    },
    Scenario {
        name: "wrong-upstream-port-nginx",
        fix: Fix::Mends { ways: 1 },
        about: "The other side was edited: nginx asks 127.0.0.1:3030 for a node program that listens on 3000.",
        stack: Stack::Node,
        inject: &[Step::Sh(
            "sed -i s/:3000/:3030/ /etc/nginx/sites-available/shop; systemctl reload nginx",
        )],
        restore: "sed -i s/:3030/:3000/ /etc/nginx/sites-available/shop; systemctl reload nginx",
        ..BASE
    },
];
