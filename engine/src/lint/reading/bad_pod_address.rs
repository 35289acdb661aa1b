//! PAL032 pod-address: an address that no pod can have.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds loopback, link-local and multicast addresses in the status of pods.
    ///
    /// ## Why it bites
    ///
    /// No packet of another node bears them, so rules about them would match something else.
    ///
    /// ## How it is decided
    ///
    /// By the range of the address.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop}
    /// status: {podIPs: [{ip: 169.254.1.1}]}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop}
    /// status: {podIPs: [{ip: 10.244.1.1}]}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static BAD_POD_ADDRESS = "PAL032" "pod-address" Warning Never On,
        "an address that no pod can have", Check::Elsewhere;
}
