//! The backend needs a module of a kernel that was upgraded away.

use crate::{Expect, Scenario, Stack, Step};

/// The running kernel has the module built in, as far as its files say: modprobe then has nothing to do.
const PREPARE: &str = "
mkdir -p /lib/modules/$(uname -r)
echo kernel/drivers/net/tun.ko >/lib/modules/$(uname -r)/modules.builtin
depmod
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
    restore: "mv /lib/modules/6.1.0-99-amd64 /lib/modules/$(uname -r); rm /run/reboot-required; systemctl restart app",
    expect: Expect::Found(&["reboot-needed"]),
    ..Scenario::BASE
}];
