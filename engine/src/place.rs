//! Places in the ruleset where a packet is denied, audited or logged, and what they are called in the kernel.
//!
//! Each has a named counter, which outlives every change of rules, and beside it a rate-limited `log` rule whose prefix
//! is the counter's name. The counter's comment is the source line. So whoever reads a log entry can tell what denied
//! the packet from the kernel alone: the kind of place from the name, the line from the comment.

use std::fmt::Write as _;

use policy_lang::policy::{Direction, Tier};

use crate::ruleset::Name;

/// Longest name of a place, in bytes: it is a log prefix too (`NF_LOG_PREFIXLEN` 128 with its NUL).
pub const PLACE_NAME_MAX: usize = 127;

/// What kind of place it is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// What happens to a packet there.
    pub event: Event,
    /// On whose behalf.
    pub cause: Cause,
}

/// What happens to a packet.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Event {
    /// It is dropped, or rejected.
    Denied,
    /// A rule with `audit: true` matches it: counted and logged, and nothing else.
    Audited,
    /// A rule with `log: true` that permits it, or passes it on, matches.
    Logged,
    /// It would be dropped, but what denies it is only observed: counted and logged, and nothing else.
    Observed,
}

/// On whose behalf.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Cause {
    /// A policy's, in this direction.
    Policy(Direction, Tier),
    /// The connection is no longer permitted.
    Revoked,
    /// Conntrack calls the packet invalid.
    Invalid,
    /// No known pod owns the local address at this end: the source for egress.
    Quarantine(Direction),
    /// The source address is not routed to the interface that it came from.
    ForgedSource,
    /// A router advertisement or a redirect that a pod sends.
    RouterAdvertisement,
    /// A namespace's policies exceed what it may take, so its pods are closed in this direction.
    Budget(Direction),
    /// The host's own rules.
    Host,
}

const EVENTS: [(Event, &str); 4] =
    [(Event::Denied, "deny"), (Event::Audited, "audit"), (Event::Logged, "log"), (Event::Observed, "observe")];

impl Place {
    /// The name of its counter, and its log prefix: `pl_EVENT_CAUSE`, for places of which there are many followed by a
    /// hash of `identity`, which says which of them, and a readable tail.
    pub fn name(self, identity: &str, tail: &str) -> Name {
        let event = EVENTS.iter().find(|(event, _)| *event == self.event).map_or("deny", |(_, word)| word);
        let mut words = format!("{event}_{}", self.cause.word());
        if !identity.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(words, "_{}_{tail}", crate::hash::text(identity));
        }
        let cut: String = words.chars().take(PLACE_NAME_MAX - "pl_".len()).collect();
        Name::ours(&cut)
    }

    /// What kind of place a counter or a log prefix names, if it is one of ours.
    pub fn of_name(name: &str) -> Option<Self> {
        let words = name.strip_prefix("pl_")?;
        let (event, rest) =
            EVENTS.iter().find_map(|(event, word)| Some((*event, words.strip_prefix(word)?.strip_prefix('_')?)))?;
        let is_cause = |cause: &Cause| {
            let after = rest.strip_prefix(cause.word().as_str());
            after.is_some_and(|after| after.is_empty() || after.starts_with('_'))
        };
        Cause::every().find(is_cause).map(|cause| Self { event, cause })
    }
}

impl Cause {
    /// All of them.
    pub fn every() -> impl Iterator<Item = Self> {
        let directions = [Direction::Ingress, Direction::Egress];
        let policies = directions.into_iter().flat_map(|direction| Tier::ALL.map(|tier| Self::Policy(direction, tier)));
        let others = [Self::Revoked, Self::Invalid, Self::ForgedSource, Self::RouterAdvertisement, Self::Host];
        let quarantine = directions.map(Self::Quarantine);
        policies.chain(others).chain(quarantine).chain(directions.map(Self::Budget))
    }

    fn word(self) -> String {
        let of = |direction| match direction {
            Direction::Ingress => "in",
            Direction::Egress => "eg",
        };
        match self {
            Self::Policy(direction, tier) => {
                let tier = match tier {
                    Tier::ConfigMapAdmin => "baseline",
                    Tier::ClusterAdmin => "cnp",
                    Tier::NetworkPolicy => "np",
                    Tier::ClusterBaseline => "cnpbaseline",
                    Tier::ConfigMapBaseline => "otherwise",
                };
                format!("{}_{tier}", of(direction))
            }
            Self::Revoked => "revoked".to_owned(),
            Self::Invalid => "invalid".to_owned(),
            Self::Quarantine(direction) => format!("quarantine_{}", of(direction)),
            Self::ForgedSource => "forged".to_owned(),
            Self::RouterAdvertisement => "router".to_owned(),
            Self::Budget(direction) => format!("budget_{}", of(direction)),
            Self::Host => "host".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_kind_of_place_it_is() {
        for event in EVENTS.map(|(event, _)| event) {
            for cause in Cause::every() {
                let place = Place { event, cause };
                for (identity, tail) in [("", ""), ("NetworkPolicy x/y ingress[0]", "x/y"), ("x", &"long".repeat(99))] {
                    let name = place.name(identity, tail);
                    assert!(name.as_str().len() <= PLACE_NAME_MAX);
                    assert_eq!(Place::of_name(name.as_str()), Some(place), "{name}");
                }
            }
        }
        assert_eq!(Place::of_name("pl_pods_0123"), None);
    }
}
