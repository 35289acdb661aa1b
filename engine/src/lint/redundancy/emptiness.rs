//! Whether a peer is anything in the input, and how sure that is.

use std::sync::Arc;

use policy_lang::name::NAMESPACE_NAME_LABEL;
use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::selector::{Operator, Selector};

use crate::lint::world::World;

/// What is known of a peer.
pub(crate) enum Emptiness {
    /// It is something, or may be something that no manifest shows.
    Filled,
    /// It is nothing, with what was looked at.
    Empty(String),
    /// The input does not have the namespaces that would tell.
    Unknown(String),
}

/// Looks a peer up in the input. An empty selector is never empty: it means whatever is there.
pub(crate) fn of(world: &World<'_>, peer: &Peer) -> Emptiness {
    let Peer::Pods(selector) = peer else { return Emptiness::Filled };
    if !world.select(selector).is_empty() {
        return Emptiness::Filled;
    }
    match &selector.namespaces {
        Namespaces::Named(_) if selector.pods.is_everything() => Emptiness::Filled,
        Namespaces::Named(name) if world.knows_workloads(name) => Emptiness::Empty(world.looked_at(name)),
        Namespaces::Named(name) => Emptiness::Unknown(world.looked_at(name)),
        Namespaces::Matching(namespaces) if namespaces.is_everything() && selector.pods.is_everything() => {
            Emptiness::Filled
        }
        Namespaces::Matching(namespaces) => {
            let selected = world.namespaces.keys().filter(|name| world.selects_namespace(&selector.namespaces, name));
            let names: Vec<_> = selected.collect();
            let with_workloads = names.iter().filter(|name| world.knows_workloads(name)).count();
            let help =
                format!("{} namespaces match, {with_workloads} of them have workloads in the input", names.len());
            let is_known = pinned(namespaces)
                .is_some_and(|values| values.iter().all(|name| world.knows_workloads(name)) && with_workloads > 0);
            if may_be_dns(world, selector) {
                Emptiness::Filled
            } else if is_known && !selector.pods.is_everything() {
                Emptiness::Empty(help)
            } else {
                Emptiness::Unknown(help)
            }
        }
    }
}

/// The namespaces that a selector means by name; others may match namespaces that the input does not have.
fn pinned(namespaces: &Selector) -> Option<&[Arc<str>]> {
    namespaces.requirements().iter().find_map(|requirement| match &requirement.operator {
        Operator::In(values) if *requirement.key == *NAMESPACE_NAME_LABEL => Some(values.as_ref()),
        Operator::In(_) | Operator::NotIn(_) | Operator::Exists | Operator::DoesNotExist => None,
    })
}

/// Whether a selector may mean the DNS servers, which every cluster has and few repositories.
fn may_be_dns(world: &World<'_>, selector: &PodSelector) -> bool {
    let dns = world.environment.dns_or_usual();
    let known = world.namespaces.get(&dns.pods.namespace).and_then(|known| known.written.map(|_| &known.labels));
    let in_namespace = match (&selector.namespaces, known) {
        (Namespaces::Named(name), _) => *name == dns.pods.namespace,
        (Namespaces::Matching(namespaces), Some(labels)) => namespaces.matches(labels),
        // Of a namespace without an object only the name is known.
        (Namespaces::Matching(namespaces), None) => {
            pinned(namespaces).is_none_or(|values| values.contains(&dns.pods.namespace))
        }
    };
    in_namespace && selector.pods.matches(&dns.pods.labels)
}
