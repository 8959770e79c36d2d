//! The backend needs a module of a kernel that was upgraded away.

use crate::{Expect, Fix, Scenario, Stack, Step};

/// The running kernel has the module built in, as far as its files say: modprobe then has nothing to do.
/// A container keeps its kernel: at boot the one that is installed takes its name.
const PREPARE: &str = "
mkdir -p /lib/modules/$(uname -r)
echo kernel/drivers/net/tun.ko >/lib/modules/$(uname -r)/modules.builtin
depmod
cat >/etc/systemd/system/newest-kernel.service <<'EOF'
[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'cd /lib/modules && [ -d $(uname -r) ] || mv * $(uname -r)'
[Install]
WantedBy=sysinit.target
EOF
systemctl enable newest-kernel
sed -i 's|^ExecStart=|ExecStartPre=+/sbin/modprobe tun\\n&|' /etc/systemd/system/app.service
";

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "reboot-needed",
    about: "An upgrade replaced the kernel's package and its modules; gunicorn's unit loads a module before it starts, and \
            was restarted.",
    stack: Stack::GunicornTcp,
    prepare: PREPARE,
    inject: &[Step::Sh(
        "mv /lib/modules/$(uname -r) /lib/modules/6.1.0-99-amd64
         touch /run/reboot-required
         systemctl restart app || true
         await_failure app",
    )],
    fix: Fix::Restarts,
    restore: "systemctl is-active -q app",
    expect: Expect::Found(&["reboot-needed"]),
    ..Scenario::BASE
}];
