//! Whom workloads are open to that the input does not define: a pod is made up for every selector that selects nobody,
//! and one that nothing is known of, and the map is asked about them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::connectivity::{Allowed, Connectivity, Options, Scene};
use engine::inventory::Inventory;
use engine::workloads::{Member, Variant, Workload, Workloads};
use policy_lang::name::{Labels, NAMESPACE_NAME_LABEL, NamespacedName};
use policy_lang::peer::{Namespaces, Peer as PolicyPeer, PodSelector};
use policy_lang::policy::{Direction, Peers, Policy};
use policy_lang::selector::{Operator, Selector};
use policy_lang::source::Origin;

use super::{Certainty, Peer, Shown, peer};

/// What a workload may do with pods that the input does not define.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exposure {
    /// The workload.
    pub workload: Peer,
    /// Whether they may open connections to it (ingress) or it to them (egress).
    pub direction: Direction,
    /// Who they are.
    pub stranger: Stranger,
    /// Whether it hangs on their addresses.
    pub certainty: Certainty,
    /// What is permitted.
    pub set: Allowed,
    /// The same in words.
    pub shown: Shown,
}

/// A pod that the input does not define.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Stranger {
    /// Its namespace by name, or by what is known of its labels; `*` where nothing is.
    pub namespaces: String,
    /// What is known of its labels; `*` where nothing is.
    pub pods: String,
}

/// No server takes such a name, so no namespace of an input has it.
const NOWHERE: &str = "*";

/// The exposure of every workload, sorted by workload, direction and stranger. What any pod at all may do is told once,
/// and not again of those that a selector asks for.
pub fn exposure(scene: Scene<'_>) -> Vec<Exposure> {
    let made_up = made_up(&scene);
    let mut inventory = scene.inventory.clone();
    let mut entries = scene.workloads.entries.clone();
    let first = entries.len();
    for (number, MadeUp { stranger: _, namespace, labels }) in made_up.iter().enumerate() {
        let name = NamespacedName::new(Arc::clone(&namespace.0), format!("{NOWHERE}{number}"));
        inventory.namespaces.entry(Arc::clone(&namespace.0)).or_insert_with(|| namespace.1.clone());
        entries.push(Workload {
            name,
            kind: NOWHERE.into(),
            labels: labels.clone(),
            variant: Variant::Only,
            members: vec![Member::default()],
            origin: Origin::default(),
        });
    }
    let workloads = Workloads { entries, services: scene.workloads.services.clone() };
    ask(scene.policies, &inventory, &workloads, scene.options, &made_up, first)
}

fn ask(
    policies: &[Policy],
    inventory: &Inventory,
    workloads: &Workloads,
    options: &Options,
    made_up: &[MadeUp],
    first: usize,
) -> Vec<Exposure> {
    let mut model = Connectivity::new(Scene { policies, inventory, workloads, options });
    let mut found = BTreeMap::new();
    for from in 0..workloads.entries.len() {
        for link in model.links(from) {
            let (known, stranger, direction) = match (from.checked_sub(first), link.to.checked_sub(first)) {
                (None, Some(stranger)) => (from, stranger, Direction::Egress),
                (Some(stranger), None) => (link.to, stranger, Direction::Ingress),
                (None, None) | (Some(_), Some(_)) => continue,
            };
            found.insert((known, direction, stranger), link.ends);
        }
    }
    let mut told = Vec::new();
    for ((known, direction, stranger), ends) in &found {
        // The first one is the pod that nothing is known of.
        let anybody = found.get(&(*known, *direction, 0));
        if *stranger > 0 && anybody.is_some_and(|anybody| anybody == ends) {
            continue;
        }
        let (Some(workload), Some(MadeUp { stranger, .. })) = (workloads.entries.get(*known), made_up.get(*stranger))
        else {
            continue;
        };
        let sets = [
            (ends.certain, Certainty::Certain, true),
            (ends.possible, Certainty::DependsOnPodAddress, ends.hangs_on_addresses()),
        ];
        for (id, certainty, _) in sets.into_iter().filter(|(_, _, is_told)| *is_told) {
            let set = model.allowed(id).clone();
            let Some(shown) = Shown::of(&set) else { continue };
            told.push(Exposure {
                workload: peer(workload),
                direction: *direction,
                stranger: stranger.clone(),
                certainty,
                set,
                shown,
            });
        }
    }
    told
}

/// A pod that is made up, in a namespace with these labels.
struct MadeUp {
    stranger: Stranger,
    namespace: (Arc<str>, Labels),
    labels: Labels,
}

fn made_up(scene: &Scene<'_>) -> Vec<MadeUp> {
    let nowhere: Arc<str> = NOWHERE.into();
    let anybody = Stranger { namespaces: NOWHERE.into(), pods: NOWHERE.into() };
    let labels = Labels::of_namespace(&nowhere);
    let mut found = vec![MadeUp { stranger: anybody, namespace: (nowhere, labels), labels: Labels::new() }];
    let peers = scene.policies.iter().flat_map(|policy| policy.ingress.iter().chain(&policy.egress).flatten());
    let peers = peers.filter_map(|rule| match &rule.peers {
        Peers::Any => None,
        Peers::AnyOf(peers) => Some(peers),
    });
    let selectors: BTreeSet<&PodSelector> = peers
        .flatten()
        .filter_map(|peer| match peer {
            PolicyPeer::Pods(selector) => Some(selector),
            PolicyPeer::Addresses { .. } | PolicyPeer::Nodes(_) | PolicyPeer::Service { .. } => None,
        })
        .collect();
    for (number, selector) in selectors.into_iter().filter(|selector| selects_nobody(scene, selector)).enumerate() {
        let Some(labels) = satisfying(&selector.pods) else { continue };
        let Some((namespaces, namespace)) = namespace(scene, &selector.namespaces, number) else { continue };
        let stranger = Stranger { namespaces, pods: selector.pods.to_string() };
        found.push(MadeUp { stranger, namespace, labels });
    }
    found
}

fn selects_nobody(scene: &Scene<'_>, selector: &PodSelector) -> bool {
    let in_namespace = |name: &Arc<str>| match &selector.namespaces {
        Namespaces::Named(wanted) => wanted == name,
        Namespaces::Matching(wanted) => {
            scene.inventory.namespaces.get(name).is_some_and(|labels| wanted.matches(labels))
        }
    };
    let selects =
        |workload: &Workload| selector.pods.matches(&workload.labels) && in_namespace(&workload.name.namespace);
    !scene.workloads.entries.iter().any(selects)
}

/// A namespace that a selector selects, and how it is told of: one of the input where the selector wants its name.
fn namespace(scene: &Scene<'_>, wanted: &Namespaces, number: usize) -> Option<(String, (Arc<str>, Labels))> {
    let known = |name: &Arc<str>| {
        let labels = scene.inventory.namespaces.get(name).cloned();
        (Arc::clone(name), labels.unwrap_or_else(|| Labels::of_namespace(name)))
    };
    match wanted {
        Namespaces::Named(name) => Some((name.to_string(), known(name))),
        Namespaces::Matching(selector) => {
            let mut labels = satisfying(selector)?;
            let name: Arc<str> = match labels.get(NAMESPACE_NAME_LABEL) {
                Some(name) => Arc::clone(name),
                None => format!("{NOWHERE}{number}").into(),
            };
            if scene.inventory.namespaces.contains_key(&name) {
                labels = known(&name).1;
            }
            labels.insert(NAMESPACE_NAME_LABEL.into(), Arc::clone(&name));
            selector.matches(&labels).then(|| (selector.to_string(), (name, labels)))
        }
    }
}

/// As few labels as satisfy a selector; nothing if none do.
fn satisfying(selector: &Selector) -> Option<Labels> {
    let mut wanted: BTreeMap<&Arc<str>, Option<Arc<str>>> = BTreeMap::new();
    for requirement in selector.requirements() {
        let allowed = |value: &Arc<str>| {
            let labels = Labels::from([(Arc::clone(&requirement.key), Arc::clone(value))]);
            let same = selector.requirements().iter().filter(|other| other.key == requirement.key);
            Selector::new(same.cloned()).matches(&labels)
        };
        match &requirement.operator {
            Operator::In(values) => {
                wanted.insert(&requirement.key, values.iter().find(|value| allowed(value)).cloned());
            }
            Operator::Exists => {
                wanted.entry(&requirement.key).or_insert_with(|| Some(NOWHERE.into()));
            }
            Operator::NotIn(_) | Operator::DoesNotExist => {}
        }
    }
    let labels: Labels = wanted.into_iter().filter_map(|(key, value)| Some((Arc::clone(key), value?))).collect();
    selector.matches(&labels).then_some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Manifests;

    #[test]
    fn a_workload_is_open_to_pods_that_nobody_defined_yet() {
        let text = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: x}
spec: {template: {metadata: {labels: {app: web}}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: x}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {team: red}}, podSelector: {matchExpressions: [{key: role, operator: Exists}]}}]
    ports: [{port: 80}]
  - from: [{podSelector: {matchLabels: {app: web}}}]
  - from: [{podSelector: {matchExpressions: [{key: a, operator: In, values: [b]}, {key: a, operator: NotIn, values: [b]}]}}]
";
        let manifests = Manifests::read(vec![("m.yaml".into(), Ok(text.to_owned()))]);
        let Manifests { policies, inventory, workloads, .. } = &manifests;
        let options = Options::default();
        let found = exposure(Scene { policies, inventory, workloads, options: &options });
        let lines: Vec<_> = found
            .iter()
            .map(|found| {
                format!("{} {} {}: {}", found.direction, found.stranger.pods, found.stranger.namespaces, found.shown)
            })
            .collect();
        assert_eq!(lines, ["ingress role team=red: TCP 80", "egress * *: any"]);
    }
}
