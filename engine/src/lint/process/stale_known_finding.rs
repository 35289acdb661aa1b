//! PAL807 stale-known-finding: a known finding that no longer occurs.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds entries of the file of known findings whose finding is gone.
    ///
    /// ## Why it bites
    ///
    /// The file is to shrink only: an entry that is left would hide the finding when it comes back.
    ///
    /// ## How it is decided
    ///
    /// By the fingerprint of rule, object and message. `--update-known` takes the entry away.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// [
    ///   {"code": "PAL101", "fingerprint": "a finding that was mended"}
    /// ]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// []
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static STALE_KNOWN_FINDING = "PAL807" "stale-known-finding" Note Safe On,
        "a known finding that no longer occurs", Check::Elsewhere;
}
