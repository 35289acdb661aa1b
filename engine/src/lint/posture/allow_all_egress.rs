//! PAL305 allow-all-egress: a rule that opens all egress.

use policy_lang::policy::Direction;

use crate::lint::posture::openness;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds egress rules for everybody on every port.
    ///
    /// ## Why it bites
    ///
    /// Whatever other rules say, the pods are open in this direction.
    ///
    /// ## How it is decided
    ///
    /// The rule has neither peers nor ports, or `0.0.0.0/0` and `::/0` without exceptions and no ports.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - {}
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
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - ports: [{port: 443}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where it is meant.
    pub(crate) static ALLOW_ALL_EGRESS = "PAL305" "allow-all-egress" Warning Never Off,
        "a rule that opens all egress", Check::Policy(check);
}

fn check(_: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for (direction, rule) in written.live_rules() {
        if direction == Direction::Egress && openness::is_everything(rule) {
            report.at(rule.span, "this rule opens all egress");
        }
    }
}
