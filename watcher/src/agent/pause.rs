//! Pauses: whose denials are lifted, and until when (docs/design/observe.md).
//!
//! The kernel ends a pause by itself, because the elements that lift denials time out there. Here it is known too, so that
//! the ruleset is rid of it and connections are judged again. Two clocks are asked: the one that nobody sets, while this
//! process runs, and the one of the wall, which a restart is measured by. Whichever comes first ends it, and a wall clock
//! that stands before the beginning ends it as well: to enforce is the side to err on.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::compile::options::Pause;
use serde::{Deserialize, Serialize};

use super::asked::Whom;
use crate::state_dir::StateDir;

/// The longest pause.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Most pauses at a time: each adds tests to every place of denial.
pub const PAUSES_MAX: usize = 8;

/// The file of the state folder that they are kept in.
const FILE: &str = "pauses";

/// The version of the file.
const VERSION: u32 = 1;

/// The pauses that last.
#[derive(Debug)]
pub struct Pauses {
    lasting: Vec<Lasting>,
    state: StateDir,
}

/// One pause.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lasting {
    /// Whose denials are lifted.
    pub whom: Whom,
    /// Who asked for it.
    pub by: String,
    /// Seconds since 1970.
    begun: u64,
    /// Seconds since 1970.
    end: u64,
    /// By the clock that nobody sets.
    until: Instant,
}

/// The moment, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The one that nobody sets.
    pub steady: Instant,
    /// That of the wall.
    pub wall: SystemTime,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    pauses: Vec<KeptPause>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KeptPause {
    whom: Whom,
    by: String,
    begun: u64,
    end: u64,
}

impl Now {
    /// Both clocks, read.
    pub fn read() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }

    fn seconds(self) -> u64 {
        self.wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}

impl Pauses {
    /// Those that an earlier run left and that still last; none of a file that cannot be read, with the reason.
    pub fn recall(state: StateDir, now: Now) -> (Self, Option<String>) {
        let read = || -> io::Result<Vec<KeptPause>> {
            let text = std::fs::read_to_string(state.file(FILE))?;
            let Kept { version, pauses } = serde_json::from_str(&text)?;
            if version == VERSION { Ok(pauses) } else { Err(io::Error::other("it is of another version")) }
        };
        let (kept, fault) = match read() {
            Ok(kept) => (kept, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), None),
            Err(error) => (Vec::new(), Some(format!("{}: {error}", state.file(FILE).display()))),
        };
        let lasting = kept.into_iter().take(PAUSES_MAX).filter_map(|kept| Lasting::recalled(kept, now)).collect();
        (Self { lasting, state }, fault)
    }

    /// Begins one, or takes the place of one of the same. It is kept before it is in force, so that a restart knows.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn begin(&mut self, whom: Whom, lasts: Duration, by: String, now: Now) -> Result<(), String> {
        if lasts.is_zero() || lasts > LONGEST {
            return Err(format!("a pause lasts from one second to {} hours", LONGEST.as_secs() / 3_600));
        }
        let mut lasting: Vec<Lasting> = self.lasting.iter().filter(|known| known.whom != whom).cloned().collect();
        if lasting.len() >= PAUSES_MAX {
            return Err(format!("there are {PAUSES_MAX} pauses already: end one, or pause the node"));
        }
        let begun = now.seconds();
        let until = now.steady.checked_add(lasts).ok_or("the clock ends before the pause")?;
        lasting.push(Lasting { whom, by, begun, end: begun.saturating_add(lasts.as_secs()), until });
        self.replace(lasting)
    }

    /// Ends one before its time, or all; returns those that ended.
    ///
    /// # Errors
    /// If the file cannot be written: a restart would begin them again.
    pub fn end(&mut self, whom: Option<&Whom>) -> Result<Vec<Lasting>, String> {
        let is_meant = |pause: &Lasting| whom.is_none_or(|whom| *whom == pause.whom);
        let (ended, rest): (Vec<_>, Vec<_>) = self.lasting.iter().cloned().partition(is_meant);
        if !ended.is_empty() {
            self.replace(rest)?;
        }
        Ok(ended)
    }

    /// Takes out those whose time is over.
    pub fn over(&mut self, now: Now) -> Vec<Lasting> {
        let (over, rest): (Vec<_>, Vec<_>) = self.lasting.iter().cloned().partition(|pause| pause.is_over(now));
        if !over.is_empty() {
            self.lasting = rest;
            // What stays in the file is over by the clock of the wall too, or soon will be.
            drop(self.keep());
        }
        over
    }

    /// Those that last.
    pub fn lasting(&self) -> &[Lasting] {
        &self.lasting
    }

    /// What the engine is told of them: how much of each is left at this moment. Another number every time, so that no
    /// element of before is taken for one of now.
    pub fn left(&self, now: Now) -> Vec<Pause> {
        let number = now.wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let pause = |pause: &Lasting| Pause { whom: pause.whom.paused(), lasts: pause.rest(now), number };
        let mut left: Vec<Pause> = self.lasting.iter().map(pause).collect();
        // The order in which the kernel's sets are read back, so that a comparison with them makes the same rules.
        left.sort_by(|a, b| a.whom.cmp(&b.whom));
        left
    }

    fn replace(&mut self, lasting: Vec<Lasting>) -> Result<(), String> {
        let before = std::mem::replace(&mut self.lasting, lasting);
        self.keep().inspect_err(|_| self.lasting = before)
    }

    fn keep(&self) -> Result<(), String> {
        let kept = |pause: &Lasting| {
            let Lasting { whom, by, begun, end, until: _ } = pause.clone();
            KeptPause { whom, by, begun, end }
        };
        let kept = Kept { version: VERSION, pauses: self.lasting.iter().map(kept).collect() };
        let text = serde_json::to_string(&kept).map_err(|error| error.to_string())?;
        let path = self.state.file(FILE);
        self.state.replace(FILE, &text).map_err(|error| format!("{} cannot be written: {error}", path.display()))
    }
}

impl Lasting {
    fn recalled(kept: KeptPause, now: Now) -> Option<Self> {
        let KeptPause { whom, by, begun, end } = kept;
        let longest = begun.saturating_add(LONGEST.as_secs());
        let end = end.min(longest);
        let left = end.saturating_sub(now.seconds());
        let until = now.steady.checked_add(Duration::from_secs(left))?;
        let recalled = Self { whom, by, begun, end, until };
        (!recalled.is_over(now)).then_some(recalled)
    }

    fn is_over(&self, now: Now) -> bool {
        let wall = now.seconds();
        now.steady >= self.until || wall >= self.end || wall < self.begun
    }

    /// How much is left, in whole seconds, at least one: what the kernel is told.
    pub fn rest(&self, now: Now) -> Duration {
        let left = self.until.saturating_duration_since(now.steady);
        Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0)).max(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(name: &str) -> StateDir {
        StateDir::at(std::env::temp_dir().join(format!("palisade-pauses-{}-{name}", std::process::id())))
    }

    fn later(now: Now, steady: u64, wall: i64) -> Now {
        let by = Duration::from_secs(wall.unsigned_abs());
        let wall = if wall < 0 { now.wall - by } else { now.wall + by };
        Now { steady: now.steady + Duration::from_secs(steady), wall }
    }

    fn begun(name: &str) -> (Pauses, Now) {
        let now = Now { steady: Instant::now(), wall: UNIX_EPOCH + Duration::from_secs(1_000_000) };
        let (mut pauses, fault) = Pauses::recall(state(name), now);
        assert_eq!(fault, None);
        pauses.begin(Whom::Node, Duration::from_secs(600), "me".to_owned(), now).unwrap();
        (pauses, now)
    }

    #[test]
    fn either_clock_ends_it_and_so_does_one_that_went_back() {
        for (steady, wall, is_over) in
            [(0, 0, false), (599, 599, false), (600, 10, true), (10, 600, true), (10, -1, true), (600, -1, true)]
        {
            let (mut pauses, now) = begun("clocks");
            assert_eq!(pauses.over(later(now, steady, wall)).len(), usize::from(is_over), "{steady} {wall}");
            drop(std::fs::remove_dir_all(state("clocks").file("")));
        }
    }

    #[test]
    fn a_restart_knows_what_is_left_and_prolongs_nothing() {
        let (pauses, now) = begun("restart");
        drop(pauses);
        // The steady clock of another run begins anywhere.
        let recall = |wall: i64| Pauses::recall(state("restart"), later(now, 5_000, wall)).0;
        let left = |wall: i64| {
            let pauses = recall(wall);
            pauses.left(later(now, 5_000, wall)).first().map(|pause| pause.lasts.as_secs())
        };
        assert_eq!([left(0), left(200), left(599), left(600), left(-100)], [Some(600), Some(400), Some(1), None, None]);
        let mut pauses = recall(200);
        assert_eq!(pauses.over(later(now, 5_399, 200)), []);
        assert_eq!(pauses.over(later(now, 5_400, 200)).len(), 1);
        assert_eq!(recall(300).lasting(), []);
        drop(std::fs::remove_dir_all(state("restart").file("")));
    }

    #[test]
    fn what_cannot_be_is_refused_and_changes_nothing() {
        let (mut pauses, now) = begun("refused");
        let hour = Duration::from_secs(3_600);
        let namespace = |n: usize| Whom::Namespace(n.to_string());
        for (whom, lasts) in [(Whom::Node, Duration::ZERO), (Whom::Node, LONGEST + hour)] {
            pauses.begin(whom, lasts, String::new(), now).unwrap_err();
        }
        for n in 1..PAUSES_MAX {
            pauses.begin(namespace(n), hour, String::new(), now).unwrap();
        }
        pauses.begin(namespace(PAUSES_MAX), hour, String::new(), now).unwrap_err();
        // One of the same takes its place.
        pauses.begin(namespace(1), 2 * hour, String::new(), now).unwrap();
        assert_eq!(pauses.lasting().len(), PAUSES_MAX);
        assert_eq!(pauses.end(Some(&namespace(1))).unwrap().len(), 1);
        assert_eq!(pauses.end(Some(&namespace(1))).unwrap(), []);
        assert_eq!(pauses.end(None).unwrap().len(), PAUSES_MAX - 1);
        std::fs::write(state("refused").file(FILE), "{").unwrap();
        assert!(Pauses::recall(state("refused"), now).1.is_some());
        drop(std::fs::remove_dir_all(state("refused").file("")));
    }
}
