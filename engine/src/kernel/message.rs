//! Netlink messages: numbers, requests that are written by hand, and a walk over what was received.

use super::attribute::Attributes;
use crate::ruleset::{Family, TableKey};

/// Length of `struct nlmsghdr` in bytes.
const HEADER: usize = 16;

/// Length of `struct nfgenmsg` in bytes.
const NFGEN: usize = 4;

/// `NFNL_SUBSYS_NFTABLES` in the high byte of a message's type.
const NFTABLES: u16 = Subsystem::Nftables.bits();

/// Who of netfilter is spoken to (`NFNL_SUBSYS_*`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Subsystem {
    /// Connection tracking.
    Conntrack,
    /// Sets of the ipset program.
    Ipset,
    /// Tables, chains, rules and sets.
    Nftables,
}

impl Subsystem {
    /// In the high byte of a message's type.
    const fn bits(self) -> u16 {
        match self {
            Self::Conntrack => 1 << 8,
            Self::Ipset => 6 << 8,
            Self::Nftables => 10 << 8,
        }
    }
}

/// `NLMSG_ERROR`, `NLMSG_DONE` and `NLMSG_OVERRUN`.
pub(super) const NLMSG_ERROR: u16 = 2;
pub(super) const NLMSG_DONE: u16 = 3;

/// `NFNL_MSG_BATCH_BEGIN`, `NFNL_MSG_BATCH_END`.
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;

/// `NFNL_BATCH_GENID`.
const BATCH_GENERATION: u16 = 1;

/// `NLM_F_*`.
const REQUEST: u16 = 1;
pub(super) const ACK: u16 = 4;
pub(super) const DUMP: u16 = 0x300;
pub(super) const CREATE: u16 = 0x400;
pub(super) const EXCLUSIVE: u16 = 0x200;
pub(super) const APPEND: u16 = 0x800;
/// `NLM_F_DUMP_INTR`: what is dumped changed meanwhile.
const INTERRUPTED: u16 = 0x10;
/// `NLM_F_CAPPED`: an error repeats only the header of what it is about.
const CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: attributes follow the error.
const ACK_TLVS: u16 = 0x200;

/// `NLMSGERR_ATTR_MSG`, `NLMSGERR_ATTR_OFFS`.
const ERROR_MESSAGE: u16 = 1;
const ERROR_OFFSET: u16 = 2;

/// `NFT_MSG_*`.
pub(super) mod kind {
    pub(in crate::kernel) const NEW_TABLE: u16 = 0;
    pub(in crate::kernel) const GET_TABLE: u16 = 1;
    pub(in crate::kernel) const DELETE_TABLE: u16 = 2;
    pub(in crate::kernel) const NEW_CHAIN: u16 = 3;
    pub(in crate::kernel) const GET_CHAIN: u16 = 4;
    pub(in crate::kernel) const DELETE_CHAIN: u16 = 5;
    pub(in crate::kernel) const NEW_RULE: u16 = 6;
    pub(in crate::kernel) const GET_RULE: u16 = 7;
    pub(in crate::kernel) const DELETE_RULE: u16 = 8;
    pub(in crate::kernel) const NEW_SET: u16 = 9;
    pub(in crate::kernel) const GET_SET: u16 = 10;
    pub(in crate::kernel) const DELETE_SET: u16 = 11;
    pub(in crate::kernel) const NEW_ELEMENTS: u16 = 12;
    pub(in crate::kernel) const GET_ELEMENTS: u16 = 13;
    pub(in crate::kernel) const DELETE_ELEMENTS: u16 = 14;
    pub(in crate::kernel) const NEW_GENERATION: u16 = 15;
    pub(in crate::kernel) const GET_GENERATION: u16 = 16;
    pub(in crate::kernel) const NEW_OBJECT: u16 = 18;
    pub(in crate::kernel) const GET_OBJECT: u16 = 19;
    pub(in crate::kernel) const DELETE_OBJECT: u16 = 20;
    pub(in crate::kernel) const NEW_FLOWTABLE: u16 = 22;
    pub(in crate::kernel) const GET_FLOWTABLE: u16 = 23;
    pub(in crate::kernel) const DELETE_FLOWTABLE: u16 = 24;
}

/// `NFTA_*_TABLE` and `NFTA_*_NAME`, the same for every kind of object but tables, whose name is attribute 1.
pub(super) const OBJECT_TABLE: u16 = 1;
pub(super) const OBJECT_NAME: u16 = 2;

/// `NFPROTO_*` of a table's family.
pub(super) fn family_number(family: Family) -> u8 {
    match family {
        Family::Inet => 1,
        Family::Ip => 2,
        Family::Arp => 3,
        Family::Bridge => 7,
        Family::Ip6 => 10,
    }
}

/// The family of a number of the kernel's; not all of them are palisade's.
pub(super) fn family(number: u8) -> Option<Family> {
    [Family::Inet, Family::Ip, Family::Ip6, Family::Arp, Family::Bridge]
        .into_iter()
        .find(|family| family_number(*family) == number)
}

/// A question to nf_tables; `attributes` are as [`super::attribute::push`] makes them.
pub(super) fn request(kind: u16, flags: u16, family: u8, seq: u32, attributes: &[u8]) -> Vec<u8> {
    raw(NFTABLES | kind, flags, [family, 0, 0, 0], seq, attributes)
}

/// A question to, or a wish of, another subsystem than nf_tables.
pub(super) fn request_to(
    subsystem: Subsystem,
    kind: u16,
    flags: u16,
    family: u8,
    seq: u32,
    attributes: &[u8],
) -> Vec<u8> {
    raw(subsystem.bits() | kind, flags, [family, 0, 0, 0], seq, attributes)
}

/// A question about one table: its name, and what else.
pub(super) fn request_of(kind: u16, flags: u16, table: &TableKey, seq: u32, name: Option<&str>) -> Vec<u8> {
    let mut attributes = Vec::new();
    push_text(&mut attributes, OBJECT_TABLE, table.name.as_str());
    if let Some(name) = name {
        push_text(&mut attributes, OBJECT_NAME, name);
    }
    request(kind, flags, family_number(table.family), seq, &attributes)
}

/// The begin of a batch; with a generation, nothing is done unless it is the kernel's.
pub(super) fn begin(seq: u32, generation: Option<u32>) -> Vec<u8> {
    let mut attributes = Vec::new();
    if let Some(generation) = generation {
        super::attribute::push(&mut attributes, BATCH_GENERATION, &generation.to_be_bytes());
    }
    raw(BATCH_BEGIN, 0, batch_header(), seq, &attributes)
}

/// The end of a batch; without it the kernel checks and forgets.
pub(super) fn end(seq: u32, flags: u16) -> Vec<u8> {
    raw(BATCH_END, flags, batch_header(), seq, &[])
}

fn batch_header() -> [u8; NFGEN] {
    let [high, low] = (NFTABLES >> 8).to_be_bytes();
    [0, 0, high, low]
}

fn push_text(attributes: &mut Vec<u8>, kind: u16, text: &str) {
    let mut value = text.as_bytes().to_vec();
    value.push(0);
    super::attribute::push(attributes, kind, &value);
}

/// A request of any subsystem; `nfgen` is family, version and resource id.
pub(super) fn raw(kind: u16, flags: u16, nfgen: [u8; NFGEN], seq: u32, attributes: &[u8]) -> Vec<u8> {
    let length = HEADER + NFGEN + attributes.len();
    let mut message = Vec::with_capacity(length);
    message.extend(u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((flags | REQUEST).to_ne_bytes());
    message.extend(seq.to_ne_bytes());
    message.extend(0_u32.to_ne_bytes());
    message.extend(nfgen);
    message.extend(attributes);
    message
}

/// One message that was received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received<'a> {
    /// Of the request that it answers.
    pub(super) seq: u32,
    /// The port of whoever caused it.
    pub(super) port: u32,
    /// Whether the dump that it is part of is not of one piece.
    pub(super) is_interrupted: bool,
    pub(super) content: Content<'a>,
}

/// What a message says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    /// An object.
    Object { kind: u16, family: u8, attributes: Attributes<'a> },
    /// The end of a dump, with an error that ended it early.
    Done { errno: i32 },
    /// Something went wrong, or, with errno 0, an acknowledgement.
    Error { errno: i32, offset: Option<u32>, message: Option<&'a str> },
    /// Nothing of interest.
    Other,
}

/// The messages of a datagram; ends at the first one that is not whole.
#[derive(Debug)]
pub(super) struct Messages<'a> {
    rest: &'a [u8],
    subsystem: Subsystem,
}

impl<'a> Messages<'a> {
    /// Those of nf_tables.
    pub(super) fn new(datagram: &'a [u8]) -> Self {
        Self::of(Subsystem::Nftables, datagram)
    }

    /// Objects of this subsystem; those of others are of no interest.
    pub(super) fn of(subsystem: Subsystem, datagram: &'a [u8]) -> Self {
        Self { rest: datagram, subsystem }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Received<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::try_from(u32_at(self.rest, 0)?).ok()?;
        let message = self.rest.get(..length).filter(|message| message.len() >= HEADER)?;
        self.rest = self.rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        let flags = u16_at(message, 6)?;
        Some(Received {
            seq: u32_at(message, 8)?,
            port: u32_at(message, 12)?,
            is_interrupted: flags & INTERRUPTED != 0,
            content: content(self.subsystem, u16_at(message, 4)?, flags, message.get(HEADER..)?),
        })
    }
}

/// The messages of a datagram by their types with the subsystem, and their attributes; ends at the first one that is not
/// whole.
pub(super) fn payloads(mut datagram: &[u8]) -> impl Iterator<Item = (u16, Attributes<'_>)> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(datagram, 0)?).ok()?;
        let message = datagram.get(..length)?;
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((u16_at(message, 4)?, Attributes::new(message.get(HEADER + NFGEN..)?)))
    })
}

/// A message of another protocol than netfilter's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) kind: u16,
    pub(super) seq: u32,
    pub(super) payload: &'a [u8],
}

/// The messages of a datagram; ends at the first one that is not whole.
pub(super) fn frames(mut datagram: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(datagram, 0)?).ok()?;
        let message = datagram.get(..length)?;
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some(Frame { kind: u16_at(message, 4)?, seq: u32_at(message, 8)?, payload: message.get(HEADER..)? })
    })
}

fn content(subsystem: Subsystem, kind: u16, flags: u16, payload: &[u8]) -> Content<'_> {
    match kind {
        NLMSG_DONE => Content::Done { errno: u32_at(payload, 0).map_or(0, errno) },
        NLMSG_ERROR => error(flags, payload),
        _ if kind & 0xff00 == subsystem.bits() => match payload.split_at_checked(NFGEN) {
            Some(([family, ..], attributes)) => {
                Content::Object { kind: kind & 0xff, family: *family, attributes: Attributes::new(attributes) }
            }
            Some(_) | None => Content::Other,
        },
        _ => Content::Other,
    }
}

/// An error is a number and the header of the message that it is about, which the socket has asked to be all of it.
fn error(flags: u16, payload: &[u8]) -> Content<'_> {
    let Some(number) = u32_at(payload, 0) else { return Content::Other };
    let repeated = if flags & CAPPED != 0 {
        HEADER
    } else {
        u32_at(payload, 4).and_then(|length| usize::try_from(length).ok()).unwrap_or(HEADER)
    };
    let tlvs = (flags & ACK_TLVS != 0).then(|| payload.get(repeated.saturating_add(4 + 3) / 4 * 4..)).flatten();
    let tlvs = Attributes::new(tlvs.unwrap_or(&[]));
    let offset = tlvs.get(ERROR_OFFSET).and_then(|value| u32_at(value, 0));
    Content::Error { errno: errno(number), offset, message: tlvs.text(ERROR_MESSAGE) }
}

/// The kernel sends errors negated.
pub(super) fn errno(number: u32) -> i32 {
    i32::from_ne_bytes(number.to_ne_bytes()).wrapping_neg()
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_ne_bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_ne_bytes)
}
