//! What the sources told, and the ruleset that it makes.
//!
//! Invariant: the ruleset is always that of the newest facts when it is asked for. Changes wait until then, and of two
//! of one object only the later one counts.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use engine::compile::failsafe::Failsafes;
use engine::compile::marker::SourceRecord;
use engine::compile::options::{Pause, PodOptions};
use engine::compile::{ForwardMode, HostInput};
use engine::incremental::{Applied, Change, ElementDelta, Incremental, Surroundings};
use engine::inventory::{Inventory, Pod};
use engine::limits::OVER_BUDGET;
use engine::plan::Round;
use engine::ruleset::{Name, Ruleset};
use policy_lang::diagnostic::Severity;
use policy_lang::name::{Labels, NamespacedName};
use policy_lang::policy::{Policy, Tier};
use policy_lang::source::Sources;

use super::event::{Finding, FoundHostRules};
use super::host::reading::{closed, is_closed};
use crate::source::is_of_baseline;

/// From so many changes on, compiling everything once costs less than following each.
const FOLLOWED_MAX: usize = 64;

/// So many changes wait for the first compile, which may be held up for long.
const WAITING_MAX: usize = 10_000;

/// What is the same for as long as the agent runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node that the ruleset is for.
    pub node: String,
    /// How pod policy and the host's FORWARD rules meet.
    pub forward: ForwardMode,
    /// How pod policy is enforced.
    pub pods: PodOptions,
    /// What host rules cannot cut.
    pub failsafes: Failsafes,
    /// What the ruleset says that it was built from.
    pub records: Vec<SourceRecord>,
}

/// Everything that is enforced, but for what is the same all the time.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Policies of every tier but the baseline's.
    pub policies: Vec<Policy>,
    /// The cluster.
    pub inventory: Inventory,
    /// The policies of the baseline.
    pub baseline: Vec<Policy>,
    /// The host rules of every source together.
    pub host: Option<Arc<FoundHostRules>>,
}

/// The facts without a copy of them, and without host rules.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Policies of every tier; those of the baseline may be among them.
    pub policies: &'a [Policy],
    /// The cluster.
    pub inventory: &'a Inventory,
    /// The policies of the baseline.
    pub baseline: &'a [Policy],
}

/// What has to be done in the kernel for the ruleset to be in force.
#[derive(Clone, Debug)]
pub enum Delta {
    /// Nothing.
    None,
    /// These elements, as one batch.
    Elements(Round),
    /// To compare and to plan.
    Structure,
}

/// Facts and ruleset.
#[derive(Debug)]
pub struct World {
    settings: Settings,
    /// What waits, in the order in which it was told.
    waiting: Vec<Change>,
    /// As told, until the first compile; then only baseline and host rules are of this.
    facts: Facts,
    /// Why other host rules are enforced than these facts say.
    pub host_fault: Option<String>,
    compiled: Option<Incremental>,
    /// Baseline or host rules are others than were compiled.
    is_replaced: bool,
}

impl World {
    /// A world of which nothing is known.
    pub fn new(settings: Settings) -> Self {
        Self::of(settings, Facts::default())
    }

    /// A world that is known.
    pub fn of(settings: Settings, facts: Facts) -> Self {
        Self { settings, waiting: Vec::new(), host_fault: None, facts, compiled: None, is_replaced: false }
    }

    /// These objects came, changed or went.
    pub fn change(&mut self, changes: Vec<Change>) {
        self.waiting.extend(changes);
        // As long as nothing may be compiled, the same objects may change again and again.
        if self.compiled.is_none() && self.waiting.len() > WAITING_MAX {
            self.settle();
        }
    }

    /// The baseline is now this.
    pub fn set_baseline(&mut self, policies: Vec<Policy>) {
        self.is_replaced |= self.facts.baseline != policies;
        self.facts.baseline = policies;
    }

    /// The host rules are now these.
    pub fn set_host(&mut self, host: Option<Arc<FoundHostRules>>) {
        self.host_fault = None;
        self.facts.host = host;
        self.is_replaced = true;
    }

    /// Denials are lifted by these pauses now.
    pub fn set_pauses(&mut self, pauses: Vec<Pause>) {
        self.is_replaced |= self.settings.pods.observe.pauses != pauses;
        self.settings.pods.observe.pauses = pauses;
    }

    /// How many changes wait.
    #[cfg(test)]
    pub(super) fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Brings the ruleset up to date.
    pub fn update(&mut self) -> Delta {
        if self.compiled.is_none() || self.is_replaced || self.waiting.len() > FOLLOWED_MAX {
            self.rebuild();
            return Delta::Structure;
        }
        let waiting = latest(std::mem::take(&mut self.waiting));
        let waiting = self.with_namespaces(waiting);
        let Self { compiled: Some(compiled), settings, facts, .. } = self else { return Delta::None };
        let host = facts.host.clone();
        let mut all: Option<BTreeMap<Name, ElementDelta>> = Some(BTreeMap::new());
        for change in waiting {
            match (compiled.apply(change, surroundings(settings, host.as_deref())), &mut all) {
                (Applied::Elements(deltas), Some(all)) => follow(all, deltas),
                (Applied::Elements(_) | Applied::Structure, None) => {}
                (Applied::Structure, Some(_)) => all = None,
            }
        }
        match all {
            None => Delta::Structure,
            Some(all) if all.is_empty() => Delta::None,
            Some(all) => Delta::Elements(compiled.round(&all)),
        }
    }

    /// The ruleset, once something was compiled.
    pub fn ruleset(&self) -> Option<&Ruleset> {
        self.compiled.as_ref().map(Incremental::ruleset)
    }

    /// What the last compile had to say about the facts.
    pub fn findings(&self) -> Vec<Finding> {
        let nothing_read = Sources::default();
        // Only host rules are read by then; whatever else is found knows its place.
        let sources = self.facts.host.as_ref().map_or(&nothing_read, |host| &host.sources);
        let diagnostics = self.compiled.as_ref().map(Incremental::diagnostics).unwrap_or_default();
        diagnostics.iter().map(|diagnostic| Finding::new(diagnostic, sources)).collect()
    }

    /// How many namespaces ask for more than they may have.
    pub fn n_over_budget(&self) -> usize {
        let diagnostics = self.compiled.as_ref().map(Incremental::diagnostics).unwrap_or_default();
        let exceeded = diagnostics.iter().filter(|diagnostic| diagnostic.code == OVER_BUDGET);
        exceeded.filter_map(|diagnostic| Some(&diagnostic.object.as_ref()?.namespace)).collect::<BTreeSet<_>>().len()
    }

    /// The facts that the ruleset was compiled from, policies of the baseline among them.
    pub fn compiled_facts(&self) -> Option<(&[Policy], &Inventory)> {
        self.compiled.as_ref().map(Incremental::facts)
    }

    /// The pods of this node that the ruleset was compiled for.
    pub fn local_pods(&self) -> impl Iterator<Item = (&NamespacedName, &Pod)> {
        self.compiled.iter().flat_map(Incremental::local_pods)
    }

    /// What is the same all the time.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A copy of the facts that are told by now.
    pub fn facts(&mut self) -> Facts {
        let Some(compiled) = &self.compiled else {
            self.settle();
            return self.facts.clone();
        };
        let (policies, inventory) = compiled.facts();
        let policies = policies.iter().filter(|policy| !is_of_baseline(policy.tier)).cloned().collect();
        let inventory = inventory.clone();
        let waiting = self.with_namespaces(latest(self.waiting.clone()));
        let mut facts = Facts { policies, inventory, ..self.facts.clone() };
        carry_out(&mut facts, waiting);
        facts
    }

    /// The facts that the ruleset is of; before the first, those that are told by now.
    pub fn told(&mut self) -> Told<'_> {
        if self.compiled.is_none() {
            self.settle();
        }
        let of_facts = (self.facts.policies.as_slice(), &self.facts.inventory);
        let (policies, inventory) = self.compiled.as_ref().map_or(of_facts, Incremental::facts);
        Told { policies, inventory, baseline: &self.facts.baseline }
    }

    /// Has what waits among the facts that are not compiled yet.
    fn settle(&mut self) {
        let waiting = latest(std::mem::take(&mut self.waiting));
        let waiting = self.with_namespaces(waiting);
        carry_out(&mut self.facts, waiting);
    }

    /// Puts the namespace before the first pod of it, if that is told first: without one no policy of the whole cluster
    /// would bind the pod. It is assumed to have its name label only, until it is told.
    fn with_namespaces(&self, waiting: Vec<Change>) -> Vec<Change> {
        let known = match &self.compiled {
            Some(compiled) => &compiled.facts().1.namespaces,
            None => &self.facts.inventory.namespaces,
        };
        let told = waiting.iter().filter_map(|change| match change {
            Change::Namespace(name, Some(_)) => Some(Arc::clone(name)),
            Change::Namespace(..) | Change::Pod(..) | Change::Node(..) | Change::Service(..) | Change::Policy(..) => {
                None
            }
        });
        let mut told: HashSet<Arc<str>> = told.collect();
        let mut all = Vec::with_capacity(waiting.len());
        for change in waiting {
            if let Change::Pod(NamespacedName { namespace, .. }, Some(_)) = &change
                && !known.contains_key(namespace)
                && told.insert(Arc::clone(namespace))
            {
                all.push(Change::Namespace(Arc::clone(namespace), Some(Labels::of_namespace(namespace))));
            }
            all.push(change);
        }
        all
    }

    /// Compiles everything. The facts are moved and not copied: there may be a hundred thousand pods.
    fn rebuild(&mut self) {
        if let Some(compiled) = self.compiled.take() {
            (self.facts.policies, self.facts.inventory) = compiled.into_facts();
            self.facts.policies.retain(|policy| !is_of_baseline(policy.tier));
        }
        self.settle();
        self.is_replaced = false;
        let mut policies = std::mem::take(&mut self.facts.policies);
        policies.extend(self.facts.baseline.iter().cloned());
        let mut inventory = std::mem::take(&mut self.facts.inventory);
        loop {
            let surroundings = surroundings(&self.settings, self.facts.host.as_deref());
            let compiled = Incremental::new(policies, inventory, surroundings);
            let error = compiled.diagnostics().iter().find(|finding| finding.severity == Severity::Error);
            let is_host = self.facts.host.as_ref().is_some_and(|host| !is_closed(host));
            // Only words of host rules are errors here.
            let Some(error) = error.filter(|_| is_host).map(|finding| finding.message.clone()) else {
                self.compiled = Some(compiled);
                break;
            };
            (policies, inventory) = compiled.into_facts();
            // Who told of them has looked for these, but what was kept may have been written for another machine.
            self.host_fault = Some(format!("the host rules are broken, and nothing new comes in to the node: {error}"));
            self.facts.host = Some(Arc::new(closed()));
        }
    }
}

fn surroundings<'a>(settings: &'a Settings, host: Option<&'a FoundHostRules>) -> Surroundings<'a> {
    let Settings { node, forward, pods, failsafes, records } = settings;
    let host = host.map(|host| {
        let FoundHostRules { rules, names, sources, .. } = host;
        HostInput { rules, names, sources, failsafes }
    });
    Surroundings { host, node, forward_mode: *forward, pods, sources: records }
}

/// What a change is about.
#[derive(Eq, Hash, PartialEq)]
enum About {
    Pod(NamespacedName),
    Namespace(Arc<str>),
    Node(Arc<str>),
    Service(NamespacedName),
    Policy(Tier, NamespacedName),
}

fn about(change: &Change) -> About {
    match change {
        Change::Pod(name, _) => About::Pod(name.clone()),
        Change::Namespace(name, _) => About::Namespace(Arc::clone(name)),
        Change::Node(name, _) => About::Node(Arc::clone(name)),
        Change::Service(name, _) => About::Service(name.clone()),
        Change::Policy(tier, name, _) => About::Policy(*tier, name.clone()),
    }
}

/// The last change of each object, in order.
fn latest(changes: Vec<Change>) -> Vec<Change> {
    let mut seen = HashSet::new();
    let mut kept: Vec<Change> = changes.into_iter().rev().filter(|change| seen.insert(about(change))).collect();
    kept.reverse();
    kept
}

fn carry_out(facts: &mut Facts, changes: Vec<Change>) {
    let replaced: BTreeSet<(Tier, NamespacedName)> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Policy(tier, name, _) => Some((*tier, name.clone())),
            Change::Pod(..) | Change::Namespace(..) | Change::Node(..) | Change::Service(..) => None,
        })
        .collect();
    facts.policies.retain(|policy| !replaced.contains(&(policy.tier, policy.name.clone())));
    let inventory = &mut facts.inventory;
    for change in changes {
        match change {
            Change::Pod(name, pod) => put(&mut inventory.pods, name, pod),
            Change::Namespace(name, labels) => put(&mut inventory.namespaces, name, labels),
            Change::Node(name, node) => put(&mut inventory.nodes, name, node),
            Change::Service(name, service) => put(&mut inventory.services, name, service),
            Change::Policy(_, _, policy) => facts.policies.extend(policy),
        }
    }
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

/// Adds what changed later to what changed before: what came and went again is no change.
fn follow(all: &mut BTreeMap<Name, ElementDelta>, later: BTreeMap<Name, ElementDelta>) {
    for (name, ElementDelta { removed, added }) in later {
        let before = all.entry(name).or_default();
        for element in removed {
            match before.added.iter().position(|known| *known == element) {
                Some(at) => drop(before.added.swap_remove(at)),
                None => before.removed.push(element),
            }
        }
        for element in added {
            match before.removed.iter().position(|known| *known == element) {
                Some(at) => drop(before.removed.swap_remove(at)),
                None => before.added.push(element),
            }
        }
    }
    all.retain(|_, delta| *delta != ElementDelta::default());
}

#[cfg(test)]
mod tests {
    use engine::ruleset::{DataType, Datum, Element, ElementKey};

    use super::*;

    #[test]
    fn what_comes_and_goes_within_a_batch_is_no_change() {
        let name = Name::ours("sel4");
        let element = |number| (ElementKey::values([Datum::number(DataType::Mark, number)]), Element::PLAIN);
        let delta = |removed: &[u32], added: &[u32]| {
            let of = |numbers: &[u32]| numbers.iter().map(|number| element(*number)).collect();
            BTreeMap::from([(name.clone(), ElementDelta { removed: of(removed), added: of(added) })])
        };
        let mut all = BTreeMap::new();
        for later in [delta(&[1], &[2]), delta(&[2, 3], &[1]), delta(&[], &[4])] {
            follow(&mut all, later);
        }
        assert_eq!(all, delta(&[3], &[4]));
        follow(&mut all, delta(&[4], &[3]));
        assert_eq!(all, BTreeMap::new());
    }
}
