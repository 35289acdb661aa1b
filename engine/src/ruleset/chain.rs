//! Chains and where they hook in.

use std::fmt;

use super::Rule;
use super::name::Comment;

/// A base chain or a regular chain, with its rules in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Chain {
    /// Where packets enter, for a base chain.
    pub base: Option<BaseChain>,
    /// Shown by nft.
    pub comment: Option<Comment>,
    /// Evaluated in order.
    pub rules: Vec<Rule>,
}

/// The hook of a base chain. Its policy is always accept.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct BaseChain {
    /// What may be done in it.
    pub chain_type: ChainType,
    /// Where in a packet's way.
    pub hook: Hook,
    /// The order among the chains of one hook, lowest first.
    pub priority: Priority,
}

/// The type of a base chain.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ChainType {
    /// Every hook.
    Filter,
    /// Address translation; sees the first packet of a connection only.
    Nat,
    /// Output only: routes again when a mark changed.
    Route,
}

/// A hook of netfilter.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Hook {
    /// Everything that arrives.
    Prerouting,
    /// To a local process.
    Input,
    /// Routed through.
    Forward,
    /// From a local process.
    Output,
    /// Everything that leaves.
    Postrouting,
}

/// The priority of a base chain: lower runs earlier. Conntrack is at -200, iptables' filter at 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Priority(pub i32);

impl fmt::Display for ChainType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filter => "filter",
            Self::Nat => "nat",
            Self::Route => "route",
        })
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        })
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
