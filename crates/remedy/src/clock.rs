//! Time for what is done, not for what is judged: when a step was done, and how long a proof waits.

use host::Timestamp;
use std::time::Duration;

/// Tells the time and lets it pass.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Lets that much time pass.
    fn wait(&self, time: Duration);
}

/// The machine's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the journal says when a step was done; nothing is judged by it"
    )]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the time between two requests of a proof, which has a limit"
    )]
    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}
