//! `typeof`: for types without a name, nft notes a field that has the type, in the set's user data.
//!
//! The fields are the same that the renderer names.

use super::field::{ct, meta};
use super::userdata::Userdata;
use crate::ruleset::DataType;

/// nft's `enum expr_types`.
const EXPR_PAYLOAD: u32 = 7;
const EXPR_EXTHDR: u32 = 8;
const EXPR_META: u32 = 9;
const EXPR_CT: u32 = 12;
const EXPR_CONCAT: u32 = 13;
const EXPR_FIB: u32 = 26;

/// `NFTNL_UDATA_SET_TYPEOF_EXPR` and `NFTNL_UDATA_SET_TYPEOF_DATA`.
const TYPEOF_EXPR: u8 = 0;
const TYPEOF_DATA: u8 = 1;

/// nft's `enum proto_desc_id`.
const PROTO_ESP: u32 = 2;
const PROTO_ICMP: u32 = 4;
const PROTO_TCP: u32 = 8;
const PROTO_DCCP: u32 = 9;
const PROTO_IP: u32 = 12;
const PROTO_IP6: u32 = 13;
const PROTO_ICMPV6: u32 = 14;
const PROTO_ARP: u32 = 15;
const PROTO_ETHER: u32 = 17;

/// nft's number of the mobility header.
const EXTHDR_MH: u32 = 8;

/// The payload's length in bits, noted where the type does not have it.
const PAYLOAD_BITS: u8 = 4;

/// Whether nft has no name for one of these types.
pub(super) fn is_needed(types: &[DataType]) -> bool {
    types.iter().any(|data_type| match data_type {
        DataType::Integer8 | DataType::Integer16 | DataType::Integer32 | DataType::Integer64 | DataType::Spi => true,
        DataType::Ipv4Addr
        | DataType::Ipv6Addr
        | DataType::EtherAddr
        | DataType::EtherType
        | DataType::ArpOp
        | DataType::InetProto
        | DataType::InetService
        | DataType::IcmpType
        | DataType::IcmpCode
        | DataType::Icmpv6Type
        | DataType::Icmpv6Code
        | DataType::TcpFlag
        | DataType::Mark
        | DataType::CtState
        | DataType::CtStatus
        | DataType::CtDir
        | DataType::Ifname
        | DataType::NfProto
        | DataType::PktType
        | DataType::FibAddrtype
        | DataType::Uid
        | DataType::Gid
        | DataType::Dscp
        | DataType::Ecn
        | DataType::Time
        | DataType::MhType
        | DataType::DccpPkttype
        | DataType::Boolean => false,
    })
}

/// The note for a type or a concatenation; nothing where it would be longer than a note can be.
pub(super) fn note(types: &[DataType]) -> Option<Userdata> {
    if let [data_type] = types {
        return one(*data_type);
    }
    let mut fields = Userdata::default();
    for (index, data_type) in (0..).zip(types) {
        fields.push_bytes(index, one(*data_type)?.as_bytes()).ok()?;
    }
    expr(EXPR_CONCAT, &fields)
}

fn one(data_type: DataType) -> Option<Userdata> {
    let payload = |protocol, template| (EXPR_PAYLOAD, vec![(0, protocol), (1, template)]);
    let number = |template, bits| (EXPR_PAYLOAD, vec![(0, PROTO_IP), (1, template), (PAYLOAD_BITS, bits)]);
    let meta = |key| (EXPR_META, vec![(0, key)]);
    // Of no direction.
    let ct = |key| (EXPR_CT, vec![(0, key), (1, u32::MAX)]);
    let (kind, numbers) = match data_type {
        DataType::Ipv4Addr => payload(PROTO_IP, 11),
        DataType::Ipv6Addr => payload(PROTO_IP6, 8),
        DataType::EtherAddr => payload(PROTO_ETHER, 2),
        DataType::EtherType => payload(PROTO_ETHER, 3),
        DataType::ArpOp => payload(PROTO_ARP, 5),
        DataType::InetProto => meta(meta::L4PROTO),
        DataType::InetService => payload(PROTO_TCP, 2),
        DataType::IcmpType => payload(PROTO_ICMP, 1),
        DataType::IcmpCode => payload(PROTO_ICMP, 2),
        DataType::Icmpv6Type => payload(PROTO_ICMPV6, 1),
        DataType::Icmpv6Code => payload(PROTO_ICMPV6, 2),
        DataType::TcpFlag => payload(PROTO_TCP, 7),
        DataType::Mark => meta(meta::MARK),
        DataType::CtState => ct(ct::STATE),
        DataType::CtStatus => ct(ct::STATUS),
        DataType::CtDir => ct(ct::DIRECTION),
        DataType::Ifname => meta(meta::IIFNAME),
        DataType::NfProto => meta(meta::NFPROTO),
        DataType::PktType => meta(meta::PKTTYPE),
        DataType::FibAddrtype => (EXPR_FIB, vec![(0, super::field::FIB_RESULT_ADDRTYPE), (1, super::field::FIB_DADDR)]),
        DataType::Uid => meta(meta::SKUID),
        DataType::Gid => meta(meta::SKGID),
        DataType::Dscp => payload(PROTO_IP, 3),
        DataType::Ecn => payload(PROTO_IP, 4),
        DataType::Integer8 => number(8, 8),
        DataType::Integer16 => number(7, 16),
        DataType::Integer32 => meta(meta::LEN),
        DataType::Integer64 => ct(ct::BYTES),
        DataType::Time => ct(ct::EXPIRATION),
        DataType::MhType => (EXPR_EXTHDR, vec![(1, 3), (0, EXTHDR_MH)]),
        DataType::DccpPkttype => payload(PROTO_DCCP, 3),
        DataType::Boolean => meta(meta::SECPATH),
        DataType::Spi => (EXPR_PAYLOAD, vec![(0, PROTO_ESP), (1, 1), (PAYLOAD_BITS, 32)]),
    };
    let mut data = Userdata::default();
    for (index, number) in numbers {
        data.push_u32(index, number);
    }
    expr(kind, &data)
}

fn expr(kind: u32, data: &Userdata) -> Option<Userdata> {
    let mut note = Userdata::default();
    note.push_u32(TYPEOF_EXPR, kind);
    note.push_bytes(TYPEOF_DATA, data.as_bytes()).ok()?;
    Some(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_as_nft_writes_them() {
        let bytes = |types: &[DataType]| note(types).unwrap().as_bytes().to_vec();
        assert_eq!(bytes(&[DataType::Integer32]), b"\0\x04\x09\0\0\0\x01\x06\0\x04\0\0\0\0");
        assert_eq!(
            bytes(&[DataType::Integer8]),
            b"\0\x04\x07\0\0\0\x01\x12\0\x04\x0c\0\0\0\x01\x04\x08\0\0\0\x04\x04\x08\0\0\0"
        );
        let pair = bytes(&[DataType::Integer32, DataType::Ipv4Addr]);
        assert_eq!(pair.get(..10), Some(&b"\0\x04\x0d\0\0\0\x01\x26\0\x0e"[..]));
    }
}
