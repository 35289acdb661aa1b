//! What one policy does by itself: whom it selects, and what each of its rules decides for whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::connectivity::ranges::{self, Family, Range};
use engine::connectivity::{Allowed, Connectivity, Other, Reason, Says, Scene};
use policy_lang::name::NamespacedName;
use policy_lang::policy::{Direction, Policy, Tier};
use policy_lang::source::Origin;

use super::{QuestionError, parties};
use crate::map::{self, Peer, Shown};

/// What one policy does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Effect {
    /// Its name.
    pub name: NamespacedName,
    /// Its layer.
    pub tier: Tier,
    /// Where it is written.
    pub origin: Origin,
    /// Whom it selects.
    pub subjects: Vec<Peer>,
    /// How many workloads there are.
    pub n_workloads: usize,
    /// In which directions it isolates them.
    pub isolates: Vec<Direction>,
    /// What its rules decide, in their order.
    pub rules: Vec<RuleEffect>,
    /// Rules that decide nothing about anybody.
    pub idle: Vec<Origin>,
}

/// What a rule decides, for those of whom it is the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleEffect {
    /// Which way.
    pub direction: Direction,
    /// Where the rule is written.
    pub origin: Origin,
    /// What it says.
    pub says: Says,
    /// About which connections.
    pub set: Allowed,
    /// The same in words.
    pub shown: Shown,
    /// For whom.
    pub subjects: Vec<Peer>,
    /// With whom.
    pub others: Vec<Peer>,
}

/// What the policies of a name do: `NAMESPACE/NAME`, or `NAME` of one that is for the whole cluster.
///
/// # Errors
/// [`QuestionError::Unknown`] if there is none.
pub fn effects(scene: Scene<'_>, name: &str) -> Result<Vec<Effect>, QuestionError> {
    let meant: Vec<&Policy> = scene.policies.iter().filter(|policy| policy.name.to_string() == name).collect();
    if meant.is_empty() {
        let known: Vec<String> = scene.policies.iter().map(|policy| policy.name.to_string()).collect();
        let help = parties::nearest(name, &known);
        return Err(QuestionError::Unknown { what: "policy", name: name.into(), help });
    }
    Ok(meant.into_iter().map(|policy| effect(scene, policy)).collect())
}

/// Those of whom the same is decided.
type Decided = (usize, usize, Says, Allowed);

fn effect(scene: Scene<'_>, policy: &Policy) -> Effect {
    let mut model = Connectivity::new(Scene { policies: std::slice::from_ref(policy), ..scene });
    let n_workloads = scene.workloads.entries.len();
    let mut subjects = BTreeSet::new();
    let mut rules: BTreeMap<(Decided, Vec<Peer>), Vec<Peer>> = BTreeMap::new();
    let mut idle = Vec::new();
    let mut isolates = Vec::new();
    for (number, direction) in [Direction::Ingress, Direction::Egress].into_iter().enumerate() {
        let Some(own) = policy.rules(direction) else { continue };
        if policy.tier == Tier::NetworkPolicy {
            isolates.push(direction);
        }
        let place = |origin: &Origin| own.iter().position(|rule| rule.origin == *origin);
        let mut active = BTreeSet::new();
        for workload in 0..n_workloads {
            if !model.is_bound(workload, direction) {
                continue;
            }
            subjects.insert(workload);
            let mut decided: BTreeMap<Decided, Vec<Peer>> = BTreeMap::new();
            for (reason, other) in decisions(&mut model, workload, direction) {
                let Some(rule) = place(&reason.origin) else { continue };
                active.insert(rule);
                decided.entry((number, rule, reason.says, reason.set)).or_default().push(other);
            }
            let subject = scene.workloads.entries.get(workload).map(map::peer);
            for (key, others) in decided {
                rules.entry((key, joined(others))).or_default().extend(subject.clone());
            }
        }
        let silent = own.iter().enumerate().filter(|(rule, _)| !active.contains(rule));
        idle.extend(silent.map(|(_, rule)| rule.origin.clone()));
    }
    let rules = rules.into_iter().filter_map(|(((number, rule, says, set), others), subjects)| {
        let direction = if number == 0 { Direction::Ingress } else { Direction::Egress };
        let origin = policy.rules(direction)?.get(rule)?.origin.clone();
        let shown = Shown::of(&set)?;
        Some(RuleEffect { direction, origin, says, set, shown, subjects, others })
    });
    Effect {
        name: policy.name.clone(),
        tier: policy.tier,
        origin: policy.origin.clone(),
        n_workloads,
        isolates,
        rules: rules.collect(),
        idle,
        subjects: subjects
            .into_iter()
            .filter_map(|number| scene.workloads.entries.get(number).map(map::peer))
            .collect(),
    }
}

/// Everything that rules decide for a workload, with everybody.
fn decisions(model: &mut Connectivity<'_>, workload: usize, direction: Direction) -> Vec<(Reason, Peer)> {
    let scene = *model.scene();
    let mut found = Vec::new();
    let by_rule = |reason: &Reason| reason.says != Says::Isolates;
    for (number, other) in scene.workloads.entries.iter().enumerate() {
        if number == workload && !other.has_replicas() {
            continue;
        }
        let reasons = model.reasons(workload, direction, Other::Workload(number));
        found.extend(reasons.into_iter().filter(by_rule).map(|reason| (reason, map::peer(other))));
    }
    for (name, node) in &scene.inventory.nodes {
        let Some(address) = node.addresses.first() else { continue };
        let reasons = model.reasons(workload, direction, Other::Address(*address));
        let peer = Peer::Node { name: Arc::clone(name) };
        found.extend(reasons.into_iter().filter(by_rule).map(|reason| (reason, peer.clone())));
    }
    for (family, (has, taken)) in
        Family::ALL.into_iter().zip(model.families(workload).into_iter().zip(model.taken().clone()))
    {
        if !has {
            continue;
        }
        let whole = ranges::without(&[family.whole()], &taken);
        for piece in model.pieces(workload, direction, family, &whole) {
            let reasons = model.reasons(workload, direction, Other::Address(family.address(piece.first)));
            let cidrs = family.networks(piece);
            let peer = Peer::Addresses { cidrs };
            found.extend(reasons.into_iter().filter(by_rule).map(|reason| (reason, peer.clone())));
        }
    }
    found
}

/// Sorted, with all addresses as one.
fn joined(peers: Vec<Peer>) -> Vec<Peer> {
    let mut addresses: [Vec<Range>; 2] = [Vec::new(), Vec::new()];
    let mut joined = BTreeSet::new();
    for peer in peers {
        match peer {
            Peer::Addresses { cidrs } => {
                for cidr in cidrs {
                    let [v4, v6] = &mut addresses;
                    if cidr.addr().is_ipv4() { v4 } else { v6 }.push(Range::of(&cidr));
                }
            }
            Peer::Workload { .. } | Peer::Node { .. } => drop(joined.insert(peer)),
        }
    }
    let of_families = Family::ALL.into_iter().zip(addresses);
    let cidrs: Vec<_> = of_families
        .flat_map(|(family, found)| ranges::merged(found).into_iter().flat_map(move |range| family.networks(range)))
        .collect();
    if !cidrs.is_empty() {
        joined.insert(Peer::Addresses { cidrs });
    }
    joined.into_iter().collect()
}
