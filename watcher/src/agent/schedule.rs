//! When the next batch is due, and when live connections are judged next.
//!
//! The first change after a quiet time goes at once. Those that come within [`WINDOW`] of the last batch, or within
//! four times as long as that took, but never more than [`CEILING`], go together at its end: so a burst is a few
//! batches, no change waits longer than the ceiling and the batch before it, and a batch that is slow makes the next one
//! larger instead of taking the whole processor. What is to be judged goes together in the same way, at a pace of its own.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

/// The shortest time between two batches.
pub const WINDOW: Duration = Duration::from_millis(25);

/// The longest that a change waits for others.
pub const CEILING: Duration = Duration::from_secs(1);

/// How a batch makes the next one wait.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The shortest time between two.
    window: Duration,
    /// The longest that a change waits for others.
    ceiling: Duration,
    /// How many times as long as one took is waited after it.
    rest: u32,
}

/// That of batches.
pub const BATCHES: Pace = Pace { window: WINDOW, ceiling: CEILING, rest: 4 };

/// That of the judging of live connections: a walk through the whole table of connections, which a change of a pod
/// anywhere in the cluster asks for. So it takes 3 % of a core at most while pods change all the time.
pub const JUDGING: Pace = Pace { window: Duration::from_millis(50), ceiling: CEILING, rest: 32 };

/// The first wait after a failure; each further one doubles it.
const RETRY: Duration = Duration::from_millis(500);

/// The longest wait after failures, before jitter.
pub const RETRY_MAX: Duration = Duration::from_secs(30);

/// When work is due.
#[derive(Debug)]
pub struct Schedule {
    pace: Pace,
    due: Option<Instant>,
    /// Until when changes wait for others.
    closed_until: Option<Instant>,
    n_failures: u32,
}

impl Schedule {
    /// Nothing is to do.
    pub fn new(pace: Pace) -> Self {
        Self { pace, due: None, closed_until: None, n_failures: 0 }
    }

    /// There is something to do.
    pub fn want(&mut self, now: Instant) {
        let earliest = self.closed_until.map_or(now, |until| until.max(now));
        // After a failure only time helps: the next attempt takes all that has changed by then.
        self.due = Some(self.due.map_or(earliest, |due| if self.n_failures > 0 { due } else { due.min(earliest) }));
    }

    /// Something must be done now, whatever came before: somebody else changed what is ours.
    pub fn want_at_once(&mut self, now: Instant) {
        if self.n_failures == 0 {
            self.due = Some(now);
        }
    }

    /// Whether it is time; the work is then taken.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.due.is_some_and(|due| due <= now);
        if is_due {
            self.due = None;
        }
        is_due
    }

    /// A batch that took so long was done.
    pub fn done(&mut self, now: Instant, took: Duration) {
        self.n_failures = 0;
        let Pace { window, ceiling, rest } = self.pace;
        self.closed_until = Some(now + (took * rest).clamp(window, ceiling));
    }

    /// A batch failed. Agents of many nodes that fail together do not try again together.
    pub fn failed(&mut self, now: Instant) -> Duration {
        let wait = (RETRY * 2_u32.saturating_pow(self.n_failures.min(16))).min(RETRY_MAX);
        self.n_failures = self.n_failures.saturating_add(1);
        let share = u32::try_from(RandomState::new().hash_one(0) % 1000).unwrap_or(0);
        let wait = wait / 2 + wait * share / 1000;
        self.due = Some(now + wait);
        wait
    }

    /// How often it failed since it last did not.
    pub fn n_failures(&self) -> u32 {
        self.n_failures
    }

    /// How long nothing is due.
    pub fn patience(&self, now: Instant, most: Duration) -> Duration {
        self.due.map_or(most, |due| due.saturating_duration_since(now).min(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_goes_at_once_and_a_burst_together_within_the_ceiling() {
        let start = Instant::now();
        let mut schedule = Schedule::new(BATCHES);
        schedule.want(start);
        assert!(schedule.is_due(start));
        assert!(!schedule.is_due(start));
        schedule.done(start, Duration::from_millis(1));
        for after in [1, 5, 20] {
            schedule.want(start + Duration::from_millis(after));
            assert!(!schedule.is_due(start + Duration::from_millis(after)));
        }
        assert!(schedule.is_due(start + WINDOW));
        // A slow batch: four times as long, and never longer than the ceiling.
        for (took, closed) in [(Duration::from_millis(100), Duration::from_millis(400)), (CEILING, CEILING)] {
            schedule.done(start, took);
            schedule.want(start);
            assert!(!schedule.is_due(start + closed.saturating_sub(Duration::from_millis(1))));
            assert!(schedule.is_due(start + closed));
        }
        // After a quiet time at once again.
        schedule.want(start + CEILING * 2);
        assert!(schedule.is_due(start + CEILING * 2));
    }

    #[test]
    fn failures_wait_longer_each_time_and_changes_do_not_shorten_it() {
        let start = Instant::now();
        let mut schedule = Schedule::new(BATCHES);
        for n in 0..20 {
            let wait = schedule.failed(start);
            let whole = (RETRY * 2_u32.pow(n.min(10))).min(RETRY_MAX);
            assert!(wait >= whole / 2 && wait <= whole * 3 / 2, "{n}: {wait:?}");
            schedule.want(start);
            schedule.want_at_once(start);
            assert!(!schedule.is_due(start));
            assert!(schedule.is_due(start + wait));
        }
        schedule.done(start, Duration::ZERO);
        assert_eq!(schedule.n_failures(), 0);
    }
}
