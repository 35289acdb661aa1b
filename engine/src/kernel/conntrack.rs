//! Connection tracking: which flows there are, and one bit of their marks.
//!
//! [`Conntrack`] is the seam: netlink ([`Ctnetlink`]) on one side, entries in memory ([`Fake`]) on the other.
//!
//! Invariant: nothing here deletes an entry. The next packet of a deleted TCP flow makes a new entry, from whichever
//! side it comes, so that the other side re-opens what was cut; a translated flow loses its translation with it.

use std::net::IpAddr;

pub use self::fake::Fake;
#[cfg(feature = "kernel")]
pub use self::netlink::Ctnetlink;

#[cfg(feature = "kernel")]
pub(super) mod decode;
mod fake;
#[cfg(feature = "kernel")]
mod netlink;

/// Connection tracking of one network namespace.
pub trait Conntrack {
    /// How many entries there are, at no cost. Of all network namespaces that share a table, only this one's count.
    ///
    /// # Errors
    /// [`ConntrackError`].
    fn count(&mut self) -> Result<usize, ConntrackError>;

    /// Reads the entries, and keeps those that `keep` wants of those that the filter lets through.
    ///
    /// Entries that come or go meanwhile may be missing, and one may be there twice: the table has no generations.
    ///
    /// # Errors
    /// [`ConntrackError`].
    fn entries(&mut self, filter: &Filter, keep: &mut dyn FnMut(&Entry) -> bool) -> Result<Entries, ConntrackError>;

    /// Sets or clears the bits of `mask` in the marks of these flows, and leaves their other bits alone. A flow that has
    /// ended meanwhile is no error.
    ///
    /// # Errors
    /// [`ConntrackError`]; some of the flows may have been changed.
    fn mark(&mut self, mask: u32, changes: &[Change]) -> Result<Marked, ConntrackError>;
}

/// Why entries could not be read or marked.
#[derive(Debug, thiserror::Error)]
pub enum ConntrackError {
    /// No permission.
    #[error("not permitted to read and mark connections (CAP_NET_ADMIN is needed)")]
    Denied,
    /// No reading was whole.
    #[error("the table of connections could not be read as a whole in {attempts} attempts")]
    Unsteady {
        /// How often it was tried.
        attempts: u32,
    },
    /// The socket failed, or the kernel has no ctnetlink.
    #[error("conntrack: {0}")]
    Io(#[from] std::io::Error),
}

/// One flow that conntrack knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// By what it is changed.
    pub flow: Flow,
    /// Its first packet, before any translation.
    pub original: Tuple,
    /// What its answers look like, before they are translated back: the source is the original's destination after
    /// DNAT, the destination its source after SNAT.
    pub reply: Tuple,
    /// Bits of `IPS_*`: 2 seen-reply, 4 assured, 16 snat, 32 dnat.
    pub status: u32,
    /// `ct mark`.
    pub mark: u32,
    /// Seconds until it ends without a packet; 0 if the kernel did not say.
    pub timeout: u32,
}

/// One direction of a flow.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tuple {
    /// The source address; of the same family as the destination.
    pub source: IpAddr,
    /// The destination address.
    pub destination: IpAddr,
    /// The IP protocol.
    pub protocol: u8,
    /// What else tells flows between two addresses apart.
    pub key: Key,
}

/// What tells the flows of one protocol between two addresses apart.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Key {
    /// Ports.
    Ports {
        /// Of the source.
        source: u16,
        /// Of the destination.
        destination: u16,
    },
    /// ICMP and ICMPv6: questions that are answered.
    Icmp {
        /// The identifier.
        id: u16,
        /// The type.
        icmp_type: u8,
        /// The code.
        code: u8,
    },
    /// Nothing: there is one flow.
    None,
}

/// How the kernel is told which flow is meant.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Flow {
    /// The kernel's number of the entry. It tells a flow from an earlier one of the same addresses and ports when
    /// notices are compared; an update by ctnetlink does not look at it.
    pub id: u32,
    /// The conntrack zone; 0 unless somebody makes zones.
    pub zone: u16,
    /// `AF_INET` or `AF_INET6`.
    family: u8,
    /// The original tuple, in the bytes that the kernel used.
    tuple: Box<[u8]>,
}

/// Which entries to read. Old kernels ignore parts of it, so whoever asks looks at what comes, too.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    /// The family of the addresses.
    pub family: Option<Family>,
    /// At which end of the flows an address stands.
    pub end: Option<(End, IpAddr)>,
    /// A mask, and the mark's bits in it.
    pub mark: Option<(u32, u32)>,
}

/// The family of a flow's addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The end of a flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Who sent the first packet.
    Client,
    /// To whom it went, after DNAT.
    Server,
}

/// What was read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Entries {
    /// Those that were kept.
    pub kept: Vec<Entry>,
    /// How many there were.
    pub n_read: usize,
}

/// What is to be done to one flow's mark.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Which flow.
    pub flow: Flow,
    /// What to do.
    pub bit: Bit,
}

/// What a bit is to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bit {
    /// 1.
    Set,
    /// 0.
    Cleared,
}

/// What became of changes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Marked {
    /// Flows that were changed.
    pub n_changed: usize,
    /// Flows that had ended.
    pub n_gone: usize,
}

impl Entry {
    /// Who sent the first packet, and to whom it went after DNAT.
    pub fn ends(&self) -> [IpAddr; 2] {
        [self.original.source, self.reply.source]
    }
}

impl Family {
    /// That of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

impl Filter {
    /// Whether an entry is wanted.
    pub fn wants(&self, entry: &Entry) -> bool {
        let Self { family, end, mark } = self;
        let [client, server] = entry.ends();
        let of_family = family.is_none_or(|family| Family::of(client) == family);
        let at_end = end.is_none_or(|(end, address)| match end {
            End::Client => client == address,
            End::Server => server == address,
        });
        of_family && at_end && mark.is_none_or(|(mask, bits)| entry.mark & mask == bits)
    }
}
