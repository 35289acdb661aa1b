//! What became of packets, from the counters of the ruleset's places.
//!
//! A counter goes with the policy that it is of, so a sum of them can fall, and whoever reads it would take that for a
//! new beginning and all of the rest for news. So what each counter rose by is added up here, from the agent's beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use engine::place::{Cause, Event, Place};
use engine::ruleset::Name;
use policy_lang::policy::Tier;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family as Labelled;
use prometheus_client::registry::Registry;

use super::{Labels, register};
use crate::drops::CountedPlace;

/// By cause and direction, both from fixed lists.
type ByCause = Labelled<[(&'static str, String); 2], Counter>;

/// What policies beyond the number that is asked for count as: no policy has a name without a namespace and this one.
const OTHER: &str = "other";

/// Denied, audited and observed packets.
#[derive(Debug)]
pub struct Packets {
    denied: ByCause,
    audited: ByCause,
    observed: ByCause,
    of_policies: Labelled<Labels, Counter>,
    /// Times that the counters could not be read.
    pub reading_errors: Counter,
    seen: Mutex<Seen>,
}

/// What was read last.
#[derive(Debug, Default)]
struct Seen {
    counters: Option<BTreeMap<Name, u64>>,
    /// The policies that have a metric of their own.
    policies: BTreeSet<Box<str>>,
}

impl Packets {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            denied: register(registry, "palisade_denied_packets_total", zeroed()),
            audited: register(registry, "palisade_audited_packets_total", zeroed()),
            observed: register(registry, "palisade_observed_packets_total", zeroed()),
            of_policies: register(registry, "palisade_policy_denied_packets_total", Labelled::default()),
            reading_errors: register(registry, "palisade_reading_errors_total", Counter::default()),
            seen: Mutex::default(),
        }
    }

    /// Adds what the counters rose by since they were read last; the first time nothing, because others may have told of
    /// that already. At most `policies_max` policies have a metric of their own, the first that deny something.
    pub fn count(&self, places: &[CountedPlace], policies_max: usize) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now: BTreeMap<Name, u64> = places.iter().map(|place| (place.name.clone(), place.packets)).collect();
        let Some(before) = seen.counters.replace(now) else { return };
        for CountedPlace { name, place, line, packets, bytes: _ } in places {
            let known = before.get(name).copied().unwrap_or_default();
            // A counter that fell was made anew.
            let rise = packets.checked_sub(known).unwrap_or(*packets);
            if rise == 0 {
                continue;
            }
            let Place { event, cause } = *place;
            let by_cause = match event {
                Event::Denied => &self.denied,
                Event::Audited => &self.audited,
                Event::Observed => &self.observed,
                Event::Logged => continue,
            };
            by_cause.get_or_create(&labels(cause)).inc_by(rise);
            if policies_max > 0 && event == Event::Denied && matches!(cause, Cause::Policy(..)) {
                let policy = line.policy().unwrap_or(OTHER);
                let is_known = seen.policies.contains(policy);
                let own = is_known || (policy != OTHER && seen.policies.len() < policies_max);
                if own && !is_known {
                    seen.policies.insert(policy.into());
                }
                let label = if own { policy } else { OTHER };
                self.of_policies.get_or_create(&[("policy", label.to_owned())]).inc_by(rise);
            }
        }
    }
}

/// Every cause at zero: an alert on a rise from nothing sees no rise.
fn zeroed() -> ByCause {
    let family = ByCause::default();
    for cause in Cause::every() {
        drop(family.get_or_create(&labels(cause)));
    }
    family
}

fn labels(cause: Cause) -> [(&'static str, String); 2] {
    let (cause, direction) = match cause {
        Cause::Policy(direction, tier) => (
            match tier {
                Tier::ConfigMapAdmin => "baseline",
                Tier::ClusterAdmin => "cluster-policy",
                Tier::NetworkPolicy => "network-policy",
                Tier::ClusterBaseline => "cluster-baseline",
                Tier::ConfigMapBaseline => "otherwise",
            },
            Some(direction),
        ),
        Cause::Revoked => ("revoked", None),
        Cause::Invalid => ("invalid", None),
        Cause::Quarantine(direction) => ("quarantine", Some(direction)),
        Cause::ForgedSource => ("forged-source", None),
        Cause::RouterAdvertisement => ("router-advertisement", None),
        Cause::Budget(direction) => ("budget", Some(direction)),
        Cause::Host => ("host", None),
    };
    let direction = direction.map_or_else(|| "both".to_owned(), |direction| direction.to_string());
    [("cause", cause.to_owned()), ("direction", direction)]
}

#[cfg(test)]
mod tests {
    use policy_lang::policy::Direction;

    use super::*;
    use crate::drops::SourceLine;

    fn place(policy: &str, packets: u64) -> CountedPlace {
        let place = Place { event: Event::Denied, cause: Cause::Policy(Direction::Ingress, Tier::NetworkPolicy) };
        let line = SourceLine::new(&format!("p.yaml:1 {policy}: isolates ingress"));
        CountedPlace { name: place.name(policy, ""), place, line, packets, bytes: 0 }
    }

    fn denied(packets: &Packets) -> u64 {
        let cause = Cause::Policy(Direction::Ingress, Tier::NetworkPolicy);
        packets.denied.get_or_create(&labels(cause)).get()
    }

    #[test]
    fn what_counters_rise_by_is_added_up_and_one_that_goes_takes_nothing_back() {
        let packets = Packets::new(&mut Registry::default());
        packets.count(&[place("x/a", 1000), place("x/b", 5)], 0);
        assert_eq!(denied(&packets), 0);
        packets.count(&[place("x/a", 1001), place("x/b", 7)], 0);
        assert_eq!(denied(&packets), 3);
        // One goes, one is new, one was made anew.
        packets.count(&[place("x/b", 2), place("x/c", 4)], 0);
        assert_eq!(denied(&packets), 9);
        assert!(packets.seen.lock().unwrap().policies.is_empty());
    }

    #[test]
    fn no_more_policies_have_a_metric_than_are_asked_for() {
        let packets = Packets::new(&mut Registry::default());
        packets.count(&[], 2);
        packets.count(&[place("x/a", 1), place("x/b", 2), place("x/c", 3), place("x/d", 4)], 2);
        packets.count(&[place("x/a", 2), place("x/b", 2), place("x/c", 4), place("x/d", 4)], 2);
        let of = |policy: &str| packets.of_policies.get_or_create(&[("policy", policy.to_owned())]).get();
        let known = packets.seen.lock().unwrap().policies.clone();
        assert_eq!(known.iter().map(|policy| &**policy).collect::<Vec<_>>(), ["x/a", "x/b"]);
        assert_eq!((of("x/a"), of("x/b"), of("other")), (2, 2, 8));
    }
}
