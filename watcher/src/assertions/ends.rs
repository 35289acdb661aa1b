//! Who is meant at one end, as the model of connections numbers them, and the ports that are asked about there.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use engine::connectivity::ranges::{self, Family, Range};
use engine::connectivity::{Allowed, Connectivity};
use engine::lint::environment::Environment;
use engine::workloads::Workload;
use glob::Pattern;
use ipnet::IpNet;
use policy_lang::manifest::{Object, Service, TargetPort};
use policy_lang::name::{Labels, NamespacedName};
use policy_lang::port::Protocol;

use super::term::{PortTerm, Term, Wanted, Who};

/// Where DNS is answered where nothing says otherwise.
const DNS_NAMESPACE: &str = "kube-system";
const DNS_LABEL: (&str, &str) = ("k8s-app", "kube-dns");
const DNS_PORT: u16 = 53;

/// Somebody at an end, and the ports there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Ends {
    /// Workloads by their numbers.
    pub(super) workloads: BTreeMap<usize, Allowed>,
    /// Nodes by their places in the inventory.
    pub(super) nodes: BTreeMap<usize, Allowed>,
    /// Addresses of neither; those of one entry share their ports, and entries do not overlap.
    pub(super) addresses: Vec<([Vec<Range>; 2], Allowed)>,
}

/// What words are looked up in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'k> {
    pub(super) objects: &'k [Object],
    pub(super) environment: &'k Environment,
}

/// Why a word means nothing that could be judged.
type Unclear = String;

/// Why one of some words means nothing that could be judged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Trouble {
    /// Nobody in the manifests is so.
    Nobody,
    /// It cannot be told who is meant.
    Unclear(String),
}

/// Every port of every protocol that has ports.
pub(super) fn every_port() -> Allowed {
    Allowed { echo: false, other: false, ..Allowed::everything() }
}

impl Ends {
    /// Whoever is meant by some words; `default` are the ports where a word has none of its own, every port if there are
    /// none.
    pub(super) fn of(
        terms: &[Term],
        default: &[PortTerm],
        known: Known<'_>,
        model: &Connectivity<'_>,
    ) -> (Self, Option<(Term, Trouble)>) {
        let mut ends = Self::default();
        let mut trouble = None;
        for term in terms {
            match of_term(term, default, known, model) {
                Ok(found) if found.is_empty() => trouble = trouble.or_else(|| Some((term.clone(), Trouble::Nobody))),
                Ok(found) => ends.add(found),
                Err(unclear) => return (ends, Some((term.clone(), Trouble::Unclear(unclear)))),
            }
        }
        (ends, trouble)
    }

    /// Whether it is nobody.
    pub(super) fn is_empty(&self) -> bool {
        let Self { workloads, nodes, addresses } = self;
        let has = |ranges: &[Vec<Range>; 2]| ranges.iter().any(|ranges| !ranges.is_empty());
        workloads.is_empty() && nodes.is_empty() && !addresses.iter().any(|(ranges, _)| has(ranges))
    }

    /// Everybody else, at every port.
    pub(super) fn others(&self, model: &Connectivity<'_>) -> Self {
        let mut others = everybody(model);
        let Self { workloads, nodes, addresses } = self;
        others.workloads.retain(|workload, _| !workloads.contains_key(workload));
        others.nodes.retain(|node, _| !nodes.contains_key(node));
        for (taken, _) in addresses {
            for (ranges, _) in &mut others.addresses {
                *ranges = both(ranges, taken, ranges::without);
            }
        }
        others
    }

    /// Takes out ports of those who are meant by both; whoever has none left goes.
    pub(super) fn remove(&mut self, other: &Self) {
        let less = |own: &mut BTreeMap<usize, Allowed>, other: &BTreeMap<usize, Allowed>| {
            for (number, ports) in other {
                if let Some(known) = own.get_mut(number) {
                    *known = known.difference(ports);
                }
            }
            own.retain(|_, ports| !ports.is_nothing());
        };
        less(&mut self.workloads, &other.workloads);
        less(&mut self.nodes, &other.nodes);
        for (ranges, ports) in &other.addresses {
            let mut left = Vec::new();
            for (own, of_own) in std::mem::take(&mut self.addresses) {
                let shared = both(&own, ranges, ranges::common);
                push(&mut left, both(&own, ranges, ranges::without), of_own.clone());
                push(&mut left, shared, of_own.difference(ports));
            }
            self.addresses = left;
        }
    }

    fn add(&mut self, other: Self) {
        let more = |own: &mut BTreeMap<usize, Allowed>, other: BTreeMap<usize, Allowed>| {
            for (number, ports) in other {
                let known = own.entry(number).or_default();
                *known = known.union(&ports);
            }
        };
        more(&mut self.workloads, other.workloads);
        more(&mut self.nodes, other.nodes);
        for (ranges, ports) in other.addresses {
            let mut rest = ranges;
            let mut next = Vec::new();
            for (own, of_own) in std::mem::take(&mut self.addresses) {
                push(&mut next, both(&own, &rest, ranges::without), of_own.clone());
                push(&mut next, both(&own, &rest, ranges::common), of_own.union(&ports));
                rest = both(&rest, &own, ranges::without);
            }
            push(&mut next, rest, ports);
            self.addresses = next;
        }
    }
}

/// Works on both families.
fn both(one: &[Vec<Range>; 2], other: &[Vec<Range>; 2], work: fn(&[Range], &[Range]) -> Vec<Range>) -> [Vec<Range>; 2] {
    let ([a4, a6], [b4, b6]) = (one, other);
    [work(a4, b4), work(a6, b6)]
}

fn push(list: &mut Vec<([Vec<Range>; 2], Allowed)>, ranges: [Vec<Range>; 2], ports: Allowed) {
    if ranges.iter().any(|ranges| !ranges.is_empty()) && !ports.is_nothing() {
        list.push((ranges, ports));
    }
}

fn everybody(model: &Connectivity<'_>) -> Ends {
    let scene = model.scene();
    let all = |n: usize| (0..n).map(|number| (number, every_port())).collect();
    let whole = Family::ALL.map(|family| vec![family.whole()]);
    Ends {
        workloads: all(scene.workloads.entries.len()),
        nodes: all(scene.inventory.nodes.len()),
        addresses: vec![(both(&whole, model.taken(), ranges::without), every_port())],
    }
}

fn of_term(term: &Term, default: &[PortTerm], known: Known<'_>, model: &Connectivity<'_>) -> Result<Ends, Unclear> {
    let written = if term.ports.is_empty() { default } else { &term.ports };
    let scene = model.scene();
    match &term.who {
        Who::Any => Ok(with_ports(everybody(model), written, model)?),
        Who::Internet => Ok(with_ports(addresses(internet(known, model)), written, model)?),
        Who::Nodes(pattern) => {
            let names = scene.inventory.nodes.keys().enumerate();
            let nodes = names.filter(|(_, name)| pattern.matches(name)).map(|(number, _)| (number, every_port()));
            with_ports(Ends { nodes: nodes.collect(), ..Ends::default() }, written, model)
        }
        Who::Workloads(wanted) => with_ports(workloads(model, |workload| is_wanted(wanted, workload)), written, model),
        Who::Addresses(network) => with_ports(of_network(network, model), written, model),
        Who::Dns => {
            let dns = known.environment.dns.as_ref();
            let usual: Labels = [(Arc::from(DNS_LABEL.0), Arc::from(DNS_LABEL.1))].into_iter().collect();
            let (namespace, labels) =
                dns.map_or((DNS_NAMESPACE, &usual), |dns| (&*dns.pods.namespace, &dns.pods.labels));
            let pods =
                workloads(model, |workload| *workload.name.namespace == *namespace && has_labels(workload, labels));
            let ports = dns.map_or_else(|| vec![DNS_PORT], |dns| dns.ports.clone());
            let own = ports.iter().flat_map(|port| {
                [Protocol::Udp, Protocol::Tcp].map(|protocol| PortTerm::Numbers(protocol, *port, *port))
            });
            let own: Vec<_> = own.collect();
            with_ports(pods, if written.is_empty() { &own } else { written }, model)
        }
        Who::ApiServer => api_server(written, known, model),
        Who::Service(name) => service(name, &term.ports, known, model),
        Who::Group(name) => Err(format!("the group `{name}` is not known")),
    }
}

/// Addresses by number: of a pod or a node that has the only one, it; of a range, those that are nobody's.
fn of_network(network: &IpNet, model: &Connectivity<'_>) -> Ends {
    let scene = model.scene();
    if network.prefix_len() == network.max_prefix_len() {
        let address = network.addr();
        let owned =
            workloads(model, |workload| workload.members.iter().any(|member| member.addresses.contains(&address)));
        let nodes = scene.inventory.nodes.values().enumerate();
        let nodes = nodes.filter(|(_, node)| node.addresses.contains(&address));
        let nodes: BTreeMap<_, _> = nodes.map(|(number, _)| (number, every_port())).collect();
        if !owned.is_empty() || !nodes.is_empty() {
            return Ends { nodes, ..owned };
        }
    }
    let mut ranges = [Vec::new(), Vec::new()];
    put(&mut ranges, network);
    addresses(both(&ranges, model.taken(), ranges::without))
}

fn addresses(ranges: [Vec<Range>; 2]) -> Ends {
    let mut found = Vec::new();
    push(&mut found, ranges, every_port());
    Ends { addresses: found, ..Ends::default() }
}

fn put(ranges: &mut [Vec<Range>; 2], network: &IpNet) {
    let [v4, v6] = ranges;
    if network.addr().is_ipv4() { v4 } else { v6 }.push(Range::of(network));
}

/// Everything but pods, nodes and Services, as far as anybody says where those are.
fn internet(known: Known<'_>, model: &Connectivity<'_>) -> [Vec<Range>; 2] {
    let Environment { pod_cidrs, service_cidrs, node_cidrs, .. } = known.environment;
    let scene = model.scene();
    let mut inside = [Vec::new(), Vec::new()];
    let networks = pod_cidrs.iter().chain(service_cidrs).chain(node_cidrs).chain(&scene.options.pod_ranges);
    let of_nodes = scene.inventory.nodes.values().flat_map(|node| &node.pod_cidrs);
    networks.chain(of_nodes).for_each(|network| put(&mut inside, network));
    let of_services = scene.inventory.services.values().flat_map(|service| &service.addresses);
    of_services.for_each(|address: &IpAddr| put(&mut inside, &(*address).into()));
    let whole = Family::ALL.map(|family| vec![family.whole()]);
    both(&both(&whole, model.taken(), ranges::without), &inside.map(ranges::merged), ranges::without)
}

fn api_server(written: &[PortTerm], known: Known<'_>, model: &Connectivity<'_>) -> Result<Ends, Unclear> {
    let Some(server) = &known.environment.api_server else {
        let name = NamespacedName::new("default", "kubernetes");
        let ends = of_endpoints(&name, model);
        if ends.is_empty() {
            return Err("nothing says where the API server is: write `environment: {apiServer: …}` into palisade.yaml"
                .to_owned());
        }
        return if written.is_empty() { Ok(ends) } else { with_ports(ends, written, model) };
    };
    let mut found = Ends::default();
    server.cidrs.iter().for_each(|network| found.add(of_network(network, model)));
    let own = [PortTerm::Numbers(Protocol::Tcp, server.port, server.port)];
    with_ports(found, if written.is_empty() { &own } else { written }, model)
}

/// What stands behind a Service by its EndpointSlices.
fn of_endpoints(name: &NamespacedName, model: &Connectivity<'_>) -> Ends {
    let mut found = Ends::default();
    let service = model.scene().inventory.services.get(name);
    for endpoint in service.into_iter().flat_map(|service| &service.endpoints) {
        let mut ports = Allowed::default();
        match endpoint.port {
            Some(port) => ports.insert(endpoint.protocol, port, port),
            None => ports.insert_all(endpoint.protocol),
        }
        let mut ends = of_network(&endpoint.address.into(), model);
        set(&mut ends, &ports);
        found.add(ends);
    }
    found
}

/// The pods behind a Service, at the ports that it sends to.
fn service(
    name: &NamespacedName,
    written: &[PortTerm],
    known: Known<'_>,
    model: &Connectivity<'_>,
) -> Result<Ends, Unclear> {
    let services = known.objects.iter().filter_map(|object| match object {
        Object::Service(service) => Some(service),
        Object::Namespace(_)
        | Object::Node(_)
        | Object::Pod(_)
        | Object::Workload(_)
        | Object::NetworkPolicy(_)
        | Object::ConfigMap(_)
        | Object::EndpointSlice(_)
        | Object::ClusterNetworkPolicy(_)
        | Object::EgressBaseline(_)
        | Object::Route(_) => None,
    });
    let Some(service) = services.into_iter().find(|service| service.metadata.name == *name) else {
        return Err(format!("there is no Service {name} in the manifests"));
    };
    let mut targets = Vec::new();
    for port in &service.ports {
        let is_meant = |term: &PortTerm| match term {
            PortTerm::Numbers(protocol, first, last) => {
                *protocol == port.protocol && (*first..=*last).contains(&port.port.get())
            }
            PortTerm::Name(name, protocol) => {
                port.name.as_ref() == Some(name) && protocol.is_none_or(|protocol| protocol == port.protocol)
            }
        };
        if written.is_empty() || written.iter().any(is_meant) {
            targets.push(match &port.target {
                TargetPort::Number(number) => PortTerm::Numbers(port.protocol, number.get(), number.get()),
                TargetPort::Name(name) => PortTerm::Name(Arc::clone(name), Some(port.protocol)),
            });
        }
    }
    if targets.is_empty() && !service.ports.is_empty() {
        let has: Vec<String> = service.ports.iter().map(|port| format!("{}/{}", port.port, port.protocol)).collect();
        return Err(format!("Service {name} has no such port: it has {}", has.join(", ")));
    }
    if service.selector.is_empty() {
        return if written.is_empty() {
            Ok(of_endpoints(name, model))
        } else {
            Err(format!("Service {name} has no selector: name its endpoints' own addresses and ports"))
        };
    }
    behind(service, &targets, model)
}

fn behind(service: &Service, targets: &[PortTerm], model: &Connectivity<'_>) -> Result<Ends, Unclear> {
    let namespace = &service.metadata.name.namespace;
    let pods =
        workloads(model, |workload| workload.name.namespace == *namespace && has_labels(workload, &service.selector));
    with_ports(pods, targets, model)
}

fn workloads(model: &Connectivity<'_>, is_meant: impl Fn(&Workload) -> bool) -> Ends {
    let entries = model.scene().workloads.entries.iter().enumerate();
    let found = entries.filter(|(_, workload)| is_meant(workload)).map(|(number, _)| (number, every_port()));
    Ends { workloads: found.collect(), ..Ends::default() }
}

fn is_wanted(wanted: &Wanted, workload: &Workload) -> bool {
    let Wanted { kind, namespace, name, labels } = wanted;
    let matches = |pattern: &Option<Pattern>, text: &str| pattern.as_ref().is_none_or(|pattern| pattern.matches(text));
    kind.as_ref().is_none_or(|kind| *kind == workload.kind)
        && matches(namespace, &workload.name.namespace)
        && matches(name, &workload.name.name)
        && has_labels(workload, labels)
}

fn has_labels(workload: &Workload, labels: &Labels) -> bool {
    labels.iter().all(|(key, value)| workload.labels.get(key) == Some(value))
}

/// Gives everybody the ports that are written. A name means what each workload calls so; who calls nothing so goes.
fn with_ports(mut ends: Ends, written: &[PortTerm], model: &Connectivity<'_>) -> Result<Ends, Unclear> {
    if written.is_empty() {
        return Ok(ends);
    }
    let mut numbers = Allowed::default();
    let mut names = Vec::new();
    for term in written {
        match term {
            PortTerm::Numbers(protocol, first, last) => numbers.insert(*protocol, *first, *last),
            PortTerm::Name(name, protocol) => names.push((name, *protocol)),
        }
    }
    set(&mut ends, &numbers);
    for (number, ports) in &mut ends.workloads {
        let Some(workload) = model.scene().workloads.entries.get(*number) else { continue };
        for (name, protocol) in &names {
            *ports = ports.union(&called(workload, name, *protocol)?);
        }
    }
    ends.workloads.retain(|_, ports| !ports.is_nothing());
    ends.nodes.retain(|_, ports| !ports.is_nothing());
    ends.addresses.retain(|(_, ports)| !ports.is_nothing());
    Ok(ends)
}

/// What the pods of a workload call so.
fn called(workload: &Workload, name: &str, protocol: Option<Protocol>) -> Result<Allowed, Unclear> {
    let mut found: Option<Allowed> = None;
    for member in &workload.members {
        let mut ports = Allowed::default();
        for port in member.ports.iter().filter(|port| *port.name == *name) {
            if protocol.is_none_or(|protocol| protocol == port.protocol) {
                ports.insert(port.protocol, port.port, port.port);
            }
        }
        if found.as_ref().is_some_and(|found| *found != ports) {
            return Err(format!("pods of {} call different ports `{name}`: write numbers", workload.name));
        }
        found = Some(ports);
    }
    Ok(found.unwrap_or_default())
}

fn set(ends: &mut Ends, ports: &Allowed) {
    let Ends { workloads, nodes, addresses } = ends;
    workloads.values_mut().chain(nodes.values_mut()).chain(addresses.iter_mut().map(|(_, of)| of)).for_each(|of| {
        *of = ports.clone();
    });
}
