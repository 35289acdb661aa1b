//! PAL308 all-ports: peers are limited and ports are not.

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds rules with peers and without ports.
    ///
    /// ## Why it bites
    ///
    /// Whoever is admitted reaches every port, those of debuggers and metrics too.
    ///
    /// ## How it is decided
    ///
    /// The rule has peers and no `ports`.
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
    ///     ports: [{port: 8080}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Between pods of one application.
    pub(crate) static ALL_PORTS = "PAL308" "all-ports" Note Never Off,
        "peers are limited and ports are not", Check::Policy(check);
}

fn check(_: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for (direction, rule) in written.live_rules() {
        if !rule.peers.is_empty() && rule.ports.is_empty() {
            report.at(rule.span, format!("this {direction} rule opens every port"));
        }
    }
}
