//! Which sources have told everything: nothing newly compiled is enforced before all of them have.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::event::SourceName;

/// How long a source may be silent at the start. After it, what the others told is enforced, and what the last-good
/// snapshot knows of the silent ones.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How one source is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct State {
    /// Whether it has told everything at least once.
    pub has_answered: bool,
    /// Why it cannot see what there is, if so.
    pub lost: Option<String>,
    /// When it told anything last.
    pub heard: Option<Instant>,
}

/// Every source.
#[derive(Debug)]
pub struct Gate {
    sources: BTreeMap<SourceName, State>,
    opened: Instant,
}

impl Gate {
    /// All of these are waited for.
    pub fn new(names: impl IntoIterator<Item = SourceName>, now: Instant) -> Self {
        let silent = State { has_answered: false, lost: None, heard: None };
        Self { sources: names.into_iter().map(|name| (name, silent.clone())).collect(), opened: now }
    }

    /// The source told something.
    pub fn heard(&mut self, source: &SourceName, at: Instant) {
        if let Some(state) = self.sources.get_mut(source) {
            state.heard = Some(at);
        }
    }

    /// The source has told everything; true if it had not before, or was lost.
    pub fn in_sync(&mut self, source: &SourceName) -> bool {
        let state = self.state(source);
        let is_news = !state.has_answered || state.lost.is_some();
        (state.has_answered, state.lost) = (true, None);
        is_news
    }

    /// The source cannot see what there is.
    pub fn lost(&mut self, source: &SourceName, why: String) {
        self.state(source).lost = Some(why);
    }

    /// One that nobody waited for began later, when a policy needed it: whoever needs it waits for it.
    fn state(&mut self, source: &SourceName) -> &mut State {
        self.sources.entry(source.clone()).or_insert(State { has_answered: true, lost: None, heard: None })
    }

    /// Whether every source has answered.
    pub fn is_open(&self) -> bool {
        self.silent().next().is_none()
    }

    /// Those that have not.
    pub fn silent(&self) -> impl Iterator<Item = &SourceName> {
        self.sources.iter().filter(|(_, state)| !state.has_answered).map(|(name, _)| name)
    }

    /// Whether silent sources were waited for long enough.
    pub fn is_patience_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.opened) >= PATIENCE
    }

    /// Every source.
    pub fn sources(&self) -> &BTreeMap<SourceName, State> {
        &self.sources
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_when_every_source_has_answered_and_does_not_shut_again() {
        let now = Instant::now();
        let (one, other) = (SourceName::manifests(), SourceName::host());
        let mut gate = Gate::new([one.clone(), other.clone()], now);
        assert!(gate.in_sync(&one) && !gate.in_sync(&one));
        assert!(!gate.is_open());
        assert_eq!(gate.silent().collect::<Vec<_>>(), [&other]);
        assert!(!gate.is_patience_over(now + PATIENCE.saturating_sub(Duration::from_millis(1))));
        assert!(gate.is_patience_over(now + PATIENCE));
        assert!(gate.in_sync(&other) && gate.is_open());
        gate.lost(&other, "gone".to_owned());
        assert!(gate.is_open());
        assert!(gate.in_sync(&other));
    }

    #[test]
    fn a_source_that_begins_later_is_shown_and_not_waited_for() {
        let now = Instant::now();
        let (one, late) = (SourceName::manifests(), SourceName::new("nodes"));
        let mut gate = Gate::new([one.clone()], now);
        gate.lost(&late, "forbidden".to_owned());
        assert_eq!(gate.silent().collect::<Vec<_>>(), [&one]);
        assert_eq!(gate.sources().get(&late).and_then(|state| state.lost.as_deref()), Some("forbidden"));
        assert!(gate.in_sync(&late) && gate.sources().get(&late).is_some_and(|state| state.lost.is_none()));
    }
}
