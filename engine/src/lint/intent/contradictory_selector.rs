//! PAL125 contradictory-selector: a selector that no labels can satisfy.

use policy_lang::selector::Selector;
use policy_lang::source::Span;

use crate::lint::containment::contradiction;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds selectors with two conditions on one key that exclude each other.
    ///
    /// ## Why it bites
    ///
    /// Every condition of a selector must hold. This one matches nothing, in any cluster.
    ///
    /// ## How it is decided
    ///
    /// By the conditions on each key.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector:
    ///     matchLabels: {app: web}
    ///     matchExpressions: [{key: app, operator: NotIn, values: [web]}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector:
    ///     matchLabels: {app: web}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static CONTRADICTORY_SELECTOR = "PAL125" "contradictory-selector" Warning Never On,
        "a selector that no labels can satisfy", Check::Policy(check);
}

fn check(_: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for (selector, span) in written.selectors() {
        look(selector, span, report);
    }
}

fn look(selector: &Selector, span: Span, report: &mut Report<'_>) {
    if let Some((first, second)) = contradiction(selector) {
        report.at(span, format!("no labels satisfy `{first}` and `{second}`: this selector matches nothing"));
    }
}
