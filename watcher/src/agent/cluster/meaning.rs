//! What an object means: the same as if it stood in a file.

use std::sync::Arc;

use engine::incremental::Change;
use engine::inventory::Inventory;
use policy_lang::baseline;
use policy_lang::cluster_policy;
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::host::MemoryFiles;
use policy_lang::manifest::{self, ConfigMap, EndpointSlice, Object};
use policy_lang::name::NamespacedName;
use policy_lang::network_policy::{self, Strictness};
use policy_lang::policy::{Policy, Tier};
use policy_lang::share::Pool;
use policy_lang::source::{Origin, Sources};

use super::super::event::{Finding, FoundBaseline, FoundHostRules, Soundness};
use super::super::host::reading;
use super::collection::{Collection, Kind};
use super::reduced::Reduced;

/// The key of the main file of host rules in their ConfigMap.
pub(super) const HOST_RULES: &str = "host.ferm";

/// What is to be told of an object.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    /// What it adds to the facts; what it added before and is not among these is gone.
    pub(super) facts: Vec<Change>,
    /// The part of a Service that it is.
    pub(super) service: Option<ServicePart>,
    /// The baseline, if it holds it.
    pub(super) baseline: Option<FoundBaseline>,
    /// The host rules, if it holds them.
    pub(super) host: Option<FoundHostRules>,
    /// What there is to say about it.
    pub(super) findings: Vec<Finding>,
}

/// A Service, or some of what is behind it.
#[derive(Debug)]
pub(super) enum ServicePart {
    /// Its addresses.
    Service(manifest::Service),
    /// Some of its backends.
    Slice(EndpointSlice),
}

/// What an object of a collection means.
pub(super) fn of(collection: &Collection, name: &NamespacedName, reduced: &Reduced, pool: &mut Pool) -> Meaning {
    let mut sources = Sources::default();
    let kind = collection.kind;
    let (objects, diagnostics) = reduced.objects(kind, &format!("{} {name}", kind.name()), &mut sources);
    let mut meaning = Meaning::default();
    meaning.say(diagnostics, &sources);
    let Some(object) = objects.first() else { return meaning };
    match object {
        Object::Pod(pod) => {
            // Told before the pod is.
            let isolated = network_policy::quarantine(pod);
            let isolated = isolated.map(|policy| Policy { name: isolation(&policy.name), ..policy });
            meaning.facts.extend(isolated.map(|policy| fact(policy, pool)));
            let (inventory, _) = Inventory::from_objects_with(&objects, pool);
            meaning.facts.extend(inventory.pods.into_iter().map(|(name, pod)| Change::Pod(name, Some(pod))));
        }
        Object::Namespace(namespace) => {
            let name = pool.text(Arc::clone(&namespace.metadata.name.name));
            meaning.facts.push(Change::Namespace(name, Some(pool.labels(&namespace.metadata.labels))));
        }
        Object::Node(_) => {
            let (inventory, _) = Inventory::from_objects(&objects);
            meaning.facts.extend(inventory.nodes.into_iter().map(|(name, node)| Change::Node(name, Some(node))));
        }
        Object::NetworkPolicy(written) => {
            let (policy, diagnostics) = network_policy::decode(written, &sources, Strictness::Lenient);
            meaning.facts.push(fact(policy, pool));
            meaning.say(diagnostics, &sources);
        }
        Object::ClusterNetworkPolicy(written) => {
            let (policy, diagnostics) = cluster_policy::decode(written, &sources, Strictness::Lenient);
            meaning.facts.push(fact(policy, pool));
            meaning.say(diagnostics, &sources);
        }
        Object::ConfigMap(found) if kind == Kind::HostRules => meaning.host_rules(found),
        Object::ConfigMap(found) => {
            let found = baseline::find(&objects, &found.metadata.name, &sources);
            meaning.say(found.diagnostics, &sources);
            meaning.baseline = Some(FoundBaseline { baseline: found.baseline, texts: found.texts });
        }
        Object::Service(service) => meaning.service = Some(ServicePart::Service(service.clone())),
        Object::EndpointSlice(slice) => meaning.service = Some(ServicePart::Slice(slice.clone())),
        Object::EgressBaseline(_) | Object::Workload(_) | Object::Route(_) => {}
    }
    meaning
}

impl Meaning {
    /// Each key is a file, and these are all the files that there are: nothing that a cluster says reads a node's.
    fn host_rules(&mut self, map: &ConfigMap) {
        let folder = format!("configmap:{}", map.metadata.name);
        let texts = map.data.iter().filter_map(|entry| Some((&entry.key.value, entry.value.text()?)));
        let files =
            texts.fold(MemoryFiles::default(), |files, (key, text)| files.with(&format!("{folder}/{key}"), text));
        let (mut found, diagnostics) = reading::read(&format!("{folder}/{HOST_RULES}"), &files);
        if map.damage.is_some() {
            found.soundness = Soundness::Broken;
        }
        let said = diagnostics.iter().filter(|finding| finding.severity > Severity::Note);
        self.findings.extend(said.map(|finding| Finding::new(finding, &found.sources)));
        self.host = Some(found);
    }

    fn say(&mut self, diagnostics: Vec<Diagnostic>, sources: &Sources) {
        // Notes are about what is quite usual, like a pod that has no address yet.
        let findings = diagnostics.into_iter().filter(|finding| finding.severity > Severity::Note);
        // The line of a text that nobody wrote helps nobody.
        self.findings.extend(findings.map(|finding| Finding { place: None, ..Finding::new(&finding, sources) }));
    }
}

/// The last of which everything that an object of this kind told is taken back.
pub(super) fn gone(kind: Kind, name: &NamespacedName, what: Fact) -> Change {
    match (what, kind) {
        (Fact::Policy(tier), _) => Change::Policy(tier, name.clone(), None),
        (Fact::Isolation, _) => Change::Policy(Tier::NetworkPolicy, isolation(name), None),
        (Fact::Itself, Kind::Namespace) => Change::Namespace(Arc::clone(&name.name), None),
        (Fact::Itself, Kind::Node) => Change::Node(Arc::clone(&name.name), None),
        (Fact::Itself, _) => Change::Pod(name.clone(), None),
    }
}

/// A kind of fact that an object adds; each at most once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fact {
    /// Itself.
    Itself,
    /// A policy that isolates it, because it could not be read.
    Isolation,
    /// A policy of this tier.
    Policy(Tier),
}

/// The facts that one object adds, in four bytes: there may be a hundred thousand objects.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Facts {
    itself: bool,
    isolation: bool,
    policy: Option<Tier>,
}

impl Facts {
    /// Which they are.
    pub(super) fn of(changes: &[Change], kind: Kind) -> Self {
        let mut facts = Self::default();
        for change in changes {
            match Fact::of(change, kind) {
                Fact::Itself => facts.itself = true,
                Fact::Isolation => facts.isolation = true,
                Fact::Policy(tier) => facts.policy = Some(tier),
            }
        }
        facts
    }

    /// Each of them.
    pub(super) fn iter(self) -> impl Iterator<Item = Fact> {
        let Self { itself, isolation, policy } = self;
        let itself = itself.then_some(Fact::Itself);
        let isolation = isolation.then_some(Fact::Isolation);
        itself.into_iter().chain(isolation).chain(policy.map(Fact::Policy))
    }

    /// Those that others have no longer.
    pub(super) fn missing_in(self, later: Self) -> impl Iterator<Item = Fact> {
        self.iter().filter(move |fact| !later.iter().any(|other| other == *fact))
    }
}

impl Fact {
    /// Which one it is.
    fn of(change: &Change, kind: Kind) -> Self {
        match (change, kind) {
            (Change::Policy(..), Kind::Pod) => Self::Isolation,
            (Change::Policy(tier, ..), _) => Self::Policy(*tier),
            (Change::Pod(..) | Change::Namespace(..) | Change::Node(..) | Change::Service(..), _) => Self::Itself,
        }
    }
}

/// What the policy is called that isolates a pod which could not be read: no NetworkPolicy can have this name.
fn isolation(pod: &NamespacedName) -> NamespacedName {
    NamespacedName::new(Arc::clone(&pod.namespace), format!("pod {}", pod.name))
}

/// Objects from an API server have no place: they are known by their names.
fn fact(policy: Policy, pool: &mut Pool) -> Change {
    let mut policy = pool.policy(policy);
    unplace(&mut policy.origin);
    let rules = policy.ingress.iter_mut().chain(&mut policy.egress).flatten();
    rules.for_each(|rule| unplace(&mut rule.origin));
    Change::Policy(policy.tier, policy.name.clone(), Some(policy))
}

fn unplace(origin: &mut Origin) {
    if origin.subject.is_some() {
        origin.place = None;
    }
}
