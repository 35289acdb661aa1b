//! PAL309 wide-port-range: a range of more than 1000 ports.

use policy_lang::port::Ports;

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds ranges of more than 1000 ports.
    ///
    /// ## Why it bites
    ///
    /// Few protocols need them. A range that large is often a guess.
    ///
    /// ## How it is decided
    ///
    /// `endPort` is more than 999 above `port`.
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
    ///   - ports: [{port: 1024, endPort: 65535}]
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
    ///   - ports: [{port: 30000, endPort: 30100}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// For protocols with dynamic ports.
    pub(crate) static WIDE_PORT_RANGE = "PAL309" "wide-port-range" Note Never Off,
        "a range of more than 1000 ports", Check::Policy(check);
}

/// More ports than this are many.
const MANY: u16 = 1000;

fn check(_: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for port in written.live_rules().flat_map(|(_, rule)| &rule.ports) {
        let Ports::Range(range) = &port.value.ports else { continue };
        let further = range.last() - range.first();
        if further >= MANY {
            report.at(port.span, format!("this range has {} ports", u32::from(further) + 1));
        }
    }
}
