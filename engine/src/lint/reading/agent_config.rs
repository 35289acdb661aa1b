//! PAL030 agent-config-invalid: a configuration of `--config` that cannot be understood.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds unknown fields and wrong values in the file of `--config`.
    ///
    /// ## Why it bites
    ///
    /// A field with a slip in it configures nothing.
    ///
    /// ## How it is decided
    ///
    /// By the commands that compile and by the agent.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// manifest: [k8s]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// manifests: [k8s]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static AGENT_CONFIG = "PAL030" "agent-config-invalid" Error Never Off,
        "a configuration of `--config` that cannot be understood", Check::Elsewhere;
}
