//! The backend ran, died by a signal, and nothing started it again.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["backend-died"]),
    ..Scenario::BASE
};

/// gunicorn as people start it by hand: no unit owns it.
const BY_HAND: &str = "
rm /etc/systemd/system/app.service
units=${units/ app/}
install -d -o www-data /srv/app/run
sed -i 's|/run/app/app.sock|/srv/app/run/app.sock|' /etc/nginx/sites-available/shop
cat >/srv/app/start.sh <<'SH'
#!/bin/sh
cd /srv/app && exec gunicorn --daemon --workers 2 --pid /srv/app/run/pid --bind unix:/srv/app/run/app.sock shop:application
SH
systemd-run -q --scope --unit=session-4 --uid=www-data sh /srv/app/start.sh
";

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "backend-died-fpm",
        about: "php-fpm's master was killed by SIGKILL; the unit has no Restart= and stays failed, the socket file stays.",
        stack: Stack::FpmUnix,
        inject: &[Step::Sh(
            "systemctl kill -s KILL --kill-who=main php8.2-fpm; await_failure php8.2-fpm",
        )],
        restore: "systemctl start php8.2-fpm",
        ..BASE
    },
    Scenario {
        name: "backend-died-node",
        about: "A node program was killed by SIGKILL; its unit has no Restart= and stays failed.",
        stack: Stack::Node,
        inject: &[Step::Sh("systemctl kill -s KILL app; await_failure app")],
        restore: "systemctl start app",
        ..BASE
    },
    Scenario {
        name: "backend-died-no-unit",
        fix: Fix::Nothing,
        about: "gunicorn was started by hand and killed: no unit knows of it, only its socket file is left (111 on unix:).",
        stack: Stack::GunicornUnix,
        prepare: BY_HAND,
        inject: &[Step::Sh(
            "kill -9 $(cat /srv/app/run/pid) $(pgrep -P $(cat /srv/app/run/pid)); while pgrep -x gunicorn; do sleep 0.1; done",
        )],
        restore: "systemd-run -q --scope --unit=session-5 --uid=www-data sh /srv/app/start.sh",
        ..BASE
    },
];
