//! PAL311 permissiveness-budget: more of a namespace is open than its budget.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy_lang::name::NamespacedName;
use policy_lang::policy::Direction;

use crate::lint::posture::solved::Solved;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::reference;

rule! {
    /// ## What it does
    ///
    /// Measures how open each namespace is, and finds those that are more open than `permissiveness` of the
    /// configuration permits.
    ///
    /// ## Why it bites
    ///
    /// Openness grows one rule at a time, and each of them is reasonable.
    ///
    /// ## How it is decided
    ///
    /// The possible connections into a namespace are those from every other workload of the input, and from outside,
    /// to each of its workloads. The score is the percentage of them that are open on some port, over all layers,
    /// rounded down; what hangs on an unknown address counts as closed. Namespaces without a budget, neither by name nor
    /// by `*`, are left out.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: db-1, namespace: shop, labels: {app: db}}
    /// spec: {containers: [{name: db}]}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: db-1, namespace: shop, labels: {app: db}}
    /// spec: {containers: [{name: db}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: closed, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// It only speaks where somebody set a budget.
    pub(crate) static PERMISSIVENESS_BUDGET = "PAL311" "permissiveness-budget" Note Never Off,
        "more of a namespace is open than its budget", Check::World(check);
}

/// For every namespace without a budget of its own.
const OTHERS: &str = "*";

fn check(world: &World<'_>, report: &mut Report<'_>) {
    let budgets = &world.environment.permissiveness;
    if budgets.is_empty() {
        return;
    }
    for (namespace, (open, possible)) in scores(world) {
        let named = |wanted: &str| budgets.iter().find(|(name, _)| &**name == wanted).map(|(_, budget)| *budget);
        let Some(budget) = named(&namespace).or_else(|| named(OTHERS)) else { continue };
        let score = open * 100 / possible.max(1);
        if score <= usize::from(budget) {
            continue;
        }
        let written = world.namespaces.get(&namespace).and_then(|known| known.written);
        let first = || world.in_namespace(&namespace).find_map(|(_, class)| class.members.first()?.span);
        let Some(span) = written.or_else(first) else { continue };
        let message = format!("{score} % of namespace {namespace} is open, and its budget is {budget} %");
        let finding = report.about(reference("Namespace", &NamespacedName::new("", &*namespace)), span, message);
        finding.help = Some(format!("{open} of {possible} possible connections into it are open on some port"));
    }
}

/// For each namespace how many connections into it are open, and how many there could be.
fn scores(world: &World<'_>) -> BTreeMap<Arc<str>, (usize, usize)> {
    let solved = Solved::new(world);
    let mut map = solved.connectivity();
    let entries = &solved.workloads.entries;
    let mut scores: BTreeMap<Arc<str>, (usize, usize)> = BTreeMap::new();
    for (index, workload) in entries.iter().enumerate() {
        let outside = map.outside(index, Direction::Ingress);
        let score = scores.entry(Arc::clone(&workload.name.namespace)).or_default();
        score.0 += usize::from(!outside.addresses.is_empty());
        score.1 += entries.len();
    }
    for from in 0..entries.len() {
        for link in map.links(from).into_iter().filter(|link| link.ends.is_certain() && link.to != from) {
            if let Some(score) = entries.get(link.to).and_then(|to| scores.get_mut(&to.name.namespace)) {
                score.0 += 1;
            }
        }
    }
    scores
}
