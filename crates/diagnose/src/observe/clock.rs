//! The host's time zone: error logs and backends' logs are written in local time.

use host::{Host, Looks, Timestamp};
use jiff::{civil::DateTime, tz::TimeZone};

/// The host's zone; UTC where it can't be told.
pub(super) fn zone(host: &dyn Host) -> TimeZone {
    host.time_zone().unwrap_or(TimeZone::UTC)
}

/// A moment of the zone's clock on the wall.
pub(super) fn moment(at: DateTime, zone: &TimeZone) -> Timestamp {
    Timestamp(logscan::error_log::host_time(at, zone))
}

/// A moment of UTC's clock on the wall.
pub(super) fn utc(at: DateTime) -> Timestamp {
    moment(at, &TimeZone::UTC)
}
