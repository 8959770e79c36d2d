//! When another host may boot: the machine must have CPU to spare, or the hosts that are up miss their deadlines.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Share of all CPUs that must have been idle, per cent.
const IDLE: u64 = 30;
/// Over which time. A host that has just been let in boots within it, and its load is seen before the next asks.
const WINDOW: Duration = Duration::from_secs(1);

/// Lets hosts in one by one.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    door: Mutex<()>,
}

impl Pace {
    /// Returns when another host may boot beside those that are up, or when there is `no_more` to do.
    pub(crate) fn wait(&self, no_more: impl Fn() -> bool) {
        let _alone = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = Ticks::now();
        while !no_more() {
            std::thread::sleep(WINDOW);
            let now = Ticks::now();
            if now.idle_share(before) >= IDLE {
                return;
            }
            before = now;
        }
    }
}

/// Clock ticks of all CPUs since the boot: proc_stat(5), first line.
#[derive(Clone, Copy, Debug, Default)]
struct Ticks {
    idle: u64,
    all: u64,
}

impl Ticks {
    fn now() -> Self {
        fs::read_to_string("/proc/stat").map_or_else(|_| Self::default(), |text| Self::of(&text))
    }

    fn of(stat: &str) -> Self {
        let first = stat.lines().next().unwrap_or_default();
        // user nice system idle iowait irq softirq steal; guest time is part of user
        let ticks: Vec<u64> = first
            .split_ascii_whitespace()
            .skip(1)
            .take(8)
            .map_while(|word| word.parse().ok())
            .collect();
        let idle = ticks.iter().skip(3).take(2).sum();
        Self {
            idle,
            all: ticks.iter().sum(),
        }
    }

    fn idle_share(self, before: Self) -> u64 {
        let all = self.all.saturating_sub(before.all).max(1);
        self.idle.saturating_sub(before.idle) * 100 / all
    }
}

#[cfg(test)]
mod tests {
    use super::Ticks;

    #[test]
    fn waiting_for_a_disk_leaves_the_cpu_idle_and_guests_are_counted_once() {
        let before = Ticks::of("cpu  100 0 50 800 50 0 0 0 90 0\ncpu0 1 2 3 4\n");
        let now = Ticks::of("cpu  150 0 60 830 60 0 0 0 140 0\n");
        assert_eq!(now.idle_share(before), 40);
    }

    #[test]
    fn what_cannot_be_read_is_not_idle() {
        assert_eq!(Ticks::of("").idle_share(Ticks::of("")), 0);
    }
}
