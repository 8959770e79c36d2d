//! Waiting: for a condition with a limit; for a time only to see that something lasts.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How often a condition is looked at.
const TICK: Duration = Duration::from_millis(20);

/// Looks until there is something, at most this long; at least once.
pub(super) fn until<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        let seen = look();
        if seen.is_some() || Instant::now() >= end {
            return seen;
        }
        thread::sleep(TICK);
    }
}

/// Lets time pass in which something else may go wrong.
pub(super) fn pause(time: Duration) {
    thread::sleep(time);
}
