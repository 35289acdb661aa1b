//! PAL106 policy-types-implicit: `policyTypes` is not written.

use policy_lang::policy::Direction;

use crate::lint::intent::types;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds policies without `policyTypes`.
    ///
    /// ## Why it bites
    ///
    /// The directions then hang on whether there are egress rules, and change when the last one is deleted.
    ///
    /// ## How it is decided
    ///
    /// The field is missing or empty and there are ingress rules; the other cases are PAL103 and PAL105. Writing
    /// what holds is a safe fix.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///   - from: [{podSelector: {}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
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
    /// Where the short form is the house style.
    pub(crate) static POLICY_TYPES_IMPLICIT = "PAL106" "policy-types-implicit" Note Safe Off,
        "`policyTypes` is not written", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    let spec = &written.spec;
    // Egress alone is PAL103, and nothing at all is PAL105.
    if !spec.policy_types.is_empty() || spec.ingress.is_empty() {
        return;
    }
    let types = if written.spec.isolates(Direction::Egress) { "[Ingress, Egress]" } else { "[Ingress]" };
    let fix = types::stated(world, written, types);
    let finding = report.at(written.span(), "this policy does not say which directions it covers");
    finding.help = Some(format!("write `policyTypes: {types}`, which is what holds"));
    finding.fix = fix;
}
