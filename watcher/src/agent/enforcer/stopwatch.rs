//! How long each part of an apply takes.

use std::time::{Duration, Instant};

use engine::apply::{Phase, Step};

/// Runs from the beginning of an apply. What is read between two rounds counts to the part before it.
#[derive(Debug)]
pub(super) struct Stopwatch {
    part: Phase,
    since: Instant,
    took: Vec<(Phase, Duration)>,
    /// Since when packets on their way are waited for, and how long that took before.
    settling: Option<Instant>,
    waited: Duration,
}

impl Stopwatch {
    /// An apply begins by reading.
    pub(super) fn start() -> Self {
        Self { part: Phase::Observe, since: Instant::now(), took: Vec::new(), settling: None, waited: Duration::ZERO }
    }

    /// A part begins.
    pub(super) fn step(&mut self, step: Step<'_>) {
        self.waited += self.settling.take().map_or(Duration::ZERO, |since| since.elapsed());
        match step {
            Step::Before(part, _) => self.begin(part),
            // The wait for packets on their way is part of what follows it.
            Step::Flipped => {
                self.begin(Phase::Collect);
                self.settling = Some(self.since);
            }
        }
    }

    /// What each part that there was took, and how much of it packets on their way were waited for.
    pub(super) fn finish(mut self) -> (Vec<(Phase, Duration)>, Duration) {
        self.begin(Phase::Observe);
        (self.took, self.waited)
    }

    fn begin(&mut self, part: Phase) {
        let now = Instant::now();
        let time = now.saturating_duration_since(self.since);
        let of_part = self.took.iter_mut().find(|(known, _)| *known == self.part);
        match of_part {
            Some((_, sum)) => *sum += time,
            None => self.took.push((self.part, time)),
        }
        (self.part, self.since) = (part, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_part_is_that_until_the_next_begins() {
        let mut watch = Stopwatch::start();
        for step in [Step::Before(Phase::Fill, &[]), Step::Before(Phase::Fill, &[]), Step::Before(Phase::Flip, &[])] {
            watch.step(step);
        }
        watch.step(Step::Flipped);
        std::thread::sleep(Duration::from_millis(20));
        watch.step(Step::Before(Phase::Collect, &[]));
        let (took, waited) = watch.finish();
        assert!(waited >= Duration::from_millis(20));
        let parts: Vec<Phase> = took.iter().map(|(part, _)| *part).collect();
        assert_eq!(parts, [Phase::Observe, Phase::Fill, Phase::Flip, Phase::Collect]);
        assert!(took.last().is_some_and(|(_, time)| *time >= Duration::from_millis(20)));
    }
}
