//! PAL303 workload-not-isolated: a workload that no policy covers in a direction.

use policy_lang::policy::Direction;

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::DIRECTIONS;

rule! {
    /// ## What it does
    ///
    /// Finds workloads that no policy isolates for ingress, or for egress where no baseline binds them.
    ///
    /// ## Why it bites
    ///
    /// Everybody can connect to it, or it to everybody.
    ///
    /// ## How it is decided
    ///
    /// Over the policies of every layer in the input.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
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
    ///   policyTypes: [Ingress, Egress]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// For workloads that are to be open.
    pub(crate) static WORKLOAD_NOT_ISOLATED = "PAL303" "workload-not-isolated" Warning Never Off,
        "a workload that no policy covers in a direction", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    for (class, index) in world.classes.iter().zip(0_u32..) {
        let is_open = |direction: &Direction| {
            let binds_above = || {
                world.upper.iter().any(|policy| {
                    policy.rules(*direction).is_some_and(|rules| !rules.is_empty())
                        && world.selects(&policy.subject.pods, index)
                })
            };
            world.isolating(index, *direction).next().is_none()
                && !world.broken.contains(class.namespace)
                && !binds_above()
        };
        let open: Vec<_> = DIRECTIONS.into_iter().filter(is_open).map(|direction| direction.to_string()).collect();
        let Some((first, span)) = class.members.first().and_then(|first| Some((first, first.span?))) else { continue };
        if !open.is_empty() {
            let message = format!("no policy covers {} of {}", open.join(" and "), class.example());
            report.about(first.reference(), span, message);
        }
    }
}
