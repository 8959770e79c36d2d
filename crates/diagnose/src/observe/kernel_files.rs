//! The running kernel, and the files that belong to it.

use crate::world::Kernel;
use host::{Host, Look, Looks};
use std::path::Path;

/// Four small looks.
pub(super) fn look(host: &dyn Host) -> Look<Kernel> {
    let release = host
        .file(Path::new("/proc/sys/kernel/osrelease"))?
        .unwrap_or_default();
    let release = String::from_utf8_lossy(&release).trim().to_owned();
    let modules = Path::new("/lib/modules");
    let installed = host.dir(modules)?.unwrap_or_default();
    let own = host.dir(&modules.join(&release))?.unwrap_or_default();
    Ok(Kernel {
        has_modules: !own.is_empty(),
        installed: installed.into_iter().filter(|it| *it != release).collect(),
        reboot_required: host.stat(Path::new("/run/reboot-required"))?.is_some(),
        release,
    })
}
