//! PAL103 policy-types-omitted-egress-only: egress rules without `policyTypes` also close all ingress.

use crate::lint::intent::types;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds policies that have only egress rules and no `policyTypes`.
    ///
    /// ## Why it bites
    ///
    /// Without `policyTypes` a policy always covers ingress. This one has no rule for it, so nobody can connect to
    /// the pods that it selects.
    ///
    /// ## How it is decided
    ///
    /// `policyTypes` is missing or empty, `egress` has rules and `ingress` has none. The safe fix writes down what
    /// holds today; for egress only, write `policyTypes: [Egress]` instead.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    ///   egress:
    ///   - to: [{podSelector: {}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{podSelector: {}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: `policyTypes` says which is meant.
    pub(crate) static POLICY_TYPES_EGRESS_ONLY = "PAL103" "policy-types-omitted-egress-only" Warning Safe On,
        "egress rules without `policyTypes` also close all ingress", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    let spec = &written.spec;
    if !spec.policy_types.is_empty() || spec.egress.is_empty() || !spec.ingress.is_empty() {
        return;
    }
    let Some(egress) = written.field("egress") else { return };
    let message = "these egress rules also close all ingress: without `policyTypes` a policy covers both";
    let fix = types::stated(world, written, "[Ingress, Egress]");
    let finding = report.at(egress.key.span, message);
    finding.help =
        Some("write `policyTypes: [Egress]` if only egress is meant, `[Ingress, Egress]` if both are".into());
    finding.fix = fix;
}
