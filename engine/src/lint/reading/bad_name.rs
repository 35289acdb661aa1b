//! PAL019 bad-name: a name that is missing or that the server refuses.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds a missing `metadata.name`, and names and namespaces that are no DNS names.
    ///
    /// ## Why it bites
    ///
    /// The server refuses the object.
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
    /// metadata: {name: Web_1, namespace: shop}
    /// spec: {podSelector: {}}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec: {podSelector: {}}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static BAD_NAME = "PAL019" "bad-name" Error Never On,
        "a name that is missing or that the server refuses", Check::Elsewhere;
}
