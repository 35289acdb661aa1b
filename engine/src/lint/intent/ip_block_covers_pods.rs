//! PAL118 ipblock-covers-pods: an `ipBlock` overlaps the addresses of pods.

use policy_lang::diagnostic::{Fix, Safety};
use policy_lang::peer::Peer;

use crate::lint::addresses;
use crate::lint::edit::writing;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds `ipBlock` peers that overlap `environment.podCIDRs`.
    ///
    /// ## Why it bites
    ///
    /// Here, as upstream's tests want it, such a block admits the pods in it, whatever their labels. Other engines
    /// leave pods out, so the same policy means different things.
    ///
    /// ## How it is decided
    ///
    /// The block without its exceptions is compared with the ranges of the configuration. Silent without them.
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
    ///   - from: [{ipBlock: {cidr: 10.0.0.0/8}}]
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
    ///   - from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.42.0.0/16]}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where pods are meant by their addresses.
    pub(crate) static IP_BLOCK_COVERS_PODS = "PAL118" "ipblock-covers-pods" Warning Unsafe On,
        "an `ipBlock` overlaps the addresses of pods", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for peer in written.live_peers() {
        let Peer::Addresses { cidr, except } = &peer.value else { continue };
        for range in &world.environment.pod_cidrs {
            if addresses::overlap(*cidr, except, *range) {
                let finding = report.at(peer.span, format!("this block reaches into {range}, the addresses of pods"));
                // An exception is a part of its block; a block of pods only has no outside.
                if cidr.contains(range) && cidr != range {
                    finding.help = Some(format!("add `except: [{range}]` if only the outside is meant"));
                    let block = written.node(peer.span).and_then(|peer| peer.field("ipBlock"));
                    let edit =
                        block.and_then(|block| writing::with_exception(block, &range.to_string(), world.sources));
                    finding.fix = edit.map(|edit| Fix::one(Safety::Unsafe, format!("leave {range} out"), edit));
                } else {
                    finding.help = Some("select the pods by their labels".into());
                }
                break;
            }
        }
    }
}
