//! nft's numbers for data types. The kernel stores them for listing and compares nothing by them.

use crate::ruleset::DataType;

/// Bits of one type in the number of a concatenation (`TYPE_BITS`).
const CONCAT_BITS: u32 = 6;

/// Most fields that fit into the number of a concatenation.
const CONCAT_MAX: usize = 5;

/// nft's `enum byteorder`.
const BYTEORDER_NONE: u32 = 0;
const BYTEORDER_HOST: u32 = 1;
const BYTEORDER_NETWORK: u32 = 2;

/// nft's number of a type (`enum datatypes`).
fn id(data_type: DataType) -> u32 {
    match data_type {
        DataType::NfProto => 2,
        DataType::Integer8 | DataType::Integer16 | DataType::Integer32 | DataType::Integer64 => 4,
        // nft's number for any address of a link: it goes by the field that is noted, and reading back by the number.
        DataType::Spi => 6,
        DataType::Ipv4Addr => 7,
        DataType::Ipv6Addr => 8,
        DataType::EtherAddr => 9,
        DataType::EtherType => 10,
        DataType::ArpOp => 11,
        DataType::InetProto => 12,
        DataType::InetService => 13,
        DataType::IcmpType => 14,
        DataType::TcpFlag => 15,
        DataType::DccpPkttype => 16,
        DataType::MhType => 17,
        DataType::Time => 18,
        DataType::Mark => 19,
        DataType::Uid => 24,
        DataType::Gid => 25,
        DataType::CtState => 26,
        DataType::CtDir => 27,
        DataType::CtStatus => 28,
        DataType::Icmpv6Type => 29,
        DataType::PktType => 31,
        DataType::IcmpCode => 32,
        DataType::Icmpv6Code => 33,
        DataType::Dscp => 36,
        DataType::Ecn => 37,
        DataType::Boolean => 39,
        DataType::FibAddrtype => 38,
        DataType::Ifname => 41,
    }
}

/// The number of a type or of a concatenation; nothing if it has more fields than nft can number.
pub(super) fn of(types: &[DataType]) -> Option<u32> {
    (!types.is_empty() && types.len() <= CONCAT_MAX)
        .then(|| types.iter().fold(0, |number, data_type| number << CONCAT_BITS | id(*data_type)))
}

/// The types of a number. `length` is of all of them as they lie in a register, `widths` of each where that is known.
pub(super) fn types(number: u32, length: usize, widths: Option<&[u8]>) -> Option<Vec<DataType>> {
    let mut ids: Vec<u32> = (0..)
        .take(CONCAT_MAX)
        .map(|index| number >> (index * CONCAT_BITS) & ((1 << CONCAT_BITS) - 1))
        .take_while(|id| *id != 0)
        .collect();
    ids.reverse();
    let width = |index: usize| match (ids.len(), widths) {
        (1, _) => Some(length),
        (_, Some(widths)) => widths.get(index).map(|width| usize::from(*width)),
        (_, None) => None,
    };
    let types: Option<Vec<_>> = ids
        .iter()
        .enumerate()
        .map(|(index, wanted)| {
            let mut candidates = DataType::ALL.iter().copied().filter(|data_type| id(*data_type) == *wanted);
            match width(index) {
                // A field of bits lies in as many bytes as its header has for it.
                Some(width) => candidates.find(|data_type| {
                    data_type.width() == width || matches!(data_type, DataType::Dscp | DataType::Ecn) && width == 2
                }),
                None => candidates.next(),
            }
        })
        .collect();
    types.filter(|types| of(types) == Some(number))
}

/// Whether several types share the number of one of these, so that a concatenation does not show their widths.
pub(super) fn is_ambiguous(types: &[DataType]) -> bool {
    types.len() > 1 && types.iter().any(|one| DataType::ALL.iter().any(|other| other != one && id(*other) == id(*one)))
}

/// The byte order that nft notes for a key or data.
pub(super) fn byteorder(types: &[DataType]) -> u32 {
    match types {
        [data_type] if data_type.is_host_order() || *data_type == DataType::Ifname => BYTEORDER_HOST,
        [data_type] if data_type.width() > 1 => BYTEORDER_NETWORK,
        _ => BYTEORDER_NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concatenations_have_nfts_numbers() {
        assert_eq!(of(&[DataType::Ipv4Addr, DataType::InetProto, DataType::InetService]), Some(0x730d));
        assert_eq!(of(&[DataType::Ipv4Addr, DataType::InetService]), Some(0x1cd));
        assert_eq!(of(&[DataType::Mark; 6]), None);
    }

    #[test]
    fn every_type_is_found_by_its_number_and_width() {
        for data_type in DataType::ALL {
            let number = of(&[*data_type]).unwrap();
            assert_eq!(types(number, data_type.width(), None), Some(vec![*data_type]));
            let pair = vec![*data_type, DataType::Ipv4Addr];
            let widths = [u8::try_from(data_type.width()).unwrap(), 4];
            assert_eq!(types(of(&pair).unwrap(), 8, Some(&widths)), Some(pair));
        }
    }

    #[test]
    fn unknown_numbers_are_no_types() {
        assert_eq!(types(63, 4, None), None);
        assert_eq!(types(0, 4, None), None);
        assert_eq!(types(u32::MAX, 4, None), None);
    }
}
