//! Values of every type.

use engine::ruleset::{DataType, Datum, Interval};

use crate::fixture::{interval, v4, v6};

/// Values of a type that nft writes in the ways it has.
pub(crate) fn samples(data_type: DataType) -> Vec<Datum> {
    let number = |number: u32| Datum::number(data_type, number);
    match data_type {
        DataType::Ipv4Addr => vec![v4("0.0.0.0"), v4("10.0.0.1"), v4("255.255.255.255")],
        DataType::Ipv6Addr => {
            ["2001:db8::1", "::ffff:1.2.3.4", "::", "::1", "::1.2.3.4", "::5:0", "1:0:0:2::", "fe80::1:0:0:1"]
                .map(v6)
                .into()
        }
        DataType::EtherAddr => [[0, 1, 2, 3, 4, 5], [2, 255, 16, 0, 0, 1]]
            .map(|bytes| Datum::from_bytes(DataType::EtherAddr, &bytes))
            .into(),
        DataType::ArpOp => (0..=11).map(number).collect(),
        DataType::EtherType => [0x0800, 0x0806, 0x8100, 0x86dd, 0x88a8, 0x1234, 0x12].map(number).into(),
        DataType::InetProto => [6, 1, 17, 33, 50, 51, 58, 132, 136, 200, 255].map(number).into(),
        DataType::InetService | DataType::Integer16 => [1, 22, 65_535, 0].map(number).into(),
        DataType::IcmpType | DataType::Icmpv6Type => (0..=160).map(number).collect(),
        DataType::IcmpCode | DataType::Icmpv6Code => (0..=16).map(number).collect(),
        DataType::TcpFlag => (0..=255).map(number).collect(),
        DataType::Mark | DataType::Uid | DataType::Gid | DataType::Integer32 | DataType::Spi => {
            [0, 1000, 256, 70_000].map(number).into()
        }
        // Several bits at once are listed in a form that nft does not read back.
        DataType::CtState => [0, 1, 2, 4, 8, 16, 32, 64, 128, 256].map(number).into(),
        DataType::CtStatus => (0..16).map(|shift| number(1 << shift)).collect(),
        DataType::CtDir | DataType::Boolean => [0, 1].map(number).into(),
        DataType::Ifname => ["lo", "eth0", "veth1234567890a"].map(Datum::ifname).into(),
        DataType::NfProto => [2, 10, 7].map(number).into(),
        DataType::PktType => (0..=5).map(number).collect(),
        DataType::FibAddrtype => (0..=12).map(number).collect(),
        DataType::Dscp => (0..=63).map(number).collect(),
        DataType::Ecn => (0..=3).map(number).collect(),
        DataType::Integer64 => {
            [0, 1000, 1 << 32, u128::from(u64::MAX >> 1)].map(|number| Datum::from_u128(data_type, number)).into()
        }
        DataType::Time => [1_000, 90_000, 3_600_000].map(number).into(),
        DataType::MhType => (0..=14).map(number).collect(),
        DataType::DccpPkttype => (0..=15).map(number).collect(),
        DataType::Integer8 => [0, 1, 64, 255].map(number).into(),
    }
}

/// A range that is no network, for types that can have one in a set.
pub(crate) fn sample_range(data_type: DataType) -> Option<Interval> {
    let is_ranged = !is_bits(data_type)
        && !matches!(data_type, DataType::Ifname | DataType::CtDir | DataType::Boolean | DataType::Ecn);
    // Of times nft lists whole seconds in ranges.
    let unit = if data_type == DataType::Time { 1_000 } else { 1 };
    is_ranged.then(|| interval(Datum::from_u128(data_type, 3 * unit), Datum::from_u128(data_type, 9 * unit)))
}

pub(crate) fn is_bits(data_type: DataType) -> bool {
    matches!(data_type, DataType::CtState | DataType::CtStatus | DataType::TcpFlag)
}

pub(crate) fn is_one_bit(value: &Datum) -> bool {
    value.to_u128().is_power_of_two()
}
