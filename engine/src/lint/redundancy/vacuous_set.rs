//! PAL211 vacuous-set: all policies together restrict nothing.

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::{DIRECTIONS, Written};

rule! {
    /// ## What it does
    ///
    /// Finds inputs whose NetworkPolicies open everything that they close.
    ///
    /// ## Why it bites
    ///
    /// It looks like a policy and is none.
    ///
    /// ## How it is decided
    ///
    /// Every workload of the input is either selected by no policy or opened fully in each direction that is
    /// closed.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - {}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// While policies are introduced step by step.
    pub(crate) static VACUOUS_SET = "PAL211" "vacuous-set" Note Never Off,
        "all policies together restrict nothing", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    let Some(first) = world.policies.first() else { return };
    let is_open = |class: u32| {
        DIRECTIONS.into_iter().all(|direction| {
            let mut isolating = world.isolating(class, direction).peekable();
            let open = |policy: &Written<'_>| {
                policy.rules(direction).iter().any(|rule| rule.peers.is_empty() && rule.ports.is_empty())
            };
            isolating.peek().is_none() || isolating.any(open)
        })
    };
    let count = u32::try_from(world.classes.len()).unwrap_or(u32::MAX);
    if count > 0 && world.upper.is_empty() && world.broken.is_empty() && (0..count).all(is_open) {
        let message = "all policies of the input together restrict no workload of it";
        report.about(first.reference(), first.span(), message);
    }
}
