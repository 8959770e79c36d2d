//! How much memory the programs of this host may take together.

use super::{not, text};
use host::{Host, Look};
use std::path::Path;

/// `MemTotal` of proc_meminfo(5), or less where the control group that we see as the root allows less: a container's.
pub(super) fn look(host: &dyn Host) -> Look<u64> {
    let file = Path::new("/proc/meminfo");
    let info = text(host, file)?.unwrap_or_default();
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let total = kib
        .map(|kib| kib * 1024)
        .ok_or_else(|| not("/proc/meminfo", "no line MemTotal"))?;
    let limit = text(host, Path::new("/sys/fs/cgroup/memory.max")).ok().flatten();
    let limit = limit.and_then(|limit| limit.trim().parse().ok());
    Ok(limit.map_or(total, |limit: u64| limit.min(total)))
}
