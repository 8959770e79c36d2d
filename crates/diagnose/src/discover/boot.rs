//! When the host booted: the moment process start times are counted from.

use host::{Host, Look, Looks, Timestamp, Unseen};
use std::{path::Path, time::Duration};

/// `btime` has whole seconds; the clock less the uptime is exact to 10 ms. Where the two differ by more, `/proc/uptime`
/// is a container's own (LXCFS) and start times are not counted from it.
const AGREE: Duration = Duration::from_secs(2);

pub(super) fn look(host: &dyn Host, now: Timestamp) -> Look<Timestamp> {
    let text = |path: &str| {
        let bytes = host.file(Path::new(path))?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let stat = text("/proc/stat")?;
    let uptime = text("/proc/uptime").unwrap_or_default();
    boot(&stat, &uptime, now).ok_or_else(|| Unseen::Unusable {
        what: "/proc/stat".to_owned(),
        why: "it has no boot time".to_owned(),
    })
}

fn boot(stat: &str, uptime: &str, now: Timestamp) -> Option<Timestamp> {
    let coarse = stat
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()?;
    let coarse = Timestamp::from_secs(coarse);
    let seconds: Option<f64> = uptime
        .split_whitespace()
        .next()
        .and_then(|text| text.parse().ok());
    let up = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let fine = up.map(|up| now.before(up));
    Some(
        fine.filter(|fine| fine.distance(coarse) <= AGREE)
            .unwrap_or(coarse),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_one_where_both_agree() {
        let now = Timestamp(1_000_000_500);
        let rows = [
            ("cpu 1\nbtime 999990\n", "10.25 3.0\n", Some(999_990_250)),
            ("btime 900000\n", "10.25 3.0\n", Some(900_000_000)),
            ("btime 999990\n", "", Some(999_990_000)),
            ("cpu 1\n", "10.25", None),
        ];
        for (stat, uptime, expected) in rows {
            assert_eq!(
                boot(stat, uptime, now).map(|at| at.0),
                expected,
                "{stat} {uptime}"
            );
        }
    }
}
