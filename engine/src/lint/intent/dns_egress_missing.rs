//! PAL116 dns-egress-missing: pods may connect out and cannot look names up.

use policy_lang::diagnostic::{Fix, Safety, Severity};
use policy_lang::policy::Direction;
use policy_lang::port::Protocol;

use crate::lint::edit;
use crate::lint::intent::dns::{self, Subjects};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::{Class, World, listed};

rule! {
    /// ## What it does
    ///
    /// Finds workloads that policy isolates for egress, that may reach something, and that may not ask any DNS
    /// server.
    ///
    /// ## Why it bites
    ///
    /// Nearly every connection begins with a name. The pods hang in look-ups, and what the policy opens is never
    /// used.
    ///
    /// ## How it is decided
    ///
    /// Over the union of all policies that isolate a workload, and what the baseline and ClusterNetworkPolicies
    /// accept. DNS servers are `environment.dns` of the configuration, or pods with `k8s-app: kube-dns` in kube-
    /// system; a rule that names UDP 53 counts for DNS unless those pods are in the input and it does not select
    /// them. Policies without any rule close everything on purpose and count as such. Without workloads in the
    /// namespace, each policy is judged together with those of the same selector, and a finding is a note.
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
    ///   podSelector: {}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{podSelector: {matchLabels: {app: web}}}]
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
    ///   podSelector: {}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{podSelector: {matchLabels: {app: web}}}]
    ///   - to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]
    ///     ports: [{port: 53, protocol: UDP}, {port: 53}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// For programs that use addresses only, or the resolver of their node through the host network.
    pub(crate) static DNS_EGRESS_MISSING = "PAL116" "dns-egress-missing" Warning Unsafe On,
        "pods may connect out and cannot look names up", Check::World(check);
}

/// What opens DNS as most clusters have it.
const RULE: &str = "{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: \
                    {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}";

fn check(world: &World<'_>, report: &mut Report<'_>) {
    for Subjects { policies, classes } in dns::subjects(world) {
        let rules = policies.iter().any(|policy| !policy.rules(Direction::Egress).is_empty());
        if !rules || dns::is_open(world, &policies, &classes, Protocol::Udp) {
            continue;
        }
        let first = policies.iter().find(|policy| !policy.rules(Direction::Egress).is_empty());
        let Some((first, egress)) = first.and_then(|policy| Some((policy, policy.field("egress")?))) else { continue };
        let about = match classes.as_slice() {
            [] => "the pods that this policy selects".to_owned(),
            classes => {
                let names = world.classes_of(classes).map(Class::example);
                format!("{} workloads ({})", world.n_workloads(classes), listed(names))
            }
        };
        let message = format!("{about} may connect out and cannot look names up: UDP 53 is closed");
        let finding = report.about(first.reference(), egress.key.span, message);
        for other in policies.iter().filter(|other| other.name() != first.name()).take(3) {
            label(finding, Some(other.span()), "this policy does not open it either");
        }
        if classes.is_empty() {
            finding.severity = Severity::Note;
        }
        finding.help = Some("open UDP and TCP 53 to the DNS servers of the cluster".into());
        let edit = edit::with_item(&egress.value, RULE, world.sources).filter(|_| world.environment.dns.is_none());
        finding.fix = edit.map(|edit| Fix::one(Safety::Unsafe, "open DNS to kube-dns", edit));
    }
}
