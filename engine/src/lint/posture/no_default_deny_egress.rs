//! PAL302 no-default-deny-egress: a namespace with workloads and no catch-all deny for egress.

use policy_lang::policy::Direction;

use crate::lint::posture::namespaces;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds namespaces with workloads and without a policy that closes egress for every pod.
    ///
    /// ## Why it bites
    ///
    /// A pod without a policy is open. With a catch-all, what somebody forgets is closed.
    ///
    /// ## How it is decided
    ///
    /// No policy of the namespace has an empty `podSelector` and covers egress. Policies that cannot be read count
    /// as such, because they are enforced as closed.
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
    ///   policyTypes: [Egress]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where a baseline or a ClusterNetworkPolicy does it.
    pub(crate) static NO_DEFAULT_DENY_EGRESS = "PAL302" "no-default-deny-egress" Warning Never Off,
        "a namespace with workloads and no catch-all deny for egress", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    namespaces::without_catch_all(world, Direction::Egress, report);
}
