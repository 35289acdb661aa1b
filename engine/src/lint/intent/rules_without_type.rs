//! PAL104 rules-without-policy-type: rules of a direction that `policyTypes` leaves out.

use policy_lang::diagnostic::{Fix, Safety};
use policy_lang::policy::Direction;

use crate::lint::edit;
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;
use crate::lint::written::{DIRECTIONS, Written};

rule! {
    /// ## What it does
    ///
    /// Finds rules for a direction that is not among the written `policyTypes`.
    ///
    /// ## Why it bites
    ///
    /// They have no effect at all: the pods are open in that direction, whatever the rules say.
    ///
    /// ## How it is decided
    ///
    /// `policyTypes` is written, and the list of rules of the other direction is not empty.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
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
    ///   podSelector: {}
    ///   policyTypes: [Ingress, Egress]
    ///   egress:
    ///   - to: [{podSelector: {}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static RULES_WITHOUT_TYPE = "PAL104" "rules-without-policy-type" Error Unsafe On,
        "rules of a direction that `policyTypes` leaves out", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for direction in DIRECTIONS {
        if written.spec.isolates(direction) || written.rules(direction).is_empty() {
            continue;
        }
        let Some(rules) = written.field(&direction.to_string()) else { continue };
        let missing = match direction {
            Direction::Ingress => "Ingress",
            Direction::Egress => "Egress",
        };
        let message = format!("these {direction} rules have no effect: `policyTypes` does not have {missing}");
        let finding = report.at(rules.key.span, message);
        finding.help = Some(format!("add {missing} to `policyTypes`, or take the rules away"));
        if let Some(types) = written.field("policyTypes") {
            label(finding, Some(types.key.span), format!("{missing} is not in this list"));
            let edit = edit::with_item(&types.value, missing, world.sources);
            finding.fix = edit.map(|edit| Fix::one(Safety::Unsafe, format!("add {missing} to `policyTypes`"), edit));
        }
    }
}
