//! The socket is open to everyone, a directory above it is not.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["socket-dir-permission"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "socket-dir-permission-gunicorn",
        about: "The unit now runs as another user whose runtime directory has mode 0700.",
        stack: Stack::GunicornUnix,
        inject: &[Step::Sh(
            "sed -i 's/^User=.*/User=daemon/; s/^RuntimeDirectory=.*/&\\nRuntimeDirectoryMode=0700/' /etc/systemd/system/app.service
             systemctl daemon-reload; systemctl restart app; await_listener app.sock",
        )],
        restore: "sed -i 's/^User=.*/User=www-data/; /^RuntimeDirectoryMode/d' /etc/systemd/system/app.service
                  systemctl daemon-reload; systemctl restart app",
        ..BASE
    },
    Scenario {
        name: "socket-dir-permission-fpm",
        about: "Somebody tightened /run/php to root only; the socket in it is as it was.",
        stack: Stack::FpmUnix,
        inject: &[Step::Sh("chown root:root /run/php; chmod 0700 /run/php")],
        restore: "chown www-data:www-data /run/php; chmod 0755 /run/php",
        ..BASE
    },
];
