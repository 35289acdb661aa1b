//! The pods at whose ports a rule is aimed.

use std::collections::BTreeSet;

use policy_lang::manifest::Service;
use policy_lang::network_policy::RuleSpec;
use policy_lang::peer::Peer;
use policy_lang::policy::Direction;

use crate::lint::world::{Class, World};
use crate::lint::written::Written;

/// The classes that are connected to: the selected ones for ingress, the peers for egress. Nothing where the input has
/// none of them.
pub(crate) fn classes(
    world: &World<'_>,
    written: &Written<'_>,
    direction: Direction,
    rule: &RuleSpec,
) -> Option<Vec<u32>> {
    let classes: Vec<u32> = match direction {
        Direction::Ingress => written.selected.to_vec(),
        Direction::Egress if rule.peers.is_empty() => {
            (0..u32::try_from(world.classes.len()).unwrap_or(u32::MAX)).collect()
        }
        Direction::Egress => {
            let selectors = rule.peers.iter().filter_map(|peer| match &peer.value {
                Peer::Pods(selector) => Some(selector),
                Peer::Addresses { .. } | Peer::Nodes(_) | Peer::Service { .. } => None,
            });
            let found: BTreeSet<u32> = selectors.flat_map(|selector| world.select(selector).to_vec()).collect();
            found.into_iter().collect()
        }
    };
    (!classes.is_empty()).then_some(classes)
}

/// The Services that send connections to a class.
pub(crate) fn services_of<'a>(world: &World<'a>, class: &Class<'_>) -> impl Iterator<Item = &'a Service> {
    let services = world.services.get(class.namespace).map(Vec::as_slice).unwrap_or_default();
    services.iter().copied().filter(|service| {
        let mut wanted = service.selector.iter();
        !service.selector.is_empty() && wanted.all(|(key, value)| class.labels.get(key) == Some(value))
    })
}
