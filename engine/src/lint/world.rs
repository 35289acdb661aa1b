//! Everything that rules look at, gathered once.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use policy_lang::diagnostic::{Diagnostic, ObjectRef};
use policy_lang::manifest::route::Route;
use policy_lang::manifest::{self, ContainerPort, Object, Phase, PodNetwork};
use policy_lang::name::{Labels, NamespacedName};
use policy_lang::network_policy;
use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::policy::{Direction, Policy, Tier};
use policy_lang::selector::Selector;
use policy_lang::source::{Origin, Sources, Span};

use super::documents::Documents;
use super::environment::Environment;
use super::operated;
use super::reading::{ip_block_mixed, misplaced_field};
use super::written::{self, Written, reference};

/// The input, parsed and indexed.
#[derive(Debug)]
pub(crate) struct World<'a> {
    /// The objects, each once.
    pub(crate) objects: &'a [Object],
    pub(crate) sources: &'a Sources,
    /// What was written, where a rule needs more than was kept.
    pub(crate) documents: Documents,
    /// Namespaces with pods that no manifest describes, and what makes them.
    operated: OnceCell<BTreeMap<Arc<str>, String>>,
    pub(crate) environment: &'a Environment,
    /// Policies of the baseline and `ClusterNetworkPolicies`, in the order in which they are asked.
    pub(crate) upper: &'a [Policy],
    /// Namespaces by name, those without an object included.
    pub(crate) namespaces: BTreeMap<Arc<str>, Namespace>,
    /// Workloads that policy binds, those alike together; sorted by namespace.
    pub(crate) classes: Vec<Class<'a>>,
    /// Workloads on the network of their node.
    pub(crate) on_host: Vec<Workload<'a>>,
    /// The `NetworkPolicies` that can be read.
    pub(crate) policies: Vec<Written<'a>>,
    /// Namespaces with a `NetworkPolicy` that cannot be read.
    pub(crate) broken: BTreeSet<Arc<str>>,
    /// The Services, by namespace.
    pub(crate) services: BTreeMap<&'a Arc<str>, Vec<&'a manifest::Service>>,
    /// Ingresses and HTTPRoutes.
    pub(crate) routes: Vec<&'a Route>,
    /// One address of pods or blocks of each family that they have.
    pub(crate) addresses: Vec<IpAddr>,
    /// For each class the policies that select it, as indexes.
    selecting: Vec<Vec<u32>>,
    selections: RefCell<HashMap<PodSelector, Rc<[u32]>>>,
    /// For selectors of namespaces the runs of classes in those that they select.
    runs: RefCell<HashMap<Selector, Rc<[Range<usize>]>>>,
}

/// A namespace.
#[derive(Debug)]
pub(crate) struct Namespace {
    pub(crate) labels: Labels,
    /// Whether there is an object of it.
    pub(crate) written: Option<Span>,
}

/// Something that has pods.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload<'a> {
    pub(crate) kind: &'static str,
    pub(crate) name: &'a NamespacedName,
    pub(crate) labels: &'a Labels,
    pub(crate) ports: &'a [ContainerPort],
    pub(crate) span: Option<Span>,
}

/// Workloads that no policy can tell apart: of one namespace, with the same labels and ports.
#[derive(Debug)]
pub(crate) struct Class<'a> {
    pub(crate) namespace: &'a Arc<str>,
    pub(crate) labels: &'a Labels,
    pub(crate) ports: &'a [ContainerPort],
    pub(crate) members: Vec<Workload<'a>>,
}

impl<'a> World<'a> {
    /// Gathers objects; what is found on the way is about `NetworkPolicies` that cannot be read.
    pub(crate) fn new(
        objects: &'a [Object],
        sources: &'a Sources,
        upper: &'a [Policy],
        environment: &'a Environment,
    ) -> (Self, Vec<Diagnostic>) {
        let (workloads, on_host) = workloads(objects);
        let mut world = Self {
            objects,
            sources,
            documents: Documents::default(),
            operated: OnceCell::new(),
            environment,
            upper,
            namespaces: namespaces(objects),
            classes: classes(workloads),
            on_host,
            policies: Vec::new(),
            broken: BTreeSet::new(),
            services: BTreeMap::new(),
            routes: Vec::new(),
            addresses: addresses(objects),
            selecting: Vec::new(),
            selections: RefCell::default(),
            runs: RefCell::default(),
        };
        let mut found = Vec::new();
        for object in objects {
            match object {
                Object::NetworkPolicy(policy) => {
                    let (spec, mut diagnostics) =
                        network_policy::read(policy, sources, network_policy::Strictness::Lenient);
                    written::state_selector(policy, &mut diagnostics, sources);
                    misplaced_field::mend(policy, &mut diagnostics, sources);
                    ip_block_mixed::mend(policy, &mut diagnostics, sources);
                    found.extend(diagnostics);
                    if spec.breakage.is_some() {
                        world.broken.insert(Arc::clone(&policy.metadata.name.namespace));
                        continue;
                    }
                    let subject = Written::subject_of(policy, &spec);
                    let selected = world.select(&subject);
                    world.policies.push(Written { object: policy, spec, subject, selected });
                }
                Object::Service(service) => {
                    world.services.entry(&service.metadata.name.namespace).or_default().push(service);
                }
                Object::Route(route) => world.routes.push(route),
                Object::Namespace(_)
                | Object::Node(_)
                | Object::Pod(_)
                | Object::ConfigMap(_)
                | Object::EndpointSlice(_)
                | Object::ClusterNetworkPolicy(_)
                | Object::EgressBaseline(_)
                | Object::Workload(_) => {}
            }
        }
        let blocks = world.policies.iter().flat_map(|policy| policy.spec.ingress.iter().chain(&policy.spec.egress));
        for peer in blocks.flat_map(|rule| &rule.peers) {
            if let Peer::Addresses { cidr, .. } = &peer.value {
                note_family(&mut world.addresses, cidr.addr());
            }
        }
        world.selecting = vec![Vec::new(); world.classes.len()];
        for (policy, index) in world.policies.iter().zip(0..) {
            for class in policy.selected.iter() {
                if let Some(selecting) = world.selecting.get_mut(*class as usize) {
                    selecting.push(index);
                }
            }
        }
        (world, found)
    }

    /// The classes that a selector selects, as indexes, ascending.
    pub(crate) fn select(&self, selector: &PodSelector) -> Rc<[u32]> {
        if let Some(known) = self.selections.borrow().get(selector) {
            return Rc::clone(known);
        }
        let in_run = |run: &Range<usize>| {
            let candidates = self.classes.get(run.clone()).unwrap_or_default();
            let selected = candidates.iter().zip(run.start..).filter(|(class, _)| selector.pods.matches(class.labels));
            selected.map(|(_, index)| u32::try_from(index).unwrap_or(u32::MAX)).collect::<Vec<_>>()
        };
        let selected: Rc<[u32]> = match &selector.namespaces {
            Namespaces::Named(name) => in_run(&self.range(name)).into(),
            Namespaces::Matching(namespaces) => self.runs(namespaces).iter().flat_map(in_run).collect(),
        };
        self.selections.borrow_mut().insert(selector.clone(), Rc::clone(&selected));
        selected
    }

    /// Whether a selector selects one class, without looking for all that it selects.
    pub(crate) fn selects(&self, selector: &PodSelector, class: u32) -> bool {
        self.class(class).is_some_and(|class| {
            self.selects_namespace(&selector.namespaces, class.namespace) && selector.pods.matches(class.labels)
        })
    }

    /// Where the classes are of the namespaces that a selector selects, ascending.
    fn runs(&self, selector: &Selector) -> Rc<[Range<usize>]> {
        if let Some(known) = self.runs.borrow().get(selector) {
            return Rc::clone(known);
        }
        let meant = self.namespaces.iter().filter(|(_, known)| selector.matches(&known.labels));
        let runs: Rc<[Range<usize>]> = meant.map(|(name, _)| self.range(name)).collect();
        self.runs.borrow_mut().insert(selector.clone(), Rc::clone(&runs));
        runs
    }

    /// Whether a namespace is among those meant. One that is not known matches nothing (sem-30).
    pub(crate) fn selects_namespace(&self, namespaces: &Namespaces, namespace: &Arc<str>) -> bool {
        match namespaces {
            Namespaces::Named(name) => name == namespace,
            Namespaces::Matching(selector) => {
                self.namespaces.get(namespace).is_some_and(|known| selector.matches(&known.labels))
            }
        }
    }

    pub(crate) fn class(&self, index: u32) -> Option<&Class<'a>> {
        self.classes.get(index as usize)
    }

    /// The classes with these indexes.
    pub(crate) fn classes_of<'s>(&'s self, indexes: &'s [u32]) -> impl Iterator<Item = &'s Class<'a>> {
        indexes.iter().filter_map(|index| self.class(*index))
    }

    /// The classes of a namespace, with their indexes.
    pub(crate) fn in_namespace(&self, namespace: &Arc<str>) -> impl Iterator<Item = (u32, &Class<'a>)> {
        let range = self.range(namespace);
        let first = u32::try_from(range.start).unwrap_or(u32::MAX);
        (first..).zip(self.classes.get(range).unwrap_or_default())
    }

    /// The line of the text that something was written in.
    pub(crate) fn place(&self, origin: &Origin) -> Option<Span> {
        let place = origin.place.as_ref()?;
        self.sources.span_of_line(&place.path, place.line)
    }

    /// How many workloads these classes have.
    pub(crate) fn n_workloads(&self, indexes: &[u32]) -> usize {
        self.classes_of(indexes).map(|class| class.members.len()).sum()
    }

    /// Whether a namespace has workloads in the input: without any, what matches nothing here may do so elsewhere.
    pub(crate) fn has_workloads(&self, namespace: &Arc<str>) -> bool {
        !self.range(namespace).is_empty() || self.on_host.iter().any(|workload| workload.name.namespace == *namespace)
    }

    /// Whether the workloads of a namespace are known: there are some, and nothing makes others.
    pub(crate) fn knows_workloads(&self, namespace: &Arc<str>) -> bool {
        self.has_workloads(namespace) && self.maker(namespace).is_none()
    }

    /// The kind of an object that makes pods in a namespace, of which no manifest tells.
    fn maker(&self, namespace: &Arc<str>) -> Option<&String> {
        self.operated.get_or_init(|| operated::namespaces(&self.documents, self.sources)).get(namespace)
    }

    /// The policies that select a class.
    pub(crate) fn selecting(&self, class: u32) -> impl Iterator<Item = &Written<'a>> {
        let indexes = self.selecting.get(class as usize).map(Vec::as_slice).unwrap_or_default();
        indexes.iter().filter_map(|index| self.policies.get(*index as usize))
    }

    /// Those of them that isolate it in a direction.
    pub(crate) fn isolating(&self, class: u32, direction: Direction) -> impl Iterator<Item = &Written<'a>> {
        self.selecting(class).filter(move |policy| policy.spec.isolates(direction))
    }

    /// The policies of one tier that stand above or below `NetworkPolicies`.
    pub(crate) fn tier(&self, tier: Tier) -> impl Iterator<Item = &'a Policy> {
        self.upper.iter().filter(move |policy| policy.tier == tier)
    }

    /// `3 workloads in the input`, for findings about what is not there.
    pub(crate) fn looked_at(&self, namespace: &Arc<str>) -> String {
        let range = self.range(namespace);
        let workloads: usize =
            self.classes.get(range).unwrap_or_default().iter().map(|class| class.members.len()).sum();
        let maker = self.maker(namespace).map(|kind| format!(", and a {kind}, which makes pods of its own"));
        let looked_at = match workloads {
            0 => format!("the input has no workload in namespace {namespace}"),
            1 => format!("the input has 1 workload in namespace {namespace}"),
            workloads => format!("the input has {workloads} workloads in namespace {namespace}"),
        };
        looked_at + &maker.unwrap_or_default()
    }

    fn range(&self, namespace: &Arc<str>) -> Range<usize> {
        let start = self.classes.partition_point(|class| class.namespace < namespace);
        let end = self.classes.partition_point(|class| class.namespace <= namespace);
        start..end
    }
}

impl Workload<'_> {
    /// For findings.
    pub(crate) fn reference(&self) -> ObjectRef {
        reference(self.kind, self.name)
    }
}

impl Class<'_> {
    /// The first of them, for messages.
    pub(crate) fn example(&self) -> String {
        let name = self.members.first().map_or_else(String::new, |workload| workload.name.to_string());
        match self.members.len() {
            0 | 1 => name,
            more => format!("{name} and {} like it", more - 1),
        }
    }
}

/// `shop/web, shop/api and 3 more`.
pub(crate) fn listed<'n>(names: impl IntoIterator<Item = String> + 'n) -> String {
    const SHOWN: usize = 3;
    let names: Vec<String> = names.into_iter().collect();
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What policy binds, and what is on the network of its node. Of a workload whose pods, or whose maker of pods, are in
/// the input as well, those speak.
fn workloads(objects: &[Object]) -> (Vec<Workload<'_>>, Vec<Workload<'_>>) {
    let owners = owners(objects);
    let (mut own, mut on_host) = (Vec::new(), Vec::new());
    for object in objects {
        let (workload, network) = match object {
            Object::Pod(pod) if pod.damage.is_none() && !has_ended(pod) => {
                let manifest::Metadata { name, labels, span, .. } = &pod.metadata;
                (Workload { kind: "Pod", name, labels, ports: &pod.ports, span: *span }, pod.network)
            }
            Object::Workload(made) if made.damage.is_none() => {
                let manifest::Metadata { name, span, .. } = &made.metadata;
                let kind = made.kind.name();
                if owners.contains(&(&name.namespace, kind, &name.name)) {
                    continue;
                }
                let template = &made.template;
                let workload = Workload { kind, name, labels: &template.labels, ports: &template.ports, span: *span };
                (workload, template.network)
            }
            Object::Pod(_)
            | Object::Workload(_)
            | Object::Namespace(_)
            | Object::Node(_)
            | Object::NetworkPolicy(_)
            | Object::ConfigMap(_)
            | Object::Service(_)
            | Object::EndpointSlice(_)
            | Object::ClusterNetworkPolicy(_)
            | Object::EgressBaseline(_)
            | Object::Route(_) => continue,
        };
        match network {
            PodNetwork::Own => own.push(workload),
            PodNetwork::Host => on_host.push(workload),
        }
    }
    (own, on_host)
}

/// Namespace, kind and name of whatever made something in the input.
fn owners(objects: &[Object]) -> BTreeSet<(&Arc<str>, &str, &Arc<str>)> {
    objects
        .iter()
        .filter_map(|object| match object {
            Object::Pod(pod) if !has_ended(pod) => Some((&pod.metadata.name.namespace, pod.owner.as_ref()?)),
            Object::Workload(made) => Some((&made.metadata.name.namespace, made.owner.as_ref()?)),
            Object::Pod(_)
            | Object::Namespace(_)
            | Object::Node(_)
            | Object::NetworkPolicy(_)
            | Object::ConfigMap(_)
            | Object::Service(_)
            | Object::EndpointSlice(_)
            | Object::ClusterNetworkPolicy(_)
            | Object::EgressBaseline(_)
            | Object::Route(_) => None,
        })
        .map(|(namespace, owner)| (namespace, owner.kind.as_ref(), &owner.name))
        .collect()
}

/// Whether its addresses belong to it no longer.
fn has_ended(pod: &manifest::Pod) -> bool {
    match pod.phase {
        Phase::Succeeded | Phase::Failed => true,
        Phase::Pending | Phase::Running | Phase::Unknown => false,
    }
}

fn classes(mut workloads: Vec<Workload<'_>>) -> Vec<Class<'_>> {
    workloads.sort_by(|a, b| {
        (&a.name.namespace, a.labels, a.ports, a.name).cmp(&(&b.name.namespace, b.labels, b.ports, b.name))
    });
    let alike = |a: &Workload<'_>, b: &Workload<'_>| {
        (&a.name.namespace, a.labels, a.ports) == (&b.name.namespace, b.labels, b.ports)
    };
    workloads
        .chunk_by(alike)
        .filter_map(|members| {
            let Workload { name, labels, ports, .. } = members.first()?;
            Some(Class { namespace: &name.namespace, labels, ports, members: members.to_vec() })
        })
        .collect()
}

fn addresses(objects: &[Object]) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for object in objects {
        let Object::Pod(pod) = object else { continue };
        for address in &pod.addresses {
            note_family(&mut found, *address);
        }
    }
    found
}

fn note_family(found: &mut Vec<IpAddr>, address: IpAddr) {
    if !found.iter().any(|known| known.is_ipv4() == address.is_ipv4()) {
        found.push(address);
    }
}

fn namespaces(objects: &[Object]) -> BTreeMap<Arc<str>, Namespace> {
    let mut namespaces = BTreeMap::new();
    for object in objects {
        if let Object::Namespace(namespace) = object {
            let manifest::Metadata { name, labels, span, .. } = &namespace.metadata;
            let known = Namespace { labels: labels.clone(), written: *span };
            namespaces.insert(Arc::clone(&name.name), known);
        }
    }
    for metadata in objects.iter().filter_map(Object::metadata) {
        let name = &metadata.name.namespace;
        if !name.is_empty() && !namespaces.contains_key(name) {
            let assumed = Namespace { labels: Labels::of_namespace(name), written: None };
            namespaces.insert(Arc::clone(name), assumed);
        }
    }
    namespaces
}
