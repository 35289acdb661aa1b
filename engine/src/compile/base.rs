//! The base chains, as data (decisions.md 3).
//!
//! A number is used once per hook: chains of equal priority run in the order of their registration, which changes
//! with every restart of whoever owns the other one.

use crate::ruleset::{BaseChain, ChainType, Hook, Name, Priority};

/// Every base chain that palisade can have in its inet table. A chain exists only if it holds something.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Base {
    /// ferm `raw PREROUTING`: before conntrack.
    RawPrerouting,
    /// ferm `raw OUTPUT`.
    RawOutput,
    /// What of ferm `raw PREROUTING` needs a conntrack entry.
    CtPrerouting,
    /// What of ferm `raw OUTPUT` needs a conntrack entry.
    CtOutput,
    /// ferm `mangle PREROUTING`.
    ManglePrerouting,
    /// ferm `mangle INPUT`.
    MangleInput,
    /// ferm `mangle FORWARD`.
    MangleForward,
    /// ferm `mangle OUTPUT`: a route chain, so that a changed mark is routed again.
    MangleOutput,
    /// ferm `mangle POSTROUTING`.
    ManglePostrouting,
    /// Host rules in `chain PRE_DNAT`: NodePorts, externalIPs and VIPs before kube-proxy rewrites them.
    PreDnat,
    /// ferm `nat PREROUTING`.
    NatPrerouting,
    /// ferm `nat OUTPUT`.
    NatOutput,
    /// ferm `nat INPUT`.
    NatInput,
    /// ferm `nat POSTROUTING`.
    NatPostrouting,
    /// ferm `filter INPUT`.
    Input,
    /// ferm `filter OUTPUT`.
    Output,
    /// Egress policy of local pods towards this node; after IPVS has taken its packets at 98 and 99.
    PodInput,
    /// Pod dispatch, then ferm `filter FORWARD`; after iptables' filter at 0, so that what is counted and logged
    /// here is what the others would have let through.
    Forward,
    /// Drops revoked flows towards local pods.
    PodOutput,
    /// ferm `security INPUT`.
    SecurityInput,
    /// ferm `security FORWARD`.
    SecurityForward,
    /// ferm `security OUTPUT`.
    SecurityOutput,
}

impl Base {
    /// The name and the hook.
    pub fn definition(self) -> (&'static str, BaseChain) {
        use ChainType::{Filter, Nat, Route};
        use Hook::{Forward, Input, Output, Postrouting, Prerouting};
        let (name, chain_type, hook, priority) = match self {
            Self::RawPrerouting => ("raw_prerouting", Filter, Prerouting, -301),
            Self::RawOutput => ("raw_output", Filter, Output, -301),
            Self::CtPrerouting => ("ct_prerouting", Filter, Prerouting, -199),
            Self::CtOutput => ("ct_output", Filter, Output, -199),
            Self::ManglePrerouting => ("mangle_prerouting", Filter, Prerouting, -151),
            Self::MangleInput => ("mangle_input", Filter, Input, -151),
            Self::MangleForward => ("mangle_forward", Filter, Forward, -151),
            Self::MangleOutput => ("mangle_output", Route, Output, -151),
            Self::ManglePostrouting => ("mangle_postrouting", Filter, Postrouting, -151),
            Self::PreDnat => ("pre_dnat", Filter, Prerouting, -115),
            Self::NatPrerouting => ("nat_prerouting", Nat, Prerouting, -101),
            Self::NatOutput => ("nat_output", Nat, Output, -101),
            Self::NatInput => ("nat_input", Nat, Input, 99),
            Self::NatPostrouting => ("nat_postrouting", Nat, Postrouting, 99),
            Self::Input => ("input", Filter, Input, -10),
            Self::Output => ("output", Filter, Output, -10),
            Self::PodInput => ("pod_input", Filter, Input, 101),
            Self::Forward => ("forward", Filter, Forward, 10),
            Self::PodOutput => ("pod_output", Filter, Output, 10),
            Self::SecurityInput => ("security_input", Filter, Input, 51),
            Self::SecurityForward => ("security_forward", Filter, Forward, 51),
            Self::SecurityOutput => ("security_output", Filter, Output, 51),
        };
        (name, BaseChain { chain_type, hook, priority: Priority(priority) })
    }

    /// The chain's name in the kernel.
    pub fn name(self) -> Name {
        Name::ours(self.definition().0)
    }
}
