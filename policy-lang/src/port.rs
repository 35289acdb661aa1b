//! Ports and protocols of a policy rule.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;

/// A transport protocol that Kubernetes knows (sem-50).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Protocol {
    /// IP protocol 6.
    Tcp,
    /// IP protocol 17.
    Udp,
    /// IP protocol 132.
    Sctp,
}

/// One entry of a rule's `ports`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PortMatch {
    /// Matched exactly; TCP where the user wrote none.
    pub protocol: Protocol,
    /// Which destination ports of that protocol.
    pub ports: Ports,
}

/// A kind of ICMP.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IcmpMatch {
    /// Of IPv4 or of IPv6.
    pub version: IcmpVersion,
    /// The type; every type where there is none.
    pub icmp_type: Option<u8>,
    /// The code; every code where there is none. Only together with a type.
    pub code: Option<u8>,
}

/// ICMP or ICMPv6.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum IcmpVersion {
    /// ICMP between IPv4 addresses.
    V4,
    /// ICMPv6 between IPv6 addresses.
    V6,
}

/// Destination ports.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Ports {
    /// Every port of the protocol (sem-51).
    All,
    /// `first..=last`; a single port is a range of one (sem-53).
    Range(PortRange),
    /// Resolved per destination pod (sem-54).
    Named(Arc<str>),
}

/// A range of ports, both ends included. Port 0 is no port (sem-63).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PortRange {
    first: NonZeroU16,
    last: NonZeroU16,
}

impl Protocol {
    /// The IP protocol number.
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self { first: NonZeroU16::MIN, last: NonZeroU16::MAX };

    /// `first..=last`, or nothing if that is empty.
    pub fn new(first: NonZeroU16, last: NonZeroU16) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// One port.
    pub fn single(port: NonZeroU16) -> Self {
        Self { first: port, last: port }
    }

    /// The lowest port.
    pub fn first(self) -> u16 {
        self.first.get()
    }

    /// The highest port, included.
    pub fn last(self) -> u16 {
        self.last.get()
    }

    /// Whether `port` lies in the range.
    pub fn contains(self, port: u16) -> bool {
        (self.first()..=self.last()).contains(&port)
    }
}

impl PortMatch {
    /// Whether its number hangs on the destination pod.
    pub fn is_named(&self) -> bool {
        match &self.ports {
            Ports::Named(_) => true,
            Ports::All | Ports::Range(_) => false,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        })
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

impl fmt::Display for PortMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ports {
            Ports::All => write!(f, "{}", self.protocol),
            Ports::Range(range) => write!(f, "{range}/{}", self.protocol),
            Ports::Named(name) => write!(f, "{name}/{}", self.protocol),
        }
    }
}
