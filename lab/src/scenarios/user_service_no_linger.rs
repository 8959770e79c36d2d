//! The shop is a service of its developer's account, and ends when the developer logs out.

use crate::{Expect, Fix, Scenario, Stack, Step};

/// The program moves from the system to the account of a person, who is logged in.
const AS_USER: &str = "
useradd -m -s /bin/bash ada
mkdir -p /home/ada/.config/systemd/user/default.target.wants
sed '/^User=/d; s/multi-user.target/default.target/' /etc/systemd/system/app.service >/home/ada/.config/systemd/user/app.service
ln -s ../app.service /home/ada/.config/systemd/user/default.target.wants/
chown -R ada: /home/ada
rm /etc/systemd/system/app.service; systemctl daemon-reload
units=php8.2-fpm
systemd-run -q --unit=login --collect -p PAMName=login -p User=ada sleep infinity
";

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "user-service-no-linger-gunicorn",
    about: "gunicorn is a systemd --user unit of the account that deploys; its owner logs out, and seconds later it is gone.",
    stack: Stack::GunicornTcp,
    prepare: AS_USER,
    inject: &[Step::Sh(
        "systemctl stop login; while ss -Hlnt | grep -q :8000; do sleep 0.1; done",
    )],
    restore: "systemd-run -q --unit=login --collect -p PAMName=login -p User=ada sleep infinity; await_listener :8000",
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["user-service-no-linger"]),
    ..Scenario::BASE
}];
