//! How long to wait before the next attempt.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The first wait is at most this.
const FIRST: Duration = Duration::from_millis(250);

/// No wait is longer, unless a server asks for it.
const LONGEST: Duration = Duration::from_secs(30);

/// Attempts that failed one after the other.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    n_failed: u32,
}

impl Backoff {
    /// Something worked.
    pub(super) fn reset(&mut self) {
        self.n_failed = 0;
    }

    /// How long to wait after one more failure: twice as long each time, and anything from half of it on, so that a
    /// thousand agents that lost the same server do not come back as one.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let most = FIRST.saturating_mul(1 << self.n_failed.min(16)).min(LONGEST);
        self.n_failed = self.n_failed.saturating_add(1);
        let wait = most / 2 + most.mul_f64(share() / 2.0);
        match asked {
            // Everybody was asked for the same, so nobody comes on the second.
            Some(asked) => asked.max(wait) + wait.mul_f64(share()),
            None => wait,
        }
    }
}

/// When a server is to end a watch, in seconds: not for all agents at once.
pub(super) fn watch_seconds() -> u64 {
    240 + Duration::from_secs(60).mul_f64(share()).as_secs()
}

/// Something between 0 and 1. Nothing hangs on its being hard to guess.
fn share() -> f64 {
    let random = u32::try_from(RandomState::new().hash_one(0_u8) >> 32).unwrap_or_default();
    f64::from(random) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_begin_again_after_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..20).map(|_| backoff.next(None)).collect();
        assert!(waits[0] >= FIRST / 2 && waits[0] <= FIRST, "{waits:?}");
        assert!(waits[3] >= FIRST * 4 && waits[3] <= FIRST * 8, "{waits:?}");
        assert!(waits[19] >= LONGEST / 2 && waits[19] <= LONGEST, "{waits:?}");
        assert!(waits[15] != waits[16] || waits[16] != waits[17], "{waits:?}");
        backoff.reset();
        assert!(backoff.next(None) <= FIRST);
    }

    #[test]
    fn a_server_is_not_asked_before_the_time_that_it_gave() {
        let mut backoff = Backoff::default();
        let wait = backoff.next(Some(Duration::from_secs(9)));
        assert!(wait >= Duration::from_secs(9) && wait < Duration::from_secs(10), "{wait:?}");
    }
}
