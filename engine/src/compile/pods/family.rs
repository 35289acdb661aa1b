//! IPv4 and IPv6, by the width of what dispatches.

use policy_lang::policy::Direction;

use crate::ruleset::{DataType, Field};

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::compile) enum AddressFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Both.
pub(super) const FAMILIES: [AddressFamily; 2] = [AddressFamily::V4, AddressFamily::V6];

impl AddressFamily {
    pub(in crate::compile) fn digit(self) -> char {
        match self {
            Self::V4 => '4',
            Self::V6 => '6',
        }
    }

    pub(in crate::compile) fn address_type(self) -> DataType {
        match self {
            Self::V4 => DataType::Ipv4Addr,
            Self::V6 => DataType::Ipv6Addr,
        }
    }

    pub(super) fn saddr(self) -> Field {
        match self {
            Self::V4 => Field::IpSaddr,
            Self::V6 => Field::Ip6Saddr,
        }
    }

    pub(super) fn daddr(self) -> Field {
        match self {
            Self::V4 => Field::IpDaddr,
            Self::V6 => Field::Ip6Daddr,
        }
    }

    /// The kernel's number, as `meta nfproto` has it.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::V4 => 2,
            Self::V6 => 10,
        }
    }
}

/// The address of the pod that is judged: the source for egress.
pub(super) fn own_field(direction: Direction, family: AddressFamily) -> Field {
    match direction {
        Direction::Egress => family.saddr(),
        Direction::Ingress => family.daddr(),
    }
}
