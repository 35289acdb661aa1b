//! PAL907 cluster-policy-accept-bypasses-tenants: an Accept that goes past the policies of tenants.

use policy_lang::name::NamespacedName;
use policy_lang::policy::{Action, Tier};

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::{DIRECTIONS, reference};

rule! {
    /// ## What it does
    ///
    /// Finds Accept rules of the Admin tier for workloads that a NetworkPolicy isolates in that direction.
    ///
    /// ## Why it bites
    ///
    /// Accept is final: what a tenant closed is open. Where the tenant is to decide, the word is Pass.
    ///
    /// ## How it is decided
    ///
    /// Over the workloads of the input.
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
    /// ---
    /// apiVersion: policy.networking.k8s.io/v1alpha2
    /// kind: ClusterNetworkPolicy
    /// metadata: {name: a}
    /// spec:
    ///   tier: Admin
    ///   priority: 10
    ///   subject: {namespaces: {}}
    ///   ingress: [{action: Accept, from: [{namespaces: {}}]}]
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
    /// ---
    /// apiVersion: policy.networking.k8s.io/v1alpha2
    /// kind: ClusterNetworkPolicy
    /// metadata: {name: a}
    /// spec:
    ///   tier: Admin
    ///   priority: 10
    ///   subject: {namespaces: {}}
    ///   ingress: [{action: Pass, from: [{namespaces: {}}]}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the administrator is to have the last word, as for monitoring.
    pub(crate) static ACCEPT_BYPASSES_TENANTS = "PAL907" "cluster-policy-accept-bypasses-tenants" Note Never On,
        "an Accept that goes past the policies of tenants", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    for policy in world.tier(Tier::ClusterAdmin) {
        let selected = world.select(&policy.subject.pods);
        for direction in DIRECTIONS {
            let accepts = policy.rules(direction).unwrap_or_default().iter();
            let mut accepts = accepts.filter(|rule| rule.action == Action::Accept).peekable();
            if accepts.peek().is_none() {
                continue;
            }
            let is_isolated = |class: &&u32| world.isolating(**class, direction).next().is_some();
            let isolated: Vec<u32> = selected.iter().filter(is_isolated).copied().collect();
            for rule in accepts.filter(|_| !isolated.is_empty()) {
                let Some(span) = world.place(&rule.origin) else { continue };
                let name = NamespacedName::new("", policy.name.name.as_ref());
                let message = format!(
                    "this accepts {direction} of {} workloads before their NetworkPolicies are asked",
                    world.n_workloads(&isolated)
                );
                let finding = report.about(reference("ClusterNetworkPolicy", &name), span, message);
                finding.help = Some("write `Pass` where the tenants are to decide".into());
            }
        }
    }
}
