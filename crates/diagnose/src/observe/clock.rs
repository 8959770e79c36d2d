//! The host's time zone: error logs and backends' logs are written in local time.

use host::{Host, Looks, Timestamp};
use jiff::{civil::DateTime, tz::TimeZone};
use std::path::Path;

/// The zone of `/etc/localtime`, asked of the host; UTC where there is none, as the C library has it.
pub(super) fn zone(host: &dyn Host) -> TimeZone {
    let file = host.file(Path::new("/etc/localtime"));
    let bytes = file.ok().flatten().unwrap_or_default();
    TimeZone::tzif("/etc/localtime", &bytes).unwrap_or(TimeZone::UTC)
}

/// A moment of the zone's clock on the wall.
pub(super) fn moment(at: DateTime, zone: &TimeZone) -> Timestamp {
    Timestamp(logscan::error_log::host_time(at, zone))
}

/// A moment of UTC's clock on the wall.
pub(super) fn utc(at: DateTime) -> Timestamp {
    moment(at, &TimeZone::UTC)
}
