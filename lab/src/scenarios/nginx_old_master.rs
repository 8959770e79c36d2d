//! An upgrade of nginx's binary was begun and not finished: the old master serves on.

use crate::{Expect, Fix, Scenario, Stack, Step};

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "nginx-old-master",
    about: "The program moved to port 8001 and nginx's site was edited to match; a new master was started by USR2, and \
            nobody ended the old one: every other connection gets 502.",
    stack: Stack::GunicornTcp,
    inject: &[Step::Sh(
        "sed -i s/127.0.0.1:8000/127.0.0.1:8001/ /etc/systemd/system/app.service /etc/nginx/sites-available/shop
         systemctl daemon-reload
         systemctl restart app
         await_listener :8001
         kill -USR2 $(cat /run/nginx.pid)
         until [ -e /run/nginx.pid.oldbin ] && [ -s /run/nginx.pid ]; do sleep 0.05; done",
    )],
    fix: Fix::Ends { then: 200 },
    restore: "[ ! -e /run/nginx.pid.oldbin ] || kill -QUIT $(cat /run/nginx.pid.oldbin)
              while [ -e /run/nginx.pid.oldbin ]; do sleep 0.05; done",
    expect: Expect::Found(&["nginx-old-master"]),
    ..Scenario::BASE
}];
