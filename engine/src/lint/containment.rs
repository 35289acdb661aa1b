//! Whether one rule permits no more than another, by their words alone: whatever pods and namespaces there are.
//!
//! Sound and not complete: `true` holds in every cluster, `false` may only mean that nothing is known.

use policy_lang::name::NAMESPACE_NAME_LABEL;
use policy_lang::network_policy::RuleSpec;
use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::policy::{Peers, PortMatches, Rule};
use policy_lang::port::{PortMatch, PortRange, Ports};
use policy_lang::selector::{Operator, Requirement, Selector};
use rangemap::RangeInclusiveSet;

/// Whether every connection of one rule is one of the other's.
pub(crate) fn rule_within(inner: &RuleSpec, outer: &RuleSpec) -> bool {
    let peers = outer.peers.is_empty()
        || (!inner.peers.is_empty()
            && inner.peers.iter().all(|peer| outer.peers.iter().any(|other| peer_within(&peer.value, &other.value))));
    peers && ports_within(&port_matches(inner), &port_matches(outer))
}

/// The ports of a rule; none means any port of any protocol.
pub(crate) fn port_matches(rule: &RuleSpec) -> Vec<&PortMatch> {
    rule.ports.iter().map(|port| &port.value).collect()
}

/// Whether every port of one list is in the other; an empty list is everything.
pub(crate) fn ports_within(inner: &[&PortMatch], outer: &[&PortMatch]) -> bool {
    outer.is_empty() || (!inner.is_empty() && inner.iter().all(|port| port_within(port, outer)))
}

/// Whether one entry is covered by others together.
pub(crate) fn port_within(port: &PortMatch, outer: &[&PortMatch]) -> bool {
    let same_protocol = || outer.iter().filter(|other| other.protocol == port.protocol);
    if same_protocol().any(|other| other.ports == port.ports || other.ports == Ports::All) {
        return true;
    }
    let range = match &port.ports {
        Ports::Named(_) => return false,
        Ports::All => PortRange::ALL,
        Ports::Range(range) => *range,
    };
    let mut covered = RangeInclusiveSet::new();
    for other in same_protocol() {
        if let Ports::Range(other) = &other.ports {
            covered.insert(other.first()..=other.last());
        }
    }
    !covered.gaps(&(range.first()..=range.last())).any(|_| true)
}

/// Whether two lists of ports have one in common; an empty list is everything, and a name may be any number.
pub(crate) fn ports_meet(a: &[&PortMatch], b: &[&PortMatch]) -> bool {
    let meet = |a: &PortMatch, b: &PortMatch| {
        a.protocol == b.protocol
            && match (&a.ports, &b.ports) {
                (Ports::Range(a), Ports::Range(b)) => a.first() <= b.last() && b.first() <= a.last(),
                (Ports::Range(_) | Ports::All | Ports::Named(_), _) => true,
            }
    };
    a.is_empty() || b.is_empty() || a.iter().any(|a| b.iter().any(|b| meet(a, b)))
}

/// [`rule_within`] for the rules of an ordered tier.
pub(crate) fn tier_rule_within(inner: &Rule, outer: &Rule) -> bool {
    let peers = match (&inner.peers, &outer.peers) {
        (_, Peers::Any) => true,
        (Peers::Any, Peers::AnyOf(_)) => false,
        (Peers::AnyOf(inner), Peers::AnyOf(outer)) => {
            inner.iter().all(|peer| outer.iter().any(|other| peer_within(peer, other)))
        }
    };
    let ports = match (&inner.ports, &outer.ports) {
        (_, PortMatches::Any) => true,
        (PortMatches::Any, PortMatches::AnyOf(_)) => false,
        (PortMatches::AnyOf(inner), PortMatches::AnyOf(outer)) => {
            let outer: Vec<&PortMatch> = outer.iter().collect();
            inner.iter().all(|port| port_within(port, &outer))
        }
    };
    let icmp = outer.ports == PortMatches::Any || inner.icmp.iter().all(|kind| outer.icmp.contains(kind));
    peers && ports && icmp
}

/// Whether everything that one peer stands for is also the other's.
pub(crate) fn peer_within(inner: &Peer, outer: &Peer) -> bool {
    match (inner, outer) {
        (Peer::Pods(inner), Peer::Pods(outer)) => pods_within(inner, outer),
        (
            Peer::Addresses { cidr: inner, except: inner_holes },
            Peer::Addresses { cidr: outer, except: outer_holes },
        ) => {
            let is_free = |hole: &ipnet::IpNet| !hole.contains(inner) && !inner.contains(hole);
            let is_left_out = |hole: &ipnet::IpNet| inner_holes.iter().any(|inner| inner.contains(hole));
            outer.contains(inner) && outer_holes.iter().all(|hole| is_free(hole) || is_left_out(hole))
        }
        (Peer::Pods(_) | Peer::Addresses { .. } | Peer::Nodes(_) | Peer::Service { .. }, _) => inner == outer,
    }
}

/// Whether every pod that one selector selects is also selected by the other.
pub(crate) fn pods_within(inner: &PodSelector, outer: &PodSelector) -> bool {
    namespaces_within(&inner.namespaces, &outer.namespaces) && selector_within(&inner.pods, &outer.pods)
}

fn namespaces_within(inner: &Namespaces, outer: &Namespaces) -> bool {
    match (inner, outer) {
        (Namespaces::Named(inner), Namespaces::Named(outer)) => inner == outer,
        (Namespaces::Named(name), Namespaces::Matching(outer)) => {
            let operator = Operator::In([std::sync::Arc::clone(name)].into());
            let named = Selector::new([Requirement { key: NAMESPACE_NAME_LABEL.into(), operator }]);
            selector_within(&named, outer)
        }
        (Namespaces::Matching(inner), Namespaces::Named(name)) => inner.requirements().iter().any(|requirement| {
            *requirement.key == *NAMESPACE_NAME_LABEL
                && matches!(&requirement.operator, Operator::In(values) if values.iter().all(|value| value == name))
        }),
        (Namespaces::Matching(inner), Namespaces::Matching(outer)) => selector_within(inner, outer),
    }
}

/// Whether labels that satisfy one selector always satisfy the other.
pub(crate) fn selector_within(inner: &Selector, outer: &Selector) -> bool {
    outer.requirements().iter().all(|wanted| {
        let mut own = inner.requirements().iter().filter(|own| own.key == wanted.key);
        own.any(|own| implies(&own.operator, &wanted.operator))
    })
}

fn implies(known: &Operator, wanted: &Operator) -> bool {
    match (known, wanted) {
        (Operator::In(known), Operator::In(wanted)) => known.iter().all(|value| wanted.contains(value)),
        (Operator::In(known), Operator::NotIn(wanted)) => !known.iter().any(|value| wanted.contains(value)),
        (Operator::NotIn(known), Operator::NotIn(wanted)) => wanted.iter().all(|value| known.contains(value)),
        (Operator::In(_) | Operator::Exists, Operator::Exists) => true,
        (Operator::DoesNotExist, Operator::DoesNotExist | Operator::NotIn(_)) => true,
        (Operator::In(_) | Operator::NotIn(_) | Operator::Exists | Operator::DoesNotExist, _) => false,
    }
}

/// Two requirements on one key that no labels satisfy together, if there are such.
pub(crate) fn contradiction(selector: &Selector) -> Option<(&Requirement, &Requirement)> {
    let requirements = selector.requirements();
    requirements.iter().enumerate().find_map(|(index, first)| {
        let later = requirements.get(index + 1..).unwrap_or_default();
        let same_key = later.iter().take_while(|second| second.key == first.key);
        same_key
            .filter(|second| !can_hold_together(&first.operator, &second.operator))
            .map(|second| (first, second))
            .next()
    })
}

fn can_hold_together(a: &Operator, b: &Operator) -> bool {
    match (a, b) {
        (Operator::In(a), Operator::In(b)) => a.iter().any(|value| b.contains(value)),
        (Operator::In(values), Operator::NotIn(refused)) | (Operator::NotIn(refused), Operator::In(values)) => {
            values.iter().any(|value| !refused.contains(value))
        }
        (Operator::DoesNotExist, Operator::In(_) | Operator::Exists)
        | (Operator::In(_) | Operator::Exists, Operator::DoesNotExist) => false,
        (Operator::In(_) | Operator::NotIn(_) | Operator::Exists | Operator::DoesNotExist, _) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use policy_lang::port::Protocol;

    use super::*;

    fn selector(operator: Operator) -> Selector {
        Selector::new([Requirement { key: "k".into(), operator }])
    }

    fn values(values: &[&str]) -> Box<[std::sync::Arc<str>]> {
        values.iter().map(|value| (*value).into()).collect()
    }

    #[test]
    fn a_selector_is_within_another_only_where_every_label_set_says_so() {
        let operators = [
            Operator::In(values(&["a"])),
            Operator::In(values(&["a", "b"])),
            Operator::NotIn(values(&["b"])),
            Operator::NotIn(values(&["a", "b"])),
            Operator::Exists,
            Operator::DoesNotExist,
        ];
        let label_sets = [None, Some("a"), Some("b"), Some("c")].map(|value| {
            let labels = value.map(|value| ("k".into(), value.into()));
            labels.into_iter().collect::<policy_lang::name::Labels>()
        });
        for a in &operators {
            for b in &operators {
                let (a, b) = (selector(a.clone()), selector(b.clone()));
                let holds = label_sets.iter().all(|labels| !a.matches(labels) || b.matches(labels));
                assert_eq!(selector_within(&a, &b), holds, "{a} in {b}");
                let both = Selector::new(a.requirements().iter().chain(b.requirements()).cloned());
                let possible = label_sets.iter().any(|labels| both.matches(labels));
                assert_eq!(contradiction(&both).is_none(), possible, "{both}");
            }
        }
    }

    #[test]
    fn ports_are_covered_by_ranges_together_and_by_no_other_protocol() {
        let port = |protocol, first, last| {
            let port = |number| NonZeroU16::new(number).unwrap();
            PortMatch { protocol, ports: Ports::Range(PortRange::new(port(first), port(last)).unwrap()) }
        };
        let tcp = |first, last| port(Protocol::Tcp, first, last);
        let (low, high, all) = (tcp(1, 80), tcp(81, 90), tcp(70, 85));
        assert!(ports_within(&[&all], &[&low, &high]));
        assert!(!ports_within(&[&all], &[&low]));
        assert!(!ports_within(&[&all], &[&port(Protocol::Udp, 1, 90)]));
        assert!(ports_within(&[&all], &[]) && !ports_within(&[], &[&all]));
    }

    #[test]
    fn exceptions_count() {
        let peer = |cidr: &str, except: &[&str]| Peer::Addresses {
            cidr: cidr.parse().unwrap(),
            except: except.iter().map(|hole| hole.parse().unwrap()).collect(),
        };
        assert!(peer_within(&peer("10.1.0.0/16", &[]), &peer("10.0.0.0/8", &["10.2.0.0/16"])));
        assert!(!peer_within(&peer("10.1.0.0/16", &[]), &peer("10.0.0.0/8", &["10.1.2.0/24"])));
        assert!(peer_within(&peer("10.1.0.0/16", &["10.1.2.0/23"]), &peer("10.0.0.0/8", &["10.1.2.0/24"])));
        assert!(!peer_within(&peer("0.0.0.0/0", &[]), &peer("::/0", &[])));
    }
}
