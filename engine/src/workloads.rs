//! Pods as people know them: by what makes them, from manifests without a cluster or from a dump of one.
//!
//! A workload is named after the topmost owner that the input tells of. What its pods are like is said by the pods
//! themselves where the input has them, and by a template where it has none. Pods of one owner are one workload as far
//! as no selector can tell them apart; those with different labels are workloads of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;

use policy_lang::diagnostic::{Code, Diagnostic};
use policy_lang::manifest::workload::Owner;
use policy_lang::manifest::{self, Object, PodNetwork, TargetPort, workload};
use policy_lang::name::{Labels, NamespacedName};
use policy_lang::policy::Policy;
use policy_lang::port::Protocol;
use policy_lang::source::Origin;

use crate::inventory::{NamedPort, counts, named_ports};

mod keys;
#[cfg(test)]
mod tests;

/// A workload whose pods are on the network of their nodes.
const HOST_NETWORK: Code = Code("PAL033");

/// More owners of owners than this are a circle.
const OWNERS_MAX: usize = 8;

/// Everything that makes pods, and what leads to them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Workloads {
    /// Sorted by namespace, name, kind and labels. None whose pods are on the network of their nodes.
    pub entries: Vec<Workload>,
    /// The Services that choose their backends by labels, with what they send on. Those of which EndpointSlices tell
    /// are in the [inventory](crate::inventory::Inventory).
    pub services: BTreeMap<NamespacedName, Chosen>,
}

/// Pods that no selector can tell apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Workload {
    /// The owner's namespace and name.
    pub name: NamespacedName,
    /// The owner's kind; `Pod` for a pod that nobody owns.
    pub kind: Arc<str>,
    /// What selectors see.
    pub labels: Labels,
    /// Whether only its labels tell it from another workload of this name and kind.
    pub variant: Variant,
    /// Its pods, grouped by what else matters; never empty.
    pub members: Vec<Member>,
    /// Where it is written.
    pub origin: Origin,
}

/// Whether a workload is the only one of its name and kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Variant {
    /// It is.
    Only,
    /// Its labels are part of its name.
    ByLabels,
}

/// Pods of one workload with the same ports and addresses.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Member {
    /// Named ports, sorted.
    pub ports: Vec<NamedPort>,
    /// The addresses, sorted; empty where they are not known.
    pub addresses: Vec<IpAddr>,
}

/// What a Service chooses.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Chosen {
    /// Pods of its namespace with all of these labels; none without a label.
    pub selector: Labels,
    /// Where it sends what it gets.
    pub targets: Vec<(Protocol, Target)>,
}

/// A port of a Service's backends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// By number.
    Number(NonZeroU16),
    /// By the name that each backend gives to a number of its own.
    Named(Arc<str>),
}

impl Workload {
    /// Whether it can have several pods at once: whatever makes pods can, also where it has made one so far.
    pub fn has_replicas(&self) -> bool {
        *self.kind != *POD
    }
}

/// The kind of pods that nobody owns.
const POD: &str = "Pod";

/// Groups the pods and templates of an input. Labels that controllers give to each pod by itself tell pods apart only
/// where a policy asks for them.
pub fn group(objects: &[Object], policies: &[Policy]) -> (Workloads, Vec<Diagnostic>) {
    let owners = Owners::of(objects);
    let keys = keys::ignored(policies);
    let mut groups: BTreeMap<Identity, Group<'_>> = BTreeMap::new();
    let mut workloads = Workloads::default();
    for object in objects {
        match object {
            Object::Pod(pod) => {
                let identity = owners.topmost(&pod.metadata.name, POD, pod.owner.as_ref());
                groups.entry(identity).or_default().pods.push(pod);
            }
            Object::Workload(made) => {
                let identity = owners.topmost(&made.metadata.name, made.kind.name(), made.owner.as_ref());
                let is_topmost = identity.1 == made.metadata.name.name && *identity.2 == *made.kind.name();
                let group = groups.entry(identity).or_default();
                if is_topmost {
                    group.own = Some(made);
                } else {
                    group.owned.push(made);
                }
            }
            Object::Service(service) if !service.selector.is_empty() => {
                workloads.services.insert(service.metadata.name.clone(), chosen(service));
            }
            Object::Service(_)
            | Object::Namespace(_)
            | Object::Node(_)
            | Object::NetworkPolicy(_)
            | Object::ConfigMap(_)
            | Object::EndpointSlice(_)
            | Object::ClusterNetworkPolicy(_)
            | Object::EgressBaseline(_)
            | Object::Route(_) => {}
        }
    }
    let mut diagnostics = Vec::new();
    for (identity, group) in groups {
        let found = group.workloads(&identity, &keys, &mut diagnostics);
        workloads.entries.extend(found);
    }
    (workloads, diagnostics)
}

/// Namespace, name and kind.
type Identity = (Arc<str>, Arc<str>, Arc<str>);

/// Who made the workloads of an input.
struct Owners<'a>(BTreeMap<(&'a str, &'a str, &'a str), Option<&'a Owner>>);

impl<'a> Owners<'a> {
    fn of(objects: &'a [Object]) -> Self {
        let made = objects.iter().filter_map(|object| {
            let Object::Workload(made) = object else { return None };
            let NamespacedName { namespace, name } = &made.metadata.name;
            Some(((&**namespace, &**name, made.kind.name()), made.owner.as_ref()))
        });
        Self(made.collect())
    }

    /// The topmost owner among the objects of the input. Where not even a pod's first owner is one of them, what the
    /// pod says of it counts all the same: that is what a dump of pods alone has.
    fn topmost(&self, name: &NamespacedName, kind: &str, owner: Option<&Owner>) -> Identity {
        let NamespacedName { namespace, name } = name;
        let mut top = (Arc::clone(name), Arc::<str>::from(kind));
        let mut next = owner;
        for _ in 0..OWNERS_MAX {
            // A Node owns the pods that its kubelet was told of by a file: nobody knows them by that.
            let Some(owner) = next.filter(|owner| &*owner.kind != "Node") else { break };
            let known = self.0.get(&(&**namespace, &*owner.name, &*owner.kind));
            if known.is_none() && &*top.1 != POD {
                break;
            }
            top = (Arc::clone(&owner.name), Arc::clone(&owner.kind));
            next = known.copied().flatten();
        }
        (Arc::clone(namespace), top.0, top.1)
    }
}

/// What an input says about the pods of one owner.
#[derive(Default)]
struct Group<'a> {
    pods: Vec<&'a manifest::Pod>,
    own: Option<&'a workload::Workload>,
    owned: Vec<&'a workload::Workload>,
}

impl Group<'_> {
    fn workloads(self, identity: &Identity, keys: &BTreeSet<&str>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Workload> {
        let mut by_labels: BTreeMap<Labels, (Vec<Member>, &Origin)> = BTreeMap::new();
        let mut on_nodes = None;
        let mut n_pods = 0;
        for pod in self.pods {
            if pod.network == PodNetwork::Host {
                n_pods += 1;
                on_nodes = on_nodes.or(pod.metadata.span);
            } else if counts(pod) {
                n_pods += 1;
                let mut addresses = pod.addresses.clone();
                addresses.sort_unstable();
                let member = Member { ports: named_ports(&pod.ports), addresses };
                let labels = keys::without(&pod.metadata.labels, keys);
                let (members, _) = by_labels.entry(labels).or_insert((Vec::new(), &pod.metadata.origin));
                members.push(member);
            }
        }
        let templates = if n_pods > 0 { Vec::new() } else { self.own.map_or(self.owned, |own| vec![own]) };
        for made in templates {
            if made.template.network == PodNetwork::Host {
                on_nodes = on_nodes.or(made.metadata.span);
                continue;
            }
            let member = Member { ports: named_ports(&made.template.ports), addresses: Vec::new() };
            let labels = keys::without(&made.template.labels, keys);
            let (members, _) = by_labels.entry(labels).or_insert((Vec::new(), &made.metadata.origin));
            members.push(member);
        }
        let (namespace, name, kind) = identity;
        diagnostics.extend(on_nodes.map(|span| {
            let message = format!("{kind} {namespace}/{name} is on the network of its nodes: no pod policy binds it");
            let help = "what its nodes may reach and be reached by counts for it";
            Diagnostic::note(HOST_NETWORK, span, message).help(help)
        }));
        let variant = if by_labels.len() > 1 { Variant::ByLabels } else { Variant::Only };
        let found = by_labels.into_iter().map(|(labels, (mut members, origin))| {
            members.sort_unstable();
            members.dedup();
            Workload {
                name: NamespacedName::new(Arc::clone(namespace), Arc::clone(name)),
                kind: Arc::clone(kind),
                labels,
                variant,
                members,
                origin: origin.clone(),
            }
        });
        found.collect()
    }
}

fn chosen(service: &manifest::Service) -> Chosen {
    let target = |port: &manifest::ServicePort| {
        let target = match &port.target {
            TargetPort::Number(number) => Target::Number(*number),
            TargetPort::Name(name) => Target::Named(Arc::clone(name)),
        };
        (port.protocol, target)
    };
    Chosen { selector: service.selector.clone(), targets: service.ports.iter().map(target).collect() }
}
