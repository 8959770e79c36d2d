//! Waiting: for a condition with a limit; for a time only to see that something lasts. Somebody who presses Ctrl-C must not
//! wait for a unit that starts for a minute: then what was begun goes on by itself.

use crate::Patience;
use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How often a condition is looked at.
const TICK: Duration = Duration::from_millis(20);
/// What who is in a hurry still waits for one thing.
const SHORT: Duration = Duration::from_millis(300);

thread_local! {
    /// Of the step that this thread is doing: what waits is far below what knows.
    static NOW: RefCell<(Patience, Arc<AtomicBool>)> = RefCell::default();
}

/// Does a step, which waits like that and can be asked to stop by this.
pub(super) fn with<T>(patience: Patience, stop: &Arc<AtomicBool>, act: impl FnOnce() -> T) -> T {
    let before = NOW.replace((patience, Arc::clone(stop)));
    let done = act();
    NOW.set(before);
    done
}

/// Nobody waits for the end any more.
pub(super) fn is_over() -> bool {
    NOW.with_borrow(|(patience, stop)| *patience == Patience::UntilAsked && stop.load(Ordering::SeqCst))
}

/// What was begun is left to itself.
pub(super) fn is_short() -> bool {
    NOW.with_borrow(|(patience, _)| *patience == Patience::Short)
}

/// Looks until there is something, at most this long; at least once.
pub(super) fn until<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let limit = if is_short() { limit.min(SHORT) } else { limit };
    let end = Instant::now() + limit;
    loop {
        let seen = look();
        if seen.is_some() || Instant::now() >= end || is_over() {
            return seen;
        }
        thread::sleep(TICK);
    }
}

/// Lets time pass in which something else may go wrong.
pub(super) fn pause(time: Duration) {
    thread::sleep(if is_short() { Duration::ZERO } else { time });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asked_to_stop_is_not_kept_waiting() {
        let long = Duration::from_secs(60);
        let asked = Arc::new(AtomicBool::new(true));
        let began = Instant::now();
        for patience in [Patience::UntilAsked, Patience::Short] {
            let seen = with(patience, &asked, || until(long, || None::<()>));
            assert!(seen.is_none());
        }
        assert!(began.elapsed() < long / 10);
        assert!(!is_over() && !is_short(), "it holds for one step");
    }
}
