//! PAL127 host-network-peer: a peer of pods on the network of their node only.

use policy_lang::peer::Peer;

use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::{World, listed};
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds peers whose selector selects pods with `hostNetwork: true` and no others.
    ///
    /// ## Why it bites
    ///
    /// Their packets come from the node's address, which no selector of pods matches. The peer matches nothing.
    ///
    /// ## How it is decided
    ///
    /// Over the workloads of the input.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: agent, namespace: shop, labels: {app: agent}}
    /// spec: {hostNetwork: true}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///   - from: [{podSelector: {matchLabels: {app: agent}}}]
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
    ///   - from: [{ipBlock: {cidr: 192.0.2.0/24}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: write the addresses of the nodes as an `ipBlock`.
    pub(crate) static HOST_NETWORK_PEER = "PAL127" "host-network-peer" Warning Never On,
        "a peer of pods on the network of their node only", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for peer in written.live_peers() {
        let Peer::Pods(selector) = &peer.value else { continue };
        if selector.pods.is_everything() || !world.select(selector).is_empty() {
            continue;
        }
        let is_selected = |namespace| world.selects_namespace(&selector.namespaces, namespace);
        let selected = world.on_host.iter().filter(|workload| is_selected(&workload.name.namespace));
        let selected: Vec<_> = selected.filter(|workload| selector.pods.matches(workload.labels)).collect();
        let Some(first) = selected.first() else { continue };
        let names = listed(selected.iter().map(|workload| format!("{} {}", workload.kind, workload.name)));
        let finding = report.at(peer.span, format!("{names}: their packets bear the address of a node"));
        label(finding, first.span, "this one");
        finding.help = Some("write the addresses of the nodes as an `ipBlock`".into());
    }
}
