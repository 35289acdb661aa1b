//! What became of an assertion.

use std::net::IpAddr;

use engine::connectivity::Reason;
use policy_lang::diagnostic::Code;
use policy_lang::policy::Direction;
use policy_lang::port::Protocol;
use policy_lang::source::Span;

use super::file::Layer;
use crate::map::Peer;

/// What became of an assertion.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It holds.
    Passed {
        /// For so many pairs of ends.
        pairs: usize,
    },
    /// It does not hold.
    Failed(Box<Failure>),
    /// A word means nobody in the manifests: an assertion about nobody cannot fail, so it does.
    Nobody {
        /// The word.
        word: String,
        /// Where it stands.
        span: Span,
    },
    /// It cannot be judged.
    Unclear {
        /// Why.
        message: String,
        /// Which word.
        span: Span,
    },
}

/// How an assertion fails.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// In which way.
    pub kind: Kind,
    /// The first connection by which it fails.
    pub witness: Witness,
    /// How many further pairs fail: between workloads, with nodes, with addresses.
    pub others: [usize; 3],
}

/// In which way an assertion fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// It should be permitted, and is denied.
    Denied,
    /// It should be denied, and is permitted.
    Permitted,
    /// Somebody else is permitted it, too.
    NotOnly,
    /// It hangs on an address that nobody knows.
    DependsOnPodAddress,
    /// Not the layer that was named decides.
    OtherLayer(Layer),
    /// At least one connection should be permitted, and none is.
    NothingPermitted,
}

/// One connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Witness {
    /// Who opens it.
    pub from: Peer,
    /// To whom.
    pub to: Peer,
    /// The protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
    /// What decides at each end that is bound by policies, who opens it first.
    pub because: Vec<Because>,
    /// What host rules say, where they were asked.
    pub host: Option<String>,
}

/// What decides at one end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Because {
    /// Whose policies.
    pub subject: Peer,
    /// Which way.
    pub direction: Direction,
    /// The rules, in the order in which they are asked; none where no policy has a say.
    pub reasons: Vec<Reason>,
}

impl Kind {
    /// A word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Permitted => "permitted",
            Self::NotOnly => "not-only",
            Self::DependsOnPodAddress => "depends-on-pod-address",
            Self::OtherLayer(_) => "other-layer",
            Self::NothingPermitted => "nothing-permitted",
        }
    }
}

impl Verdict {
    /// The code of the rule that it breaks; nothing where it holds.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Passed { .. } => None,
            Self::Failed(_) | Self::Unclear { .. } => Some(Code("PAL801")),
            Self::Nobody { .. } => Some(Code("PAL802")),
        }
    }

    /// Whether the assertion holds.
    pub fn is_passed(&self) -> bool {
        matches!(self, Self::Passed { .. })
    }
}

/// One address as a peer.
pub(super) fn address(address: IpAddr) -> Peer {
    Peer::Addresses { cidrs: vec![address.into()] }
}
