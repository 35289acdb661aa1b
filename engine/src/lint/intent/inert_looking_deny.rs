//! PAL105 inert-looking-deny: a policy without rules and types closes all ingress.

use crate::lint::intent::types;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds policies with neither `policyTypes` nor rules.
    ///
    /// ## Why it bites
    ///
    /// They read as if they did nothing. They close all ingress of the pods that they select.
    ///
    /// ## How it is decided
    ///
    /// `policyTypes`, `ingress` and `egress` are missing or empty.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
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
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where readers know.
    pub(crate) static INERT_LOOKING_DENY = "PAL105" "inert-looking-deny" Note Safe Off,
        "a policy without rules and types closes all ingress", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    let spec = &written.spec;
    if spec.policy_types.is_empty() && spec.ingress.is_empty() && spec.egress.is_empty() {
        let fix = types::stated(world, written, "[Ingress]");
        let finding =
            report.at(written.span(), "this policy has no rules: it closes all ingress of the pods it selects");
        finding.help = Some("write `policyTypes: [Ingress]` so that it says so".into());
        finding.fix = fix;
    }
}
