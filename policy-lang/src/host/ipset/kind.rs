//! The types of sets.

use Dimension::{Address, Interface, Mark, Port};

/// What members of a set are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A packet's fields together.
    Fields {
        /// What each is.
        dimensions: &'static [Dimension],
        /// Whether packets add just what they say: not networks, and no range that a set is bound to.
        takes_packets: bool,
    },
    /// Other sets.
    List,
}

/// One field of a member.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dimension {
    /// An address or a network.
    Address,
    /// A protocol and a port.
    Port,
    /// A packet's mark.
    Mark,
    /// An interface.
    Interface,
}

/// ipset's words, the fields, and whether packets can be added.
const TYPES: &[(&str, &[Dimension], bool)] = &[
    ("hash:ip", &[Address], true),
    ("bitmap:ip", &[Address], false),
    ("hash:net", &[Address], false),
    ("hash:ip,port", &[Address, Port], true),
    ("hash:net,port", &[Address, Port], false),
    ("hash:ip,port,ip", &[Address, Port, Address], true),
    ("hash:ip,port,net", &[Address, Port, Address], false),
    ("hash:net,port,net", &[Address, Port, Address], false),
    ("hash:net,net", &[Address, Address], false),
    ("hash:net,iface", &[Address, Interface], false),
    ("hash:ip,mark", &[Address, Mark], true),
    ("bitmap:port", &[Port], false),
];

impl Kind {
    /// What ipset calls so.
    pub(super) fn of(name: &str) -> Option<Self> {
        if name == "list:set" {
            return Some(Self::List);
        }
        let found = TYPES.iter().find(|(known, ..)| *known == name);
        found.map(|(_, dimensions, takes_packets)| Self::Fields { dimensions, takes_packets: *takes_packets })
    }
}
