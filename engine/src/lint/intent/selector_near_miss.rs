//! PAL129 selector-near-miss: a selector that misses workloads by a slip.

use policy_lang::diagnostic::Fix;
use policy_lang::manifest::tree::Value;
use policy_lang::peer::{Peer, PodSelector};
use policy_lang::selector::{Operator, Selector};
use policy_lang::source::Span;
use policy_lang::suggest::nearest;

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds selectors that match nothing and would match workloads if one value were spelt as theirs.
    ///
    /// ## Why it bites
    ///
    /// One letter decides whether a policy is there at all.
    ///
    /// ## How it is decided
    ///
    /// Over the workloads of the input: at most two slips in one value, all other conditions hold. Values that
    /// differ in digits only are different things.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: wbe}}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the pods are to come.
    pub(crate) static SELECTOR_NEAR_MISS = "PAL129" "selector-near-miss" Warning Unsafe On,
        "a selector that misses workloads by a slip", Check::Policy(check);
}

/// Most values that one is compared with.
const COMPARED: usize = 200;

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    let node = written.field("podSelector").map(|entry| &entry.value);
    look(world, &written.subject, written.selector_span(), node, report);
    for peer in written.live_peers() {
        if let Peer::Pods(selector) = &peer.value {
            let node = written.node(peer.span).and_then(|node| node.field("podSelector"));
            look(world, selector, peer.span, node, report);
        }
    }
}

fn look(world: &World<'_>, selector: &PodSelector, span: Span, node: Option<&Value>, report: &mut Report<'_>) {
    if !world.select(selector).is_empty() {
        return;
    }
    for (key, written) in selector.pods.requirements().iter().filter_map(|requirement| match &requirement.operator {
        Operator::In(values) => Some((&requirement.key, values.first().filter(|_| values.len() == 1)?)),
        Operator::NotIn(_) | Operator::Exists | Operator::DoesNotExist => None,
    }) {
        let others = selector.pods.requirements().iter().filter(|requirement| requirement.key != *key).cloned();
        let rest = PodSelector { namespaces: selector.namespaces.clone(), pods: Selector::new(others) };
        let candidates = world.select(&rest);
        let is_near = |value: &str| nearest(written, &[value]).is_some() && !differ_in_digits(written, value);
        let near = world.classes_of(&candidates).filter_map(|class| class.labels.get(key)).take(COMPARED);
        let Some(near) =
            near.min_by_key(|value| (!is_near(value), std::sync::Arc::clone(value))).filter(|value| is_near(value))
        else {
            continue;
        };
        let value = node.and_then(|node| node.field("matchLabels")).and_then(|labels| labels.field(key));
        let at = value.map_or(span, |value| value.span);
        let finding = report.at(at, format!("no workload has {key}={written}, and there is {key}={near}"));
        finding.help = Some(format!("did you mean `{near}`?"));
        let is_bare = |value: &&Value| (value.span.end - value.span.start) as usize == written.len();
        finding.fix = value.filter(is_bare).map(|value| Fix::risky(format!("write {near}"), value.span, near.as_ref()));
        return;
    }
}

/// `web-1` and `web-2` are no slips of one another.
fn differ_in_digits(a: &str, b: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|letter| !letter.is_ascii_digit()).collect::<String>();
    letters(a) == letters(b)
}
