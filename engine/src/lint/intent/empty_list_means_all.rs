//! PAL102 empty-list-means-all: an empty list of peers or ports means everything.

use policy_lang::manifest::tree::Value;

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::{Written, peers_field};

rule! {
    /// ## What it does
    ///
    /// Finds `from`, `to` and `ports` that are written and empty.
    ///
    /// ## Why it bites
    ///
    /// Empty is the same as not written: anybody, on any port. It often comes out of a template whose list was
    /// empty, and opens what it was to close.
    ///
    /// ## How it is decided
    ///
    /// The list is written as `[]` or without a value.
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
    ///   - from: []
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
    ///   ingress: []
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: leave the field out where everything is meant.
    pub(crate) static EMPTY_LIST_MEANS_ALL = "PAL102" "empty-list-means-all" Warning Unsafe On,
        "an empty list of peers or ports means everything", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for (direction, rule) in written.live_rules() {
        let entries = written.node(rule.span).and_then(Value::entries).unwrap_or_default();
        for entry in entries {
            let key = entry.key.value.as_ref();
            let is_list = key == "ports" || key == peers_field(direction);
            let is_empty = entry.value.is_null() || entry.value.items().is_some_and(<[_]>::is_empty);
            if is_list && is_empty {
                let all = if key == "ports" { "every port of every protocol" } else { "everybody" };
                let finding = report.at(entry.key.span, format!("the empty `{key}` means {all}"));
                finding.help = Some(format!(
                    "leave `{key}` out if that is meant; take the whole rule away if nothing is to be open"
                ));
                finding.fix = written.rule_away(direction, rule, world.sources);
            }
        }
    }
}
