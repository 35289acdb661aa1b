//! Whom the words of a question mean.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use engine::inventory::Pod;
use engine::workloads::{self, Workload};
use policy_lang::manifest::{EndpointSlice, Object, Phase, PodNetwork, Service, ServicePort, TargetPort};
use policy_lang::name::NamespacedName;
use policy_lang::policy::{Direction, Policy, PortMatches};
use policy_lang::port::{Ports, Protocol};
use policy_lang::suggest;

use super::question::Wanted;
use super::{About, Question, QuestionError, World};

/// Most ports that a question without one asks for.
const PORTS_MAX: usize = 20;

/// One end of a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Party {
    /// As people know it.
    pub name: Box<str>,
    /// Where it is.
    pub place: Place,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// Where somebody is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// A pod with a network of its own.
    Pod {
        /// Its name.
        name: NamespacedName,
        /// Its node, once it has one.
        node: Option<Arc<str>>,
    },
    /// A process on this node's own network.
    Node(Arc<str>),
    /// Nobody whom the manifests know.
    Outside,
}

/// What a destination means.
#[derive(Debug)]
pub struct Target {
    /// The Service that it goes through.
    pub service: Option<Box<str>>,
    /// Whom it reaches, by which address and for what.
    pub backends: Vec<(Party, IpAddr, About)>,
    /// What is worth knowing about that.
    pub hints: Vec<String>,
}

impl Party {
    /// Its first address of the same family as another.
    pub fn address_like(&self, other: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|address| address.is_ipv4() == other.is_ipv4())
    }

    /// The node that it is on.
    pub fn node(&self) -> Option<&Arc<str>> {
        match &self.place {
            Place::Pod { node, .. } => node.as_ref(),
            Place::Node(node) => Some(node),
            Place::Outside => None,
        }
    }
}

/// A pod, a node or an address by its word.
pub(super) fn party(world: &World<'_>, word: &str) -> Result<Party, QuestionError> {
    if let Ok(address) = word.parse::<IpAddr>() {
        return Ok(owner(world, address));
    }
    match word.split('/').collect::<Vec<_>>().as_slice() {
        [node] => self::node(world, node),
        [kind, namespace, name] => {
            let name = NamespacedName::new(*namespace, *name);
            workload(world, &name, Some(kind))?.ok_or_else(|| unknown(world, word))
        }
        [namespace, rest @ ..] => namespaced(world, &NamespacedName::new(*namespace, rest.join("/"))),
        [] => Err(unknown(world, word)),
    }
}

/// Whom a destination means, and what is asked for there.
pub(super) fn target(world: &World<'_>, question: &Question, from: &Party) -> Result<Target, QuestionError> {
    if let Some(service) = service(world, &question.to) {
        return through(world, service, question.about.as_ref());
    }
    let to = party(world, &question.to)?;
    let abouts = abouts(world, from, &to, question.about.as_ref())?;
    let mut backends = Vec::new();
    for about in abouts {
        backends.extend(to.addresses.iter().map(|address| (to.clone(), *address, about)));
    }
    Ok(Target { service: None, backends, hints: Vec::new() })
}

/// Who has an address.
fn owner(world: &World<'_>, address: IpAddr) -> Party {
    let pods = world.inventory.pods.iter().filter(|(_, pod)| pod.addresses.contains(&address));
    let pod = pods.min_by_key(|(_, pod)| pod.terminating);
    let node = world.inventory.nodes.iter().find(|(_, node)| node.addresses.contains(&address));
    match (pod, node) {
        (Some((name, found)), _) => Party { addresses: vec![address], ..pod_party(name, found) },
        (None, Some((name, _))) => {
            Party { name: (&**name).into(), place: Place::Node(Arc::clone(name)), addresses: vec![address] }
        }
        (None, None) => Party { name: address.to_string().into(), place: Place::Outside, addresses: vec![address] },
    }
}

fn pod_party(name: &NamespacedName, pod: &Pod) -> Party {
    let place = Place::Pod { name: name.clone(), node: pod.node.clone() };
    Party { name: name.to_string().into(), place, addresses: pod.addresses.clone() }
}

fn namespaced(world: &World<'_>, name: &NamespacedName) -> Result<Party, QuestionError> {
    let shown: Box<str> = name.to_string().into();
    if let Some(pod) = world.inventory.pods.get(name) {
        if pod.addresses.is_empty() {
            return Err(QuestionError::NoAddress(shown));
        }
        return Ok(pod_party(name, pod));
    }
    if let Some(found) = workload(world, name, None)? {
        return Ok(found);
    }
    for object in world.objects {
        if let Object::Service(service) = object
            && service.metadata.name == *name
        {
            return Err(QuestionError::FromService(shown));
        }
        let Object::Pod(pod) = object else { continue };
        if pod.metadata.name != *name {
            continue;
        }
        if pod.network == PodNetwork::Own || matches!(pod.phase, Phase::Succeeded | Phase::Failed) {
            return Err(QuestionError::Ended(shown));
        }
        // To every policy it is its node (sem-72).
        let Some(node) = &pod.node else { return Err(QuestionError::NoAddress(shown)) };
        let found = self::node(world, node)?;
        return Ok(Party { name: format!("{shown} (hostNetwork on {node})").into(), ..found });
    }
    Err(unknown(world, &shown))
}

fn unknown(world: &World<'_>, shown: &str) -> QuestionError {
    let known: Vec<String> = world.inventory.pods.keys().map(ToString::to_string).collect();
    QuestionError::Unknown { what: "pod, workload or Service", help: nearest(shown, &known), name: shown.into() }
}

/// A workload stands for the first of its pods that has an address: selectors cannot tell them apart.
fn workload(world: &World<'_>, name: &NamespacedName, kind: Option<&str>) -> Result<Option<Party>, QuestionError> {
    let (workloads, _) = workloads::group(world.objects, world.policies);
    let is_meant = |found: &&Workload| found.name == *name && kind.is_none_or(|kind| *found.kind == *kind);
    let meant: Vec<&Workload> = workloads.entries.iter().filter(is_meant).collect();
    let shown = || name.to_string().into();
    match meant.as_slice() {
        [] => Ok(None),
        [one] => {
            let address = one.members.iter().flat_map(|member| &member.addresses).next();
            let Some(address) = address else {
                // A pod that was made up bears the name of its workload.
                let made = world.inventory.pods.get(name).filter(|pod| !pod.addresses.is_empty());
                return made.map(|pod| Some(pod_party(name, pod))).ok_or_else(|| QuestionError::NoAddress(shown()));
            };
            let pods = world.inventory.pods.iter().filter(|(_, pod)| pod.addresses.contains(address));
            let Some((pod, found)) = pods.min_by_key(|(_, pod)| pod.terminating) else {
                return Err(QuestionError::NoAddress(shown()));
            };
            Ok(Some(Party { name: format!("{pod} (of {} {name})", one.kind).into(), ..pod_party(pod, found) }))
        }
        several => Err(QuestionError::Several { name: shown(), n_workloads: several.len() }),
    }
}

fn node(world: &World<'_>, word: &str) -> Result<Party, QuestionError> {
    let Some((name, node)) = world.inventory.nodes.get_key_value(word) else {
        let known: Vec<String> = world.inventory.nodes.keys().map(ToString::to_string).collect();
        return Err(QuestionError::Unknown { what: "node", name: word.into(), help: nearest(word, &known) });
    };
    if node.addresses.is_empty() {
        return Err(QuestionError::NoAddress(word.into()));
    }
    let place = Place::Node(Arc::clone(name));
    Ok(Party { name: word.into(), place, addresses: node.addresses.clone() })
}

pub(super) fn nearest(word: &str, known: &[String]) -> String {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    suggest::nearest(word, &known).map(|found| format!(": did you mean {found}?")).unwrap_or_default()
}

/// What to ask for at a destination that is no Service.
fn abouts(world: &World<'_>, from: &Party, to: &Party, wanted: Option<&Wanted>) -> Result<Vec<About>, QuestionError> {
    let declared = |party: &Party| match &party.place {
        Place::Pod { name, .. } => world.inventory.pods.get(name).map_or(&[][..], |pod| &pod.ports),
        Place::Node(_) | Place::Outside => &[],
    };
    match wanted {
        Some(Wanted::Echo) => Ok(vec![About::Echo]),
        Some(Wanted::Number(port, protocol)) => Ok(vec![About::Port(*protocol, *port)]),
        Some(Wanted::Name(name, protocol)) => {
            let ports = declared(to).iter().filter(|port| *port.name == **name && port.protocol == *protocol);
            let abouts: Vec<_> = ports.map(|port| About::Port(port.protocol, port.port)).collect();
            if abouts.is_empty() {
                return Err(QuestionError::NoNamedPort { to: to.name.clone(), name: name.clone() });
            }
            Ok(abouts)
        }
        None => {
            let mut abouts: BTreeSet<About> =
                declared(to).iter().map(|port| About::Port(port.protocol, port.port)).collect();
            for (policy, direction) in world.policies.iter().flat_map(|policy| {
                [(policy, Direction::Egress, from), (policy, Direction::Ingress, to)]
                    .into_iter()
                    .filter(|(policy, _, party)| may_bind(policy, party))
                    .map(|(policy, direction, _)| (policy, direction))
            }) {
                abouts.extend(named_ports(policy, direction));
            }
            let mut abouts: Vec<_> = abouts.into_iter().take(PORTS_MAX).collect();
            abouts.push(About::Echo);
            Ok(abouts)
        }
    }
}

/// Whether a policy can be about somebody: for the choice of ports only.
fn may_bind(policy: &Policy, party: &Party) -> bool {
    use policy_lang::peer::Namespaces;
    match (&party.place, &policy.subject.pods.namespaces) {
        (Place::Pod { name, .. }, Namespaces::Named(namespace)) => *namespace == name.namespace,
        (Place::Pod { .. }, Namespaces::Matching(_)) => true,
        (Place::Node(_) | Place::Outside, _) => false,
    }
}

/// The first port of each range that a policy names by number.
fn named_ports(policy: &Policy, direction: Direction) -> impl Iterator<Item = About> {
    let rules = policy.rules(direction).unwrap_or_default();
    rules
        .iter()
        .flat_map(|rule| match &rule.ports {
            PortMatches::Any => &[][..],
            PortMatches::AnyOf(ports) => ports,
        })
        .filter_map(|port| match &port.ports {
            Ports::Range(range) => Some(About::Port(port.protocol, range.first())),
            Ports::All | Ports::Named(_) => None,
        })
}

/// The Service of a name or an address. A pod of the same name comes first; `service/NAMESPACE/NAME` is the Service.
fn service<'a>(world: &World<'a>, word: &str) -> Option<&'a Service> {
    let mut services = world.objects.iter().filter_map(|object| {
        let Object::Service(service) = object else { return None };
        Some(service)
    });
    if let Ok(address) = word.parse::<IpAddr>() {
        return services
            .find(|service| service.cluster_ips.contains(&address) || service.external_ips.contains(&address));
    }
    let explicit = word.strip_prefix("service/");
    let (namespace, name) = explicit.unwrap_or(word).split_once('/')?;
    let wanted = NamespacedName::new(namespace, name);
    if explicit.is_none() && world.inventory.pods.contains_key(&wanted) {
        return None;
    }
    services.find(|service| service.metadata.name == wanted)
}

/// The backends of a Service at a port of its own.
fn through(world: &World<'_>, service: &Service, wanted: Option<&Wanted>) -> Result<Target, QuestionError> {
    let name: Box<str> = service.metadata.name.to_string().into();
    let ports: Vec<&ServicePort> = service
        .ports
        .iter()
        .filter(|port| match wanted {
            None => true,
            Some(Wanted::Number(number, protocol)) => port.port.get() == *number && port.protocol == *protocol,
            Some(Wanted::Name(name, protocol)) => port.name.as_deref() == Some(&**name) && port.protocol == *protocol,
            Some(Wanted::Echo) => false,
        })
        .collect();
    if let (Some(wanted), []) = (wanted, ports.as_slice()) {
        let has: Vec<_> = service.ports.iter().map(|port| format!("{}/{}", port.port, port.protocol)).collect();
        let has = if has.is_empty() { String::new() } else { format!(": it has {}", has.join(", ")) };
        return Err(QuestionError::NoServicePort { name, port: wanted.to_string().into(), has });
    }
    let mut backends = Vec::new();
    let mut hints = Vec::new();
    for port in ports {
        let found = endpoints(world, service, port);
        hints.extend(found.iter().filter(|(_, target)| *target != port.port.get()).map(|(_, target)| {
            format!(
                "policy sees the backend's port {target}/{1}, not the port {0}/{1} of Service {name} (sem-52)",
                port.port, port.protocol,
            )
        }));
        backends.extend(
            found
                .into_iter()
                .map(|(address, target)| (owner(world, address), address, About::Port(port.protocol, target))),
        );
    }
    hints.dedup();
    if backends.is_empty() {
        return Err(QuestionError::NoBackend(name));
    }
    Ok(Target { service: Some(name), backends, hints })
}

/// Address and port of each endpoint: as the EndpointSlices say, or, where there are none, as the selector selects.
fn endpoints(world: &World<'_>, service: &Service, port: &ServicePort) -> Vec<(IpAddr, u16)> {
    let mut found = BTreeSet::new();
    let mut any_slice = false;
    for object in world.objects {
        let Object::EndpointSlice(slice) = object else { continue };
        if !is_of(slice, service) {
            continue;
        }
        any_slice = true;
        let name = port.name.as_deref().unwrap_or_default();
        let numbers = slice.ports.iter().filter(|found| *found.name == *name && found.protocol == port.protocol);
        for number in numbers.filter_map(|found| found.port) {
            let addresses = slice.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
            found.extend(addresses.map(|address| (*address, number.get())));
        }
    }
    if !any_slice && !service.selector.is_empty() {
        let of_namespace =
            world.inventory.pods.iter().filter(|(name, _)| name.namespace == service.metadata.name.namespace);
        for (_, pod) in of_namespace.filter(|(_, pod)| selects(service, pod)) {
            for number in target_ports(pod, &port.target, port.protocol) {
                found.extend(pod.addresses.iter().map(|address| (*address, number)));
            }
        }
    }
    found.into_iter().collect()
}

fn is_of(slice: &EndpointSlice, service: &Service) -> bool {
    let name = &service.metadata.name;
    slice.metadata.name.namespace == name.namespace && slice.service.as_ref() == Some(&name.name)
}

fn selects(service: &Service, pod: &Pod) -> bool {
    service.selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
}

fn target_ports(pod: &Pod, target: &TargetPort, protocol: Protocol) -> Vec<u16> {
    match target {
        TargetPort::Number(number) => vec![number.get()],
        TargetPort::Name(name) => {
            let ports = pod.ports.iter().filter(|port| port.name == *name && port.protocol == protocol);
            ports.map(|port| port.port).collect()
        }
    }
}
