//! PAL033 workload-on-host-network: a workload on the network of its nodes.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Names workloads with `hostNetwork: true`, for the map.
    ///
    /// ## Why it bites
    ///
    /// No pod policy binds them: what its nodes may reach and be reached by counts for it.
    ///
    /// ## How it is decided
    ///
    /// Said by `palisade map` and `palisade diff`; for policies that select them see PAL126 and PAL127.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// a Deployment with hostNetwork: true
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// a Deployment without it
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static HOST_NETWORK = "PAL033" "workload-on-host-network" Note Never Off,
        "a workload on the network of its nodes", Check::Elsewhere;
}
