//! PAL001 yaml-syntax: the text is no YAML, or still a template.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds documents that are not YAML, or in which `{{ }}` of a template still stands.
    ///
    /// ## Why it bites
    ///
    /// A document that cannot be read is a policy that is not there: `kubectl apply` of a folder stops at it, and
    /// what it was to close stays open.
    ///
    /// ## How it is decided
    ///
    /// By the parser. The other documents of the file are read all the same.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// metadata: {name: {{ .Values.name }}}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// metadata: {name: web}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never. Lint what `helm template` prints, not the templates.
    pub(crate) static YAML_SYNTAX = "PAL001" "yaml-syntax" Error Never On,
        "the text is no YAML, or still a template", Check::Elsewhere;
}
