//! PAL629 host-skipped-characters: characters that begin no word are skipped.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds characters that ferm skips in silence.
    ///
    /// ## Why it bites
    ///
    /// A `?` or a `%` in the wrong place changes nothing and hides a mistake.
    ///
    /// ## How it is decided
    ///
    /// By the parser.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT ? ACCEPT;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT ACCEPT;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static SKIPPED_CHARACTERS = "PAL629" "host-skipped-characters" Warning Never On,
        "characters that begin no word are skipped", Check::Elsewhere;
}
