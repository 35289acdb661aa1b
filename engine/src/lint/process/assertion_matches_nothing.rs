//! PAL802 assertion-matches-nothing: an assertion about nobody.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// `palisade test` reports assertions of which a word means nobody in the manifests by this code.
    ///
    /// ## Why it bites
    ///
    /// An assertion about nobody holds whatever anybody writes: a slip in a name would turn a test into none.
    ///
    /// ## How it is decided
    ///
    /// Each word of `from`, `to` and `except` must mean a workload, a node or an address of the input. `mayBeEmpty: true`
    /// says that it may mean nobody.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// version: 1
    /// manifests: [shop.yaml]
    /// checks: ["!internet -> shop/dbb"]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// version: 1
    /// manifests: [shop.yaml]
    /// checks: ["!internet -> shop/db"]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the workload comes and goes: write `mayBeEmpty: true`.
    pub(crate) static ASSERTION_MATCHES_NOTHING = "PAL802" "assertion-matches-nothing" Error Never On,
        "an assertion about nobody", Check::Elsewhere;
}
