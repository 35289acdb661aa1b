//! Values that packets are compared with, and ranges of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::every::every;

/// nft's data types, as far as palisade uses them.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DataType {
    /// `ipv4_addr`, 4 bytes.
    Ipv4Addr,
    /// `ipv6_addr`, 16 bytes.
    Ipv6Addr,
    /// `ether_addr`, 6 bytes.
    EtherAddr,
    /// `ether_type`, 2 bytes.
    EtherType,
    /// `arp_op`: request, reply, …, 2 bytes.
    ArpOp,
    /// `inet_proto`: an IP protocol number, 1 byte.
    InetProto,
    /// `inet_service`: a port, 2 bytes.
    InetService,
    /// `icmp_type`, 1 byte.
    IcmpType,
    /// `icmp_code`, 1 byte.
    IcmpCode,
    /// `icmpv6_type`, 1 byte.
    Icmpv6Type,
    /// `icmpv6_code`, 1 byte.
    Icmpv6Code,
    /// `tcp_flag`: a bit mask, 1 byte.
    TcpFlag,
    /// `mark`: of a packet or a connection, 4 bytes.
    Mark,
    /// `ct_state`: a bit mask, 4 bytes.
    CtState,
    /// `ct_status`: a bit mask, 4 bytes.
    CtStatus,
    /// `ct_dir`: 0 original, 1 reply, 1 byte.
    CtDir,
    /// `ifname`: 16 bytes, padded with NUL.
    Ifname,
    /// `nf_proto`: 2 for IPv4, 10 for IPv6, 1 byte.
    NfProto,
    /// `pkt_type`: host, broadcast, multicast, other, 1 byte.
    PktType,
    /// `fib_addrtype`: unicast, local, broadcast, …, 4 bytes.
    FibAddrtype,
    /// `uid`, 4 bytes.
    Uid,
    /// `gid`, 4 bytes.
    Gid,
    /// `dscp`: 6 bits in 1 byte.
    Dscp,
    /// `ecn`: 2 bits in 1 byte.
    Ecn,
    /// A plain 1-byte number, for instance a hop limit.
    Integer8,
    /// A plain 2-byte number in network order, for instance `ip frag-off`.
    Integer16,
    /// A plain 4-byte number in host order, for instance `meta length`.
    Integer32,
    /// A plain 8-byte number in host order, for instance `ct bytes`.
    Integer64,
    /// `time`: so many milliseconds, 4 bytes.
    Time,
    /// `mh_type`: a message of Mobile IPv6, 1 byte.
    MhType,
    /// `dccp_pkttype`: 4 bits in 1 byte.
    DccpPkttype,
    /// `boolean`: whether something is there, 1 byte.
    Boolean,
    /// A plain 4-byte number in network order: the number of an IPsec association.
    Spi,
}

/// One value of one type.
///
/// Kept big-endian in the first [`DataType::width`] bytes, so values of one type sort as the numbers that they are;
/// types that the kernel keeps in host order are turned round where they are encoded.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Datum {
    data_type: DataType,
    bytes: [u8; 16],
}

/// A range of values of one type, both ends included.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Interval {
    low: Datum,
    high: Datum,
}

every! { pub DataType {
    Ipv4Addr Ipv6Addr EtherAddr EtherType ArpOp InetProto InetService IcmpType IcmpCode Icmpv6Type Icmpv6Code TcpFlag Mark
    CtState CtStatus CtDir Ifname NfProto PktType FibAddrtype Uid Gid Dscp Ecn Integer8 Integer16 Integer32 Integer64
    Time MhType DccpPkttype Boolean Spi
} }

impl DataType {
    /// Width in bytes.
    pub fn width(self) -> usize {
        match self {
            Self::InetProto
            | Self::IcmpType
            | Self::IcmpCode
            | Self::Icmpv6Type
            | Self::Icmpv6Code
            | Self::TcpFlag
            | Self::CtDir
            | Self::NfProto
            | Self::PktType
            | Self::Dscp
            | Self::Ecn
            | Self::Integer8
            | Self::MhType
            | Self::DccpPkttype
            | Self::Boolean => 1,
            Self::EtherType | Self::ArpOp | Self::InetService | Self::Integer16 => 2,
            Self::Ipv4Addr
            | Self::Mark
            | Self::CtState
            | Self::CtStatus
            | Self::FibAddrtype
            | Self::Uid
            | Self::Gid
            | Self::Integer32
            | Self::Time
            | Self::Spi => 4,
            Self::EtherAddr => 6,
            Self::Integer64 => 8,
            Self::Ipv6Addr | Self::Ifname => 16,
        }
    }

    /// Whether the kernel keeps it as a number in the byte order of the machine.
    pub fn is_host_order(self) -> bool {
        match self {
            Self::Mark
            | Self::CtState
            | Self::CtStatus
            | Self::FibAddrtype
            | Self::Uid
            | Self::Gid
            | Self::Integer32
            | Self::Time
            | Self::Integer64 => true,
            Self::Ipv4Addr
            | Self::Ipv6Addr
            | Self::EtherAddr
            | Self::EtherType
            | Self::ArpOp
            | Self::InetProto
            | Self::InetService
            | Self::IcmpType
            | Self::IcmpCode
            | Self::Icmpv6Type
            | Self::Icmpv6Code
            | Self::TcpFlag
            | Self::CtDir
            | Self::Ifname
            | Self::NfProto
            | Self::PktType
            | Self::Dscp
            | Self::Ecn
            | Self::Integer8
            | Self::Integer16
            | Self::MhType
            | Self::DccpPkttype
            | Self::Boolean
            | Self::Spi => false,
        }
    }
}

impl Datum {
    /// An IPv4 address.
    pub fn ipv4(address: Ipv4Addr) -> Self {
        Self::from_bytes(DataType::Ipv4Addr, &address.octets())
    }

    /// An IPv6 address.
    pub fn ipv6(address: Ipv6Addr) -> Self {
        Self::from_bytes(DataType::Ipv6Addr, &address.octets())
    }

    /// An address of either family.
    pub fn address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::ipv4(address),
            IpAddr::V6(address) => Self::ipv6(address),
        }
    }

    /// A port.
    pub fn port(port: u16) -> Self {
        Self::from_bytes(DataType::InetService, &port.to_be_bytes())
    }

    /// An IP protocol number.
    pub fn protocol(number: u8) -> Self {
        Self::from_bytes(DataType::InetProto, &[number])
    }

    /// An interface name of at most 15 bytes; what is longer is cut.
    pub fn ifname(name: &str) -> Self {
        Self::from_bytes(DataType::Ifname, name.as_bytes().get(..15).unwrap_or(name.as_bytes()))
    }

    /// A number of a type that holds at most 4 bytes; higher bytes than the type has are cut off.
    pub fn number(data_type: DataType, value: u32) -> Self {
        let width = data_type.width().min(4);
        Self::from_bytes(data_type, value.to_be_bytes().get(4 - width..).unwrap_or(&[]))
    }

    /// A value from its big-endian bytes: padded with zero bytes at the end, cut to the width of the type.
    pub fn from_bytes(data_type: DataType, bytes: &[u8]) -> Self {
        let mut padded = [0; 16];
        let kept = bytes.get(..data_type.width()).unwrap_or(bytes);
        if let Some(places) = padded.get_mut(..kept.len()) {
            places.copy_from_slice(kept);
        }
        Self { data_type, bytes: padded }
    }

    /// Its type.
    pub fn data_type(&self) -> DataType {
        self.data_type
    }

    /// Its bytes, big-endian, as many as the type has.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.data_type.width()).unwrap_or(&self.bytes)
    }

    /// Its bytes as the kernel has them in a register.
    pub fn kernel_bytes(&self) -> Vec<u8> {
        let mut bytes = self.bytes().to_vec();
        if self.data_type.is_host_order() && cfg!(target_endian = "little") {
            bytes.reverse();
        }
        bytes
    }

    /// A value from the kernel's bytes; the inverse of [`Datum::kernel_bytes`].
    pub fn from_kernel_bytes(data_type: DataType, bytes: &[u8]) -> Self {
        if data_type.is_host_order() && cfg!(target_endian = "little") {
            let reversed: Vec<u8> = bytes.iter().take(data_type.width()).rev().copied().collect();
            return Self::from_bytes(data_type, &reversed);
        }
        Self::from_bytes(data_type, bytes)
    }

    /// The value as a number.
    pub fn to_u128(&self) -> u128 {
        // Beyond the width of the type all bytes are zero.
        u128::from_be_bytes(self.bytes) >> (8 * (self.bytes.len() - self.data_type.width()))
    }

    /// A value from a number; higher bytes than the type has are cut off.
    pub fn from_u128(data_type: DataType, value: u128) -> Self {
        let bytes = value.to_be_bytes();
        Self::from_bytes(data_type, bytes.get(16 - data_type.width()..).unwrap_or(&bytes))
    }

    /// The highest value of a type.
    pub fn max(data_type: DataType) -> Self {
        Self::from_bytes(data_type, &[0xff; 16])
    }

    /// The lowest value of a type.
    pub fn min(data_type: DataType) -> Self {
        Self::from_bytes(data_type, &[])
    }

    /// The value that follows, unless this is the highest.
    pub fn successor(&self) -> Option<Self> {
        (*self < Self::max(self.data_type)).then(|| Self::from_u128(self.data_type, self.to_u128() + 1))
    }

    /// The value before, unless this is the lowest.
    pub fn predecessor(&self) -> Option<Self> {
        self.to_u128().checked_sub(1).map(|value| Self::from_u128(self.data_type, value))
    }
}

impl Interval {
    /// `low..=high`, or nothing if that is empty or of two types.
    pub fn new(low: Datum, high: Datum) -> Option<Self> {
        (low.data_type() == high.data_type() && low <= high).then_some(Self { low, high })
    }

    /// One value.
    pub fn single(value: Datum) -> Self {
        Self { low: value, high: value }
    }

    /// Every value of a type.
    pub fn all(data_type: DataType) -> Self {
        Self { low: Datum::min(data_type), high: Datum::max(data_type) }
    }

    /// The addresses of a network.
    pub fn network(network: IpNet) -> Self {
        Self { low: Datum::address(network.network()), high: Datum::address(network.broadcast()) }
    }

    /// The lowest value.
    pub fn low(&self) -> Datum {
        self.low
    }

    /// The highest value, included.
    pub fn high(&self) -> Datum {
        self.high
    }

    /// The type of both ends.
    pub fn data_type(&self) -> DataType {
        self.low.data_type()
    }

    /// Whether it holds one value only.
    pub fn is_single(&self) -> bool {
        self.low == self.high
    }

    /// Whether a value lies in it.
    pub fn contains(&self, value: &Datum) -> bool {
        self.low <= *value && *value <= self.high
    }

    /// Whether the two share a value.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_numbers_and_keep_their_kernel_bytes() {
        let mark = Datum::number(DataType::Mark, 0x0102);
        assert!(mark < Datum::number(DataType::Mark, 0x0200));
        assert_eq!(mark.kernel_bytes(), 0x0102_u32.to_ne_bytes());
        assert_eq!(Datum::from_kernel_bytes(DataType::Mark, &0x0102_u32.to_ne_bytes()), mark);
    }

    #[test]
    fn successors_stop_at_the_highest_value() {
        assert_eq!(Datum::port(65_535).successor(), None);
        assert_eq!(Datum::port(255).successor(), Some(Datum::port(256)));
        assert_eq!(Datum::port(0).predecessor(), None);
    }
}
