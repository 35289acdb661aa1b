//! PAL122 except-covers-nothing-left: the exceptions leave nothing of the block.

use policy_lang::peer::Peer;

use crate::lint::addresses;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds `ipBlock` peers whose exceptions together are the whole block.
    ///
    /// ## Why it bites
    ///
    /// The peer matches nothing.
    ///
    /// ## How it is decided
    ///
    /// By the ranges of addresses.
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
    ///   - from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/9, 10.128.0.0/9]}}]
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
    ///   - from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/9]}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static EXCEPT_LEAVES_NOTHING = "PAL122" "except-covers-nothing-left" Warning Never On,
        "the exceptions leave nothing of the block", Check::Policy(check);
}

fn check(_: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for peer in written.live_peers() {
        let Peer::Addresses { cidr, except } = &peer.value else { continue };
        if addresses::is_empty(*cidr, except) {
            report.at(peer.span, format!("the exceptions leave nothing of {cidr}: this peer matches nothing"));
        }
    }
}
