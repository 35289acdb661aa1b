//! What the loaded ruleset denies, audits and logs: its places, and what they have counted.
//!
//! The ruleset itself says where each place comes from: the name of its counter what kind of place it is, the comment
//! of the rule that counts by it the source line. So this needs no sources; those only give names to addresses.

use std::collections::BTreeMap;
use std::fmt;

use engine::observed::ObservedCounter;
use engine::place::Place;
use engine::ruleset::{Comment, Name};

pub use self::owners::{Owner, Owners};

pub mod lines;
mod owners;
#[cfg(feature = "kernel")]
pub mod stream;

/// A place of the loaded ruleset, with what it has counted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CountedPlace {
    /// The name of its counter, and its log prefix.
    pub name: Name,
    /// What happens there, and on whose behalf.
    pub place: Place,
    /// Where it was written.
    pub line: SourceLine,
    /// Packets, since the counter was made.
    pub packets: u64,
    /// Bytes of those packets, from their IP headers on.
    pub bytes: u64,
}

/// The comment of a rule: `policies.yaml:14 shop/db ingress[0]`. Of a long one the kernel keeps the end only.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SourceLine(Box<str>);

/// What counts for one policy, or for one cause that is no policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyCount {
    /// The place of any of its counters; those of one policy differ by event and direction.
    pub place: Place,
    /// The policy; nothing for other causes.
    pub policy: Option<Box<str>>,
    /// What was denied.
    pub denied: Count,
    /// What matched rules with `audit: true`.
    pub audited: Count,
    /// What matched rules with `log: true` that do not deny.
    pub logged: Count,
    /// What would have been denied and was only observed.
    pub observed: Count,
}

/// Packets and their bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// The places among a table's counters: those with most packets first, then by their source lines. A counter that no
/// rule uses any more speaks for itself, without a line.
pub fn places(counters: &BTreeMap<Name, ObservedCounter>, rules: &BTreeMap<Name, Comment>) -> Vec<CountedPlace> {
    let mut places: Vec<CountedPlace> = counters
        .iter()
        .filter_map(|(name, counter)| {
            let place = Place::of_name(name.as_str())?;
            let comment = rules.get(name).or(counter.comment.as_ref());
            let line = SourceLine::new(comment.map_or("", |comment| comment.as_str()));
            Some(CountedPlace { name: name.clone(), place, line, packets: counter.packets, bytes: counter.bytes })
        })
        .collect();
    sort(&mut places);
    places
}

/// Puts those with most packets first, then by their source lines.
pub fn sort(places: &mut [CountedPlace]) {
    places.sort_by(|a, b| b.packets.cmp(&a.packets).then_with(|| a.line.0.cmp(&b.line.0)));
}

impl SourceLine {
    /// A comment.
    pub fn new(comment: &str) -> Self {
        Self(comment.into())
    }

    /// The whole comment.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// `namespace/name` of the policy, if the comment names one: the first of those that together isolate a pod.
    pub fn policy(&self) -> Option<&str> {
        let subject = self.subject()?;
        let word = subject.split([' ', ':']).next()?;
        (!word.is_empty()).then_some(word)
    }

    /// Path and line, if the comment begins with them and is whole.
    pub fn place(&self) -> Option<(&str, u32)> {
        let (at, digits) = self.number()?;
        let path = self.0.get(..at)?;
        let line = self.0.get(at + 1..at + 1 + digits)?.parse().ok()?;
        (!path.starts_with("...")).then_some((path, line))
    }

    /// What stands behind `path:line`, or all of it if there is no such thing.
    fn subject(&self) -> Option<&str> {
        let subject = match self.number() {
            Some((at, digits)) => self.0.get(at + 1 + digits..)?.trim_start(),
            None => &self.0,
        };
        (!subject.is_empty()).then_some(subject)
    }

    /// Where the colon stands whose digits are the line, and how many digits there are: the first with a space or
    /// nothing behind them. Paths may have colons too.
    fn number(&self) -> Option<(usize, usize)> {
        self.0.match_indices(':').find_map(|(at, _)| {
            let behind = self.0.get(at + 1..)?;
            let digits = behind.len() - behind.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let ends = matches!(behind.as_bytes().get(digits), None | Some(b' '));
            (digits > 0 && ends).then_some((at, digits))
        })
    }
}

/// Sums over the places of each policy, and of each cause that is no policy; those with most denied packets first.
pub fn by_policy(places: &[CountedPlace]) -> Vec<PolicyCount> {
    use engine::place::{Cause, Event};

    let mut sums: BTreeMap<(Cause, Option<&str>), PolicyCount> = BTreeMap::new();
    for CountedPlace { name: _, place, line, packets, bytes } in places {
        let (cause, policy) = match place.cause {
            // Both directions of a policy are one.
            Cause::Policy(_, tier) => (Cause::Policy(policy_lang::policy::Direction::Ingress, tier), line.policy()),
            Cause::Revoked
            | Cause::Invalid
            | Cause::Quarantine(_)
            | Cause::ForgedSource
            | Cause::RouterAdvertisement
            | Cause::Budget(_)
            | Cause::Host => (place.cause, None),
        };
        let sum = sums.entry((cause, policy)).or_insert_with(|| PolicyCount {
            place: *place,
            policy: policy.map(Into::into),
            denied: Count::default(),
            audited: Count::default(),
            logged: Count::default(),
            observed: Count::default(),
        });
        let count = match place.event {
            Event::Denied => &mut sum.denied,
            Event::Audited => &mut sum.audited,
            Event::Logged => &mut sum.logged,
            Event::Observed => &mut sum.observed,
        };
        count.packets = count.packets.saturating_add(*packets);
        count.bytes = count.bytes.saturating_add(*bytes);
    }
    let mut sums: Vec<PolicyCount> = sums.into_values().collect();
    let weight = |sum: &PolicyCount| {
        let PolicyCount { denied, observed, audited, logged, .. } = sum;
        [denied, observed, audited, logged].map(|count| count.packets)
    };
    sums.sort_by_key(|sum| std::cmp::Reverse(weight(sum)));
    sums
}

impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "no source line" } else { &self.0 })
    }
}

#[cfg(test)]
mod tests {
    use engine::place::{Cause, Event};
    use policy_lang::policy::{Direction, Tier};

    use super::*;

    #[test]
    fn a_comment_names_its_policy() {
        for (comment, policy) in [
            ("policies.yaml:14 shop/db ingress[0]", Some("shop/db")),
            ("policies.yaml:7 shop/default-deny and 1 more: isolate ingress", Some("shop/default-deny")),
            ("c:/my files/p.yaml:7 shop/db: isolates ingress", Some("shop/db")),
            ("shop/db ingress[0]", Some("shop/db")),
            ("...-baseline deny[0] metadata-service", Some("...-baseline")),
            ("policies.yaml:14", None),
            ("", None),
        ] {
            assert_eq!(SourceLine::new(comment).policy(), policy, "{comment}");
        }
        assert_eq!(SourceLine::new("c:/my files/p.yaml:7 x/y").place(), Some(("c:/my files/p.yaml", 7)));
        assert_eq!(SourceLine::new("node.ferm:26").place(), Some(("node.ferm", 26)));
        assert_eq!(SourceLine::new("...r/p.yaml:7 x/y").place(), None);
    }

    #[test]
    fn the_places_of_a_policy_are_summed_over_its_directions() {
        let place = |event, direction, line: &str, packets| {
            let place = Place { event, cause: Cause::Policy(direction, Tier::NetworkPolicy) };
            let name = place.name(&format!("{line}{packets}"), "");
            CountedPlace { name, place, line: SourceLine::new(line), packets, bytes: 100 * packets }
        };
        let found = by_policy(&[
            place(Event::Denied, Direction::Ingress, "p:1 x/a ingress[0]", 3),
            place(Event::Denied, Direction::Egress, "p:1 x/a: isolates egress", 4),
            place(Event::Denied, Direction::Egress, "p:9 x/b: isolates egress", 9),
            place(Event::Audited, Direction::Egress, "p:2 x/a egress[0]", 5),
        ]);
        let found: Vec<_> = found
            .iter()
            .map(|sum| (sum.policy.as_deref(), sum.denied.packets, sum.denied.bytes, sum.audited.packets))
            .collect();
        assert_eq!(found, [(Some("x/b"), 9, 900, 0), (Some("x/a"), 7, 700, 5)]);
    }
}
