//! Places of the ruleset in words, for people and for JSON.

use engine::place::{Cause, Event, Place};
use policy_lang::policy::Direction;
use serde::Serialize;

use std::time::Duration;

use crate::drops::SourceLine;

/// What happens at a place, on whose behalf, and where that was written: fields of several JSON forms.
#[derive(Debug, Serialize)]
pub(super) struct PlaceJson<'a> {
    event: &'static str,
    cause: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    line: &'a str,
    counter: &'a str,
}

impl<'a> PlaceJson<'a> {
    pub(super) fn new(place: Place, line: &'a SourceLine, counter: &'a str) -> Self {
        let (tier, direction) = match place.cause {
            Cause::Policy(direction, tier) => (Some(tier), Some(direction)),
            Cause::Quarantine(direction) | Cause::Budget(direction) => (None, Some(direction)),
            Cause::Revoked | Cause::Invalid | Cause::ForgedSource | Cause::RouterAdvertisement | Cause::Host => {
                (None, None)
            }
        };
        Self {
            event: event(place.event),
            cause: cause(place.cause),
            tier: tier.map(|tier| tier.to_string()),
            direction: direction.map(|direction| direction.to_string()),
            policy: tier.and_then(|_| line.policy()),
            line: line.text(),
            counter,
        }
    }
}

/// What happens to a packet, in a word.
pub(super) fn event(event: Event) -> &'static str {
    match event {
        Event::Denied => "denied",
        Event::Audited => "audited",
        Event::Logged => "logged",
        Event::Observed => "observed",
    }
}

/// What kind of cause it is, in a word.
pub(super) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Policy(..) => "policy",
        Cause::Revoked => "revoked",
        Cause::Invalid => "invalid",
        Cause::Quarantine(_) => "quarantine",
        Cause::ForgedSource => "forged-source",
        Cause::RouterAdvertisement => "router-advertisement",
        Cause::Budget(_) => "budget",
        Cause::Host => "host",
    }
}

/// On whose behalf something happens, for people: `NetworkPolicy ingress`.
pub(super) fn words(cause: Cause) -> String {
    let local = |direction| match direction {
        Direction::Ingress => "destination",
        Direction::Egress => "source",
    };
    match cause {
        Cause::Policy(direction, tier) => format!("{tier} {direction}"),
        Cause::Revoked => "revoked connection".to_owned(),
        Cause::Invalid => "invalid to conntrack".to_owned(),
        Cause::Quarantine(direction) => format!("quarantine of an unknown {}", local(direction)),
        Cause::ForgedSource => "forged source address".to_owned(),
        Cause::RouterAdvertisement => "router advertisement of a pod".to_owned(),
        Cause::Budget(direction) => format!("{direction} over budget"),
        Cause::Host => "host rules".to_owned(),
    }
}

/// A number of bytes for people: `1.5 MB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    let mut unit = "B";
    let (mut whole, mut tenths) = (bytes, 0);
    for next in UNITS {
        if whole < 1000 {
            break;
        }
        (whole, tenths, unit) = (whole / 1000, whole % 1000 / 100, next);
    }
    if unit == "B" || whole >= 10 { format!("{whole} {unit}") } else { format!("{whole}.{tenths} {unit}") }
}

/// How much more there is than a while ago, in tenths a second.
pub(super) fn rate(now: u64, before: u64, elapsed: Duration) -> u64 {
    let new = u128::from(now.saturating_sub(before));
    u64::try_from(new * 10_000 / elapsed.as_millis().max(1)).unwrap_or(u64::MAX)
}

/// A rate, where there was an earlier look.
pub(super) fn per_second(rate: Option<u64>) -> String {
    rate.map_or_else(|| "-".to_owned(), |rate| format!("{}.{}", rate / 10, rate % 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_with_two_digits_at_least() {
        let found = [0, 999, 1_000, 1_550, 12_345, 999_999, 3_200_000, u64::MAX].map(bytes);
        assert_eq!(found, ["0 B", "999 B", "1.0 kB", "1.5 kB", "12 kB", "999 kB", "3.2 MB", "18446 PB"]);
    }
}
