//! PAL210 overridden-by-allow-all: narrow rules on pods that another policy opens fully.

use policy_lang::network_policy::RuleSpec;

use crate::lint::containment::pods_within;
use crate::lint::redundancy::cover;
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;
use crate::lint::written::{DIRECTIONS, Written};

rule! {
    /// ## What it does
    ///
    /// Finds policies all of whose pods another policy opens to everybody on every port in the same direction.
    ///
    /// ## Why it bites
    ///
    /// Rules add up: the narrow ones restrict nothing any more. It is the usual end of "just for a test".
    ///
    /// ## How it is decided
    ///
    /// Another policy whose selector contains this one's has a rule without peers and ports.
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
    ///   podSelector: {matchLabels: {app: web}}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {}}]
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: test, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - {}
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
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: delete one of the two.
    pub(crate) static OVERRIDDEN_BY_ALLOW_ALL = "PAL210" "overridden-by-allow-all" Warning Never On,
        "narrow rules on pods that another policy opens fully", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    let is_open = |rule: &&RuleSpec| rule.peers.is_empty() && rule.ports.is_empty();
    for namespace in cover::by_namespace(world) {
        for direction in DIRECTIONS {
            let isolating = || namespace.iter().filter(|policy| policy.spec.isolates(direction));
            let open = isolating().filter_map(|policy| Some((policy, policy.rules(direction).iter().find(is_open)?)));
            let open: Vec<_> = open.take(cover::COMPARED).collect();
            for policy in isolating() {
                let rules = policy.rules(direction);
                if rules.is_empty() || rules.iter().any(|rule| is_open(&rule)) {
                    continue;
                }
                let covers = |other: &&(&&Written<'_>, &RuleSpec)| pods_within(&policy.subject, &other.0.subject);
                let Some((other, rule)) = open.iter().find(covers) else { continue };
                let message =
                    format!("{} opens all {direction} of the same pods: these rules restrict nothing", other.name());
                let at = policy.field(&direction.to_string()).map_or_else(|| policy.span(), |entry| entry.key.span);
                let finding = report.about(policy.reference(), at, message);
                label(finding, Some(rule.span), "opens everything");
            }
        }
    }
}
