use crate::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock.
pub(super) fn now() -> Timestamp {
    from_system(SystemTime::now())
}

/// Times before 1970 come out as 1970.
pub(super) fn from_system(at: SystemTime) -> Timestamp {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
