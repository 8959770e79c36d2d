//! The backend goes down by something that runs unattended: a package's scripts, a timer, cron, a log rotation. The
//! causes are those of any other day; what is asserted beside them is the change that led there.

use crate::{Expect, Fix, Scenario, Stack, Step};

const STOPPED: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    stack: Stack::Node,
    restore: "systemctl start app",
    expect: Expect::Found(&["backend-stopped"]),
    ..Scenario::BASE
};

/// Two versions of a package whose scripts stop the service before an upgrade and forget to start it.
const PACKAGE: &str = r#"
for version in 1.0 1.1; do
  mkdir -p /root/build/DEBIAN /root/build/usr/share/app
  echo "$version" >/root/build/usr/share/app/version
  printf 'Package: app\nVersion: %s\nArchitecture: all\nMaintainer: Shop <root@web1>\nDescription: the shop\n' \
    "$version" >/root/build/DEBIAN/control
  printf '#!/bin/sh\nsystemctl stop app\n' >/root/build/DEBIAN/prerm
  chmod 755 /root/build/DEBIAN/prerm
  dpkg-deb --build /root/build "/root/app_$version.deb" >/dev/null
done
dpkg -i /root/app_1.0.deb >/dev/null
"#;

/// A backup that wants the program to be quiet, and ends before it starts it again.
const NIGHTLY: &str = r"
printf '#!/bin/sh\nsystemctl stop app\ntar -cf /root/app.tar /srv/app 2>/dev/null\nexit 1\nsystemctl start app\n' >/srv/nightly.sh
chmod 755 /srv/nightly.sh
";
const TIMER: &str = "
printf '[Unit]\nDescription=Backup\n[Service]\nType=oneshot\nExecStart=/srv/nightly.sh\n' >/etc/systemd/system/nightly.service
printf '[Timer]\nOnActiveSec=1s\nAccuracySec=100ms\n' >/etc/systemd/system/nightly.timer
";

/// The program is sent the signal that daemons reopen their logs on; node ends by it.
const ROTATION: &str = "
echo old >/var/log/app.log
cat >/etc/logrotate.d/app <<'ROTATE'
/var/log/app.log {
    size 1
    rotate 3
    postrotate
        systemctl kill -s USR2 app
    endscript
}
ROTATE
";

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "stopped-by-upgrade",
        about: "A package of the program is upgraded with dpkg; its prerm stops the service and nothing starts it again.",
        prepare: PACKAGE,
        inject: &[Step::Sh("dpkg -i /root/app_1.1.deb >/dev/null")],
        trigger: Some("package-upgrade"),
        ..STOPPED
    },
    Scenario {
        name: "stopped-by-timer",
        about: "A backup started by a systemd timer stops the service and ends before it starts it again.",
        prepare: NIGHTLY,
        inject: &[
            Step::Sh(TIMER),
            Step::Sh("systemctl daemon-reload; systemctl start nightly.timer; await_failure nightly.service"),
        ],
        trigger: Some("scheduled-job"),
        ..STOPPED
    },
    Scenario {
        name: "stopped-by-cron",
        about: "The same backup, started by cron.",
        prepare: NIGHTLY,
        inject: &[Step::Sh(
            "echo '@reboot root /srv/nightly.sh' >/etc/cron.d/nightly; rm -f /run/crond.reboot; systemctl start cron
             while systemctl is-active -q app; do sleep 0.1; done",
        )],
        trigger: Some("scheduled-job"),
        ..STOPPED
    },
    Scenario {
        name: "killed-by-rotation",
        about: "After a log rotation the program is sent SIGUSR2 to reopen its log; it has no handler and ends.",
        prepare: ROTATION,
        inject: &[Step::Sh("systemctl start logrotate.service; await_failure app")],
        expect: Expect::Found(&["backend-died"]),
        trigger: Some("log-rotation"),
        ..STOPPED
    },
];
