//! Bytes of a packet that no field names.

use super::expr::Operator;

/// `@nh,64,32 & 0xff == 0x6`: a big-endian number from some bytes of the packet; a packet that ends before does not
/// match, whatever is compared.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Bytes {
    /// What the offset counts from.
    pub base: BytesBase,
    /// In bytes; nft counts in bits.
    pub offset: u8,
    /// In bytes, 1 to [`Bytes::LENGTH_MAX`].
    pub length: u8,
    /// The bits to look at.
    pub mask: u128,
    /// `Eq`: within the range; `Ne`: outside.
    pub operator: Operator,
    /// The least of the range.
    pub low: u128,
    /// The most of the range, at least as much.
    pub high: u128,
}

/// What an offset counts from.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum BytesBase {
    /// `@nh`: the network header.
    Network,
    /// `@th`: the transport header, of packets that are no later fragment.
    Transport,
}

impl Bytes {
    /// The longest number, in bytes.
    pub const LENGTH_MAX: u8 = 16;

    /// The highest number of its length.
    pub fn largest(length: u8) -> u128 {
        u128::MAX.checked_shr(128_u32.saturating_sub(8 * u32::from(length))).unwrap_or(0)
    }

    /// Whether its length, mask and range fit together.
    pub fn is_sound(&self) -> bool {
        let largest = Self::largest(self.length);
        (1..=Self::LENGTH_MAX).contains(&self.length)
            && self.mask != 0
            && self.mask <= largest
            && self.low <= self.high
            && self.high <= largest
    }
}
