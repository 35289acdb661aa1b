//! The pods at whose ports a rule is aimed.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use policy_lang::manifest::Service;
use policy_lang::manifest::tree::Spanned;
use policy_lang::network_policy::RuleSpec;
use policy_lang::peer::Peer;
use policy_lang::policy::Direction;
use policy_lang::port::{PortMatch, Ports};

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

/// One named port of a rule that counts.
pub(crate) struct NamedPort<'w> {
    /// Its entry.
    pub(crate) port: &'w Spanned<PortMatch>,
    /// The name.
    pub(crate) name: &'w Arc<str>,
    /// At whose ports it is aimed, as indexes of [`World::classes`].
    pub(crate) classes: Rc<[u32]>,
}

/// The named ports of a policy whose rules are about pods of the input.
pub(crate) fn named_ports<'w>(world: &World<'_>, written: &'w Written<'_>) -> Vec<NamedPort<'w>> {
    let mut found = Vec::new();
    for (direction, rule) in written.live_rules() {
        if !rule.ports.iter().any(|port| port.value.is_named()) {
            continue;
        }
        let Some(classes) = classes(world, written, direction, rule) else { continue };
        let classes: Rc<[u32]> = classes.into();
        for port in &rule.ports {
            let Ports::Named(name) = &port.value.ports else { continue };
            found.push(NamedPort { port, name, classes: Rc::clone(&classes) });
        }
    }
    found
}

/// The Services that send connections to a class.
pub(crate) fn services_of<'a>(world: &World<'a>, class: &Class<'_>) -> impl Iterator<Item = &'a Service> {
    let services = world.services.get(class.namespace).map(Vec::as_slice).unwrap_or_default();
    services.iter().copied().filter(|service| {
        let mut wanted = service.selector.iter();
        !service.selector.is_empty() && wanted.all(|(key, value)| class.labels.get(key) == Some(value))
    })
}
