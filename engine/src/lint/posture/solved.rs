//! What policies permit altogether, for the rules whose question is about all of them.

use policy_lang::manifest::Object;
use policy_lang::network_policy::{self, Strictness};
use policy_lang::policy::Policy;

use crate::connectivity::{Connectivity, Options, Scene};
use crate::inventory::Inventory;
use crate::lint::world::World;
use crate::workloads::{self, Workloads};

/// Everything that a map is made from.
pub(crate) struct Solved {
    policies: Vec<Policy>,
    inventory: Inventory,
    pub(crate) workloads: Workloads,
    options: Options,
}

impl Solved {
    /// Gathers it. What cannot be read has its findings already.
    pub(crate) fn new(world: &World<'_>) -> Self {
        let written = world.objects.iter().filter_map(|object| match object {
            Object::NetworkPolicy(policy) => Some(network_policy::decode(policy, world.sources, Strictness::Lenient).0),
            Object::Namespace(_)
            | Object::Node(_)
            | Object::Pod(_)
            | Object::ConfigMap(_)
            | Object::Service(_)
            | Object::EndpointSlice(_)
            | Object::ClusterNetworkPolicy(_)
            | Object::EgressBaseline(_)
            | Object::Workload(_)
            | Object::Route(_) => None,
        });
        let policies: Vec<Policy> = world.upper.iter().cloned().chain(written).collect();
        let (workloads, _) = workloads::group(world.objects, &policies);
        let (inventory, _) = Inventory::from_objects(world.objects);
        let options = Options { pod_ranges: world.environment.pod_cidrs.clone(), ..Options::default() };
        Self { policies, inventory, workloads, options }
    }

    /// Works it out.
    pub(crate) fn connectivity(&self) -> Connectivity<'_> {
        let Self { policies, inventory, workloads, options } = self;
        Connectivity::new(Scene { policies, inventory, workloads, options })
    }
}
