//! The start-up guard: what binds local addresses that none of the node's pods is known to own (decisions.md 17).

use policy_lang::name::NamespacedName;
use policy_lang::peer::Namespaces;
use policy_lang::policy::{Direction, Policy, Tier};

use super::{Question, Subject};

impl Question<'_> {
    /// Whether the address at one end can be a local pod's. Nothing is guessed: it lies in a range that is configured,
    /// or it is reached by an interface whose name is configured.
    pub(super) fn is_local(&self, direction: Direction) -> bool {
        let address = self.own_end(direction);
        let local = &self.oracle.options.local;
        let node = self.oracle.inventory.nodes.get(self.oracle.node);
        let pod_cidrs = node.filter(|_| local.node_pod_cidrs).map_or(&[][..], |node| &node.pod_cidrs);
        let in_range = local.ranges.iter().chain(pod_cidrs).any(|range| range.contains(&address));
        let on_wire = match direction {
            Direction::Egress => self.connection.interfaces.input,
            Direction::Ingress => self.connection.interfaces.output,
        };
        in_range || (local.interface_prefix.is_some() && on_wire)
    }

    /// The enforced baseline and its `otherwise` bind an unknown address if they are about every pod, whoever is exempt:
    /// it might be anyone's. Other policies know their subjects by name.
    pub(super) fn binds_unknown(policy: &Policy) -> bool {
        let of_config_map = match policy.tier {
            Tier::ConfigMapAdmin | Tier::ConfigMapBaseline => true,
            Tier::ClusterAdmin | Tier::NetworkPolicy | Tier::ClusterBaseline => false,
        };
        let every_namespace = match &policy.subject.pods.namespaces {
            Namespaces::Matching(selector) => selector.is_everything(),
            Namespaces::Named(_) => false,
        };
        of_config_map && every_namespace && policy.subject.pods.pods.is_everything()
    }

    /// The pods of this node without an address that NetworkPolicies isolate in a direction: an unknown address may be
    /// theirs.
    pub(super) fn awaiting(&self, direction: Direction) -> Vec<NamespacedName> {
        let here = self.oracle.inventory.pods.iter().filter(|(_, pod)| pod.node.as_deref() == Some(self.oracle.node));
        here.filter(|(_, pod)| pod.addresses.is_empty())
            .filter(|pod| !self.binding(Tier::NetworkPolicy, direction, Subject::Pod(*pod)).is_empty())
            .map(|(name, _)| name.clone())
            .collect()
    }
}
