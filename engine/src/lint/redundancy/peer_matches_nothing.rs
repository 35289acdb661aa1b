//! PAL202 peer-matches-nothing: a peer that nothing is.

use policy_lang::diagnostic::Severity;

use crate::lint::redundancy::emptiness::{self, Emptiness};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds peers whose selectors match no workload of the input.
    ///
    /// ## Why it bites
    ///
    /// What was to be let in stays out.
    ///
    /// ## How it is decided
    ///
    /// Over the workloads of the input; an empty selector never counts. A note where the namespaces that the peer
    /// selects are not in the input or have no workloads there.
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
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {matchLabels: {app: backend}}}]
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
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {matchLabels: {app: web}}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the pods are to come.
    pub(crate) static PEER_MATCHES_NOTHING = "PAL202" "peer-matches-nothing" Warning Never On,
        "a peer that nothing is", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for peer in written.live_peers() {
        let (certain, help) = match emptiness::of(world, &peer.value) {
            Emptiness::Filled => continue,
            Emptiness::Empty(help) => (true, help),
            Emptiness::Unknown(help) => (false, help),
        };
        let finding = report.at(peer.span, format!("this peer matches nothing: {}", peer.value));
        finding.help = Some(help);
        if !certain {
            finding.severity = Severity::Note;
        }
    }
}
