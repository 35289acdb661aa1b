//! PAL801 assertion-failed: an assertion about who may connect to whom does not hold.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// `palisade test` reports assertions that do not hold, and those that cannot be judged, by this code.
    ///
    /// ## Why it bites
    ///
    /// Somebody wrote down what must be open and what must be closed, and the manifests say something else.
    ///
    /// ## How it is decided
    ///
    /// As [docs/reference/test.md](test.md) says: what a set of peers is asserted of must hold for each of them. The first
    /// connection by which it fails is shown with the lines that decide it.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// version: 1
    /// manifests: [shop.yaml]
    /// checks: ["!shop/web -> shop/db"]   # and a policy of db admits web
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// version: 1
    /// manifests: [shop.yaml]
    /// checks: ["shop/web -> shop/db:5432/tcp"]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: change the assertion, or the policy. No comment suppresses it.
    pub(crate) static ASSERTION_FAILED = "PAL801" "assertion-failed" Error Never On,
        "an assertion about who may connect to whom does not hold", Check::Elsewhere;
}
