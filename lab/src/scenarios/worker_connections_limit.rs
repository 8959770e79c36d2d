//! A worker of nginx has no connection left.

use crate::{Expect, Fix, Held, Scenario, Step, Traffic};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "worker-connections-limit-visitors",
    fix: Fix::Mends { ways: 1 },
    about: "The only worker of nginx may hold 12 connections, and eight visitors of a slow page hold them: others are turned away without an answer.",
    prepare: "sed -i 's/^worker_processes .*/worker_processes 1;/' /etc/nginx/nginx.conf
              sed -i 's/^pm.max_children = .*/pm.max_children = 20/' /etc/php/8.2/fpm/pool.d/www.conf
              sed -i '2i sleep(2);' /var/www/shop/report.php",
    inject: &[Step::Sh(
        "sed -i 's/worker_connections .*/worker_connections 12;/' /etc/nginx/nginx.conf; systemctl reload nginx",
    )],
    held: Some(Held {
        path: "/report.php",
        visitors: 8,
    }),
    traffic: Traffic {
        status: 0,
        ..Traffic::SHOP
    },
    restore: "sed -i 's/worker_connections .*/worker_connections 768;/' /etc/nginx/nginx.conf; systemctl reload nginx",
    expect: Expect::Found(&["worker-connections-limit"]),
    ..Scenario::BASE
}];
