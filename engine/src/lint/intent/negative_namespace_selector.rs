//! PAL124 negative-namespace-selector: a negative selector admits every namespace to come.

use policy_lang::peer::{Namespaces, Peer};
use policy_lang::selector::{Operator, Requirement};

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds `namespaceSelector` with only `NotIn` or `DoesNotExist`.
    ///
    /// ## Why it bites
    ///
    /// Whoever makes a namespace is admitted, until somebody labels it.
    ///
    /// ## How it is decided
    ///
    /// All requirements of the selector are negative.
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
    ///   - from:
    ///     - namespaceSelector: {matchExpressions: [{key: env, operator: NotIn, values: [dev]}]}
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
    ///   ingress:
    ///   - from:
    ///     - namespaceSelector: {matchExpressions: [{key: env, operator: In, values: [prod]}]}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where an admission policy labels every namespace.
    pub(crate) static NEGATIVE_NAMESPACE_SELECTOR = "PAL124" "negative-namespace-selector" Note Never Off,
        "a negative selector admits every namespace to come", Check::Policy(check);
}

fn check(_: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    let is_negative = |requirement: &Requirement| match requirement.operator {
        Operator::NotIn(_) | Operator::DoesNotExist => true,
        Operator::In(_) | Operator::Exists => false,
    };
    for peer in written.live_peers() {
        let Peer::Pods(selector) = &peer.value else { continue };
        let Namespaces::Matching(namespaces) = &selector.namespaces else { continue };
        if !namespaces.is_everything() && namespaces.requirements().iter().all(is_negative) {
            report.at(peer.span, "this peer is every namespace to come that does not bear a label");
        }
    }
}
