//! From objects as read to the snapshot that a compile sees.

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::sync::Arc;

use policy_lang::diagnostic::{Code, Diagnostic};
use policy_lang::manifest::{self, Lifecycle, Object, Phase, PodNetwork};
use policy_lang::name::{Labels, NAMESPACE_NAME_LABEL, NamespacedName};
use policy_lang::share::Pool;

use super::{Endpoint, Inventory, NamedPort, Node, Pod};

/// A namespace that is only referred to, without an object: assumed to bear nothing but its name label.
const NAMESPACE_ASSUMED: Code = Code("PAL026");
/// A pod without a node or without addresses: no rule can be about it yet.
pub const POD_NOT_PLACED: Code = Code("PAL027");

impl Inventory {
    /// Takes what matters out of objects, in any order. The last of two objects of one name counts.
    ///
    /// Namespaces that pods or policies live in but that have no object are assumed to exist, with their name label
    /// only (sem-29), and said so.
    pub fn from_objects(objects: &[Object]) -> (Self, Vec<Diagnostic>) {
        Self::from_objects_with(objects, &mut Pool::default())
    }

    /// The same, with what many objects say held once, by those of before too.
    pub fn from_objects_with(objects: &[Object], pool: &mut Pool) -> (Self, Vec<Diagnostic>) {
        let mut inventory = Self::default();
        let mut diagnostics = Vec::new();
        for object in objects {
            match object {
                Object::Namespace(namespace) => {
                    let metadata = &namespace.metadata;
                    let name = pool.text(Arc::clone(&metadata.name.name));
                    inventory.namespaces.insert(name, pool.labels(&metadata.labels));
                }
                Object::Node(node) => {
                    inventory.nodes.insert(Arc::clone(&node.metadata.name.name), self::node(node));
                }
                Object::Pod(pod) if counts(pod) => {
                    diagnostics.extend(not_placed(pod));
                    let NamespacedName { namespace, name } = pod.metadata.name.clone();
                    let name = NamespacedName { namespace: pool.text(namespace), name };
                    inventory.pods.insert(name, self::pod(pod, pool));
                }
                Object::Service(service) => inventory.add_service(service),
                Object::EndpointSlice(slice) => inventory.add_endpoints(slice),
                Object::Pod(_)
                | Object::NetworkPolicy(_)
                | Object::ConfigMap(_)
                | Object::ClusterNetworkPolicy(_)
                | Object::EgressBaseline(_)
                | Object::Workload(_)
                | Object::Route(_) => {}
            }
        }
        for service in inventory.services.values_mut() {
            service.endpoints.sort_unstable();
            service.endpoints.dedup();
        }
        inventory.assume_namespaces(objects, &mut diagnostics);
        (inventory, diagnostics)
    }

    fn add_service(&mut self, service: &manifest::Service) {
        let manifest::Service { metadata, cluster_ips, external_ips, load_balancer_ips, ports: _, selector: _ } =
            service;
        let mut addresses = [cluster_ips.as_slice(), external_ips, load_balancer_ips].concat();
        addresses.sort_unstable();
        addresses.dedup();
        // Its slices may have come first.
        self.services.entry(metadata.name.clone()).or_default().addresses = addresses;
    }

    /// Adds the backends of a slice to those of its Service: a Service may have many slices, one a family at least.
    /// Backends that are not ready count too: a policy is about who they are, not about how they are.
    fn add_endpoints(&mut self, slice: &manifest::EndpointSlice) {
        let Some(service) = &slice.service else { return };
        let name = NamespacedName::new(Arc::clone(&slice.metadata.name.namespace), Arc::clone(service));
        let endpoints = &mut self.services.entry(name).or_default().endpoints;
        for address in slice.endpoints.iter().flat_map(|endpoint| &endpoint.addresses) {
            endpoints.extend(slice.ports.iter().map(|port| Endpoint {
                address: *address,
                protocol: port.protocol,
                port: port.port.map(NonZeroU16::get),
            }));
        }
    }

    fn assume_namespaces(&mut self, objects: &[Object], diagnostics: &mut Vec<Diagnostic>) {
        let mut assumed = BTreeSet::new();
        for object in objects {
            let (Object::Pod(_) | Object::NetworkPolicy(_) | Object::Workload(_)) = object else { continue };
            let Some(metadata) = object.metadata() else { continue };
            let namespace = &metadata.name.namespace;
            if self.namespaces.contains_key(namespace) || !assumed.insert(Arc::clone(namespace)) {
                continue;
            }
            if let Some(span) = metadata.span {
                let message = format!("namespace {namespace} has no Namespace object");
                let help = format!("assumed to have no label but {NAMESPACE_NAME_LABEL}={namespace}");
                diagnostics.push(Diagnostic::note(NAMESPACE_ASSUMED, span, message).help(help));
            }
        }
        for namespace in assumed {
            let labels = Labels::of_namespace(&namespace);
            self.namespaces.insert(namespace, labels);
        }
    }
}

/// Whether a pod is a subject and a peer: it has a network of its own and has not ended (sem-71 to sem-77).
pub(crate) fn counts(pod: &manifest::Pod) -> bool {
    let ended = match pod.phase {
        Phase::Succeeded | Phase::Failed => true,
        Phase::Pending | Phase::Running | Phase::Unknown => false,
    };
    pod.network == PodNetwork::Own && !ended
}

fn not_placed(pod: &manifest::Pod) -> Option<Diagnostic> {
    let missing = match (&pod.node, pod.addresses.as_slice()) {
        (None, _) => "spec.nodeName",
        (Some(_), []) => "status.podIPs",
        (Some(_), _) => return None,
    };
    let message = format!("pod {} is not placed: it has no {missing}", pod.metadata.name);
    pod.metadata.span.map(|span| Diagnostic::note(POD_NOT_PLACED, span, message))
}

fn node(node: &manifest::Node) -> Node {
    let mut addresses = node.addresses.clone();
    addresses.sort_unstable();
    let mut pod_cidrs = node.pod_cidrs.clone();
    pod_cidrs.sort_unstable();
    Node { addresses, pod_cidrs, labels: node.metadata.labels.clone() }
}

fn pod(pod: &manifest::Pod, pool: &mut Pool) -> Pod {
    let mut addresses = pod.addresses.clone();
    addresses.sort_unstable();
    addresses.dedup();
    let mut ports = named_ports(&pod.ports);
    for port in &mut ports {
        port.name = pool.text(Arc::clone(&port.name));
    }
    Pod {
        labels: pool.labels(&pod.metadata.labels),
        node: pod.node.clone().map(|node| pool.text(node)),
        addresses,
        ports,
        terminating: pod.lifecycle == Lifecycle::Terminating,
    }
}

/// The ports with a name, sorted, each once.
pub(crate) fn named_ports(declared: &[manifest::ContainerPort]) -> Vec<NamedPort> {
    let named = declared.iter().filter_map(|port| {
        let name = Arc::clone(port.name.as_ref()?);
        Some(NamedPort { name, protocol: port.protocol, port: port.port.get() })
    });
    let mut ports: Vec<_> = named.collect();
    ports.sort_unstable();
    ports.dedup();
    // Most pods have one or two, and room for four is held where it is not known beforehand how many there are.
    ports.shrink_to_fit();
    ports
}
