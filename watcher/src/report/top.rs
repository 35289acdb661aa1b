//! Counters by policy.

use std::fmt::Write as _;
use std::time::Duration;

use engine::place::Cause;
use serde::Serialize;

use super::places;
use crate::drops::{Count, PolicyCount};

/// The version of the form. A field that is added does not change it.
pub(super) const VERSION: u32 = 1;

#[derive(Serialize)]
struct TopJson<'a> {
    version: u32,
    policies: Vec<PolicyJson<'a>>,
}

#[derive(Serialize)]
struct PolicyJson<'a> {
    cause: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    denied: CountJson,
    audited: CountJson,
    logged: CountJson,
    observed: CountJson,
}

#[derive(Serialize)]
struct CountJson {
    packets: u64,
    bytes: u64,
}

/// What changed since the last look, and how long ago that was.
pub type Since<'a> = (&'a [PolicyCount], Duration);

/// A table with a line for each policy that counted something, at most this many: those that deny most now come first.
pub fn table(counts: &[PolicyCount], since: Option<Since<'_>>, lines_max: usize) -> String {
    let mut rows: Vec<(u64, &PolicyCount)> =
        counts.iter().filter(|sum| counted(sum)).map(|sum| (rate(sum, since), sum)).collect();
    // What is equal stays in the order of the totals.
    rows.sort_by_key(|(rate, _)| std::cmp::Reverse(*rate));
    let mut text = format!(
        "{:>12} {:>8} {:>9} {:>12} {:>12} {:>12}  policy\n",
        "denied", "/s", "bytes", "observed", "audited", "logged"
    );
    for (rate, sum) in rows.iter().take(lines_max) {
        let per_second = places::per_second(since.map(|_| *rate));
        // Writing to a String cannot fail.
        let _: std::fmt::Result = writeln!(
            text,
            "{:>12} {per_second:>8} {:>9} {:>12} {:>12} {:>12}  {}",
            sum.denied.packets,
            places::bytes(sum.denied.bytes),
            sum.observed.packets,
            sum.audited.packets,
            sum.logged.packets,
            name(sum),
        );
    }
    let left_out = rows.len().saturating_sub(lines_max);
    let silent = counts.len() - rows.len();
    if left_out > 0 {
        let _: std::fmt::Result = writeln!(text, "and {left_out} more");
    }
    if silent > 0 {
        let _: std::fmt::Result = writeln!(text, "{silent} others counted nothing");
    }
    text
}

/// The form of docs/reference/top-json.md.
pub fn json(counts: &[PolicyCount]) -> String {
    let count = |count: Count| CountJson { packets: count.packets, bytes: count.bytes };
    super::pretty(&TopJson {
        version: VERSION,
        policies: counts
            .iter()
            .map(|sum| PolicyJson {
                cause: places::cause(sum.place.cause),
                tier: match sum.place.cause {
                    Cause::Policy(_, tier) => Some(tier.to_string()),
                    Cause::Revoked
                    | Cause::Invalid
                    | Cause::Quarantine(_)
                    | Cause::ForgedSource
                    | Cause::RouterAdvertisement
                    | Cause::Budget(_)
                    | Cause::Host => None,
                },
                policy: sum.policy.as_deref(),
                denied: count(sum.denied),
                audited: count(sum.audited),
                logged: count(sum.logged),
                observed: count(sum.observed),
            })
            .collect(),
    })
}

fn name(sum: &PolicyCount) -> String {
    match sum.place.cause {
        Cause::Policy(_, tier) => format!("{tier} {}", sum.policy.as_deref().unwrap_or_default()),
        cause @ (Cause::Revoked
        | Cause::Invalid
        | Cause::Quarantine(_)
        | Cause::ForgedSource
        | Cause::RouterAdvertisement
        | Cause::Budget(_)
        | Cause::Host) => places::words(cause),
    }
}

fn counted(sum: &PolicyCount) -> bool {
    [sum.denied, sum.observed, sum.audited, sum.logged].iter().any(|count| count.packets > 0)
}

/// Denied packets in ten seconds.
fn rate(sum: &PolicyCount, since: Option<Since<'_>>) -> u64 {
    let Some((before, elapsed)) = since else { return 0 };
    let same = |other: &&PolicyCount| {
        let is_same_cause = places::cause(other.place.cause) == places::cause(sum.place.cause);
        is_same_cause && other.policy == sum.policy && name(other) == name(sum)
    };
    let before = before.iter().find(same).map_or(0, |before| before.denied.packets);
    places::rate(sum.denied.packets, before, elapsed)
}

#[cfg(test)]
mod tests {
    use engine::place::{Event, Place};
    use policy_lang::policy::{Direction, Tier};

    use super::*;

    fn sum(policy: &str, packets: u64) -> PolicyCount {
        let cause = Cause::Policy(Direction::Ingress, Tier::NetworkPolicy);
        PolicyCount {
            place: Place { event: Event::Denied, cause },
            policy: Some(policy.into()),
            denied: Count { packets, bytes: packets * 60 },
            audited: Count::default(),
            logged: Count::default(),
            observed: Count::default(),
        }
    }

    #[test]
    fn what_denies_most_now_comes_first_and_what_counted_nothing_is_only_counted() {
        let before = [sum("x/much", 1_000), sum("x/now", 10)];
        let now = [sum("x/much", 1_000), sum("x/now", 25), sum("x/never", 0)];
        let shown = table(&now, Some((&before, Duration::from_secs(2))), 9);
        let lines: Vec<_> = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines[1..],
            [
                "25 7.5 1.5 kB 0 0 0 NetworkPolicy x/now",
                "1000 0.0 60 kB 0 0 0 NetworkPolicy x/much",
                "1 others counted nothing",
            ]
        );
        let shown = table(&now, None, 1);
        assert!(shown.contains("1000        -") && shown.contains("\nand 1 more\n"), "{shown}");
    }
}
