//! Keys of elements as people write them: `10.0.0.0-10.0.0.255 . 6 . 80`.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::ruleset::{DataType, Datum, ElementKey, Interval};

pub(super) fn text(key: &ElementKey) -> String {
    match key {
        ElementKey::Parts(parts) => parts.iter().map(interval).collect::<Vec<_>>().join(" . "),
        ElementKey::CatchAll => "*".to_owned(),
    }
}

fn interval(interval: &Interval) -> String {
    if interval.is_single() {
        datum(&interval.low())
    } else {
        format!("{}-{}", datum(&interval.low()), datum(&interval.high()))
    }
}

fn datum(value: &Datum) -> String {
    match value.data_type() {
        DataType::Ipv4Addr => {
            <[u8; 4]>::try_from(value.bytes()).map_or_else(|_| number(value), |bytes| Ipv4Addr::from(bytes).to_string())
        }
        DataType::Ipv6Addr => Ipv6Addr::from(value.to_u128()).to_string(),
        DataType::EtherAddr => value.bytes().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
        DataType::Ifname => String::from_utf8_lossy(value.bytes()).trim_end_matches('\0').to_owned(),
        DataType::Mark | DataType::CtState | DataType::CtStatus | DataType::TcpFlag => {
            format!("{:#x}", value.to_u128())
        }
        DataType::EtherType
        | DataType::InetProto
        | DataType::InetService
        | DataType::IcmpType
        | DataType::IcmpCode
        | DataType::Icmpv6Type
        | DataType::Icmpv6Code
        | DataType::CtDir
        | DataType::NfProto
        | DataType::PktType
        | DataType::FibAddrtype
        | DataType::Uid
        | DataType::Gid
        | DataType::Dscp
        | DataType::Integer8
        | DataType::Integer16
        | DataType::Integer32 => number(value),
    }
}

fn number(value: &Datum) -> String {
    value.to_u128().to_string()
}
