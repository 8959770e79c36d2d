//! The file on disk is right; the running nginx is older than it.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Ends { then: 200 },
    expect: Expect::Found(&["nginx-config-stale"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "nginx-config-stale-not-reloaded",
        about: "The program moved to port 8001 and nginx's site was edited to match, but nobody reloaded nginx.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "sed -i s/127.0.0.1:8000/127.0.0.1:8001/ /etc/systemd/system/app.service /etc/nginx/sites-available/shop
             systemctl daemon-reload
             systemctl restart app",
        )],
        restore: "systemctl reload nginx",
        ..BASE
    },
    Scenario {
        name: "nginx-config-stale-reload-failed",
        about: "The same on node, and the reload failed on a typo in another file that was then corrected.",
        stack: Stack::Node,
        inject: &[Step::Sh(
            "sed -i s/3000/3001/ /srv/app/server.js /etc/nginx/sites-available/shop
             systemctl restart app
             echo 'gzip_typs text/css;' >/etc/nginx/conf.d/gzip.conf
             systemctl reload nginx || true
             echo 'gzip_types text/css;' >/etc/nginx/conf.d/gzip.conf",
        )],
        restore: "systemctl reload nginx",
        ..BASE
    },
];
