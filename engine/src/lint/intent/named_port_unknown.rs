//! PAL111 named-port-unknown: a named port that no pod declares.

use std::collections::BTreeSet;

use policy_lang::diagnostic::Fix;
use policy_lang::suggest::nearest;

use crate::lint::intent::destinations::{self, NamedPort};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds port names that no container of the pods in question declares: the selected pods for ingress, the
    /// peers for egress.
    ///
    /// ## Why it bites
    ///
    /// The entry admits nothing. The pods stay closed on the port that was meant.
    ///
    /// ## How it is decided
    ///
    /// Over the workloads of the input. Nothing is said where the rule is about no workload of the input.
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
    ///   ingress:
    ///   - ports: [{port: htp}]
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
    ///   ingress:
    ///   - ports: [{port: http}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the pods that declare it are not in the input.
    pub(crate) static NAMED_PORT_UNKNOWN = "PAL111" "named-port-unknown" Warning Unsafe On,
        "a named port that no pod declares", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for NamedPort { port, name, classes } in destinations::named_ports(world, written) {
        let declared = || world.classes_of(&classes).flat_map(|class| class.ports);
        if declared().any(|own| own.name.as_ref() == Some(name)) {
            continue;
        }
        let names: BTreeSet<&str> = declared().filter_map(|own| own.name.as_deref()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let message = format!("no container declares a port named `{name}`");
        let node = written.node(port.span).and_then(|port| port.field("port"));
        let finding = report.at(node.map_or(port.span, |port| port.span), message);
        let looked_at = format!("{} workloads were looked at", world.n_workloads(&classes));
        let near = nearest(name, &names);
        finding.help = Some(match (near, names.as_slice()) {
            (Some(near), _) => format!("did you mean `{near}`? {looked_at}"),
            (None, []) => format!("none of their ports has a name; {looked_at}"),
            (None, names) => format!("the names are {}; {looked_at}", names.join(", ")),
        });
        let is_bare = |span: policy_lang::source::Span| (span.end - span.start) as usize == name.len();
        finding.fix = near
            .zip(node.filter(|node| is_bare(node.span)))
            .map(|(near, node)| Fix::risky(format!("write {near}"), node.span, near));
    }
}
