//! PAL013 ipblock-mixed-with-selector: `ipBlock` and a selector in one peer.

use policy_lang::diagnostic::{Diagnostic, Fix, Safety};
use policy_lang::manifest::{NetworkPolicy, code};
use policy_lang::source::Sources;

use crate::lint::edit::writing;
use crate::lint::rule::{Check, rule};
use crate::lint::written;

rule! {
    /// ## What it does
    ///
    /// Finds peers with an `ipBlock` beside a selector.
    ///
    /// ## Why it bites
    ///
    /// The server refuses it. As two items it means either of them, as was probably meant.
    ///
    /// ## How it is decided
    ///
    /// The rule of the API server, read with the place of every key and value.
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
    ///   - from:
    ///     - ipBlock: {cidr: 10.0.0.0/8}
    ///       podSelector: {}
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
    ///   - from:
    ///     - ipBlock: {cidr: 10.0.0.0/8}
    ///     - podSelector: {}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static IP_BLOCK_MIXED = "PAL013" "ipblock-mixed-with-selector" Error Unsafe On,
        "`ipBlock` and a selector in one peer", Check::Elsewhere;
}

/// Adds the fix that makes two peers of one.
pub(crate) fn mend(policy: &NetworkPolicy, findings: &mut [Diagnostic], sources: &Sources) {
    for finding in findings.iter_mut().filter(|finding| finding.code == code::MIXED_PEER) {
        let path = finding.span.and_then(|span| written::path(&policy.document, span)).unwrap_or_default();
        // The block itself is last.
        let peer = path.len().checked_sub(2).and_then(|at| path.get(at));
        let edit = peer.and_then(|peer| writing::split_off(peer, "ipBlock", sources));
        let title = "make two peers of them: either, instead of both".to_owned();
        finding.fix = edit.map(|edit| Fix::one(Safety::Unsafe, title, edit));
    }
}
