//! Values as registers and attributes hold them.

use super::Refusal;
use crate::kernel::field::Source;
use crate::ruleset::{DataType, Datum};

/// Whether one mask and one value, equally wide, are read as a prefix: of hardware addresses, and of IP addresses if it
/// is not of whole bytes, for then it takes no mask.
pub(in crate::kernel) fn reads_as_prefix(mask: &Datum, value: &Datum) -> bool {
    let is_network = matches!(mask.data_type(), DataType::Ipv4Addr | DataType::Ipv6Addr);
    let is_read = |bits: u8| mask.data_type() == DataType::EtherAddr || is_network && !bits.is_multiple_of(8);
    masked(value, mask) == *value && prefix_length(mask).is_some_and(is_read)
}

/// How many bits of a mask are set, if they are the first ones and neither none nor all.
pub(in crate::kernel) fn prefix_length(mask: &Datum) -> Option<u8> {
    let width = u32::try_from(mask.data_type().width()).ok()? * 8;
    let bits = mask.to_u128() << (128 - width);
    let length = bits.leading_ones();
    (length > 0 && length < width && bits.count_ones() == length).then_some(())?;
    u8::try_from(length).ok()
}

/// A mask of the first bits.
pub(in crate::kernel) fn prefix_mask(data_type: DataType, bits: u8) -> Datum {
    let width = data_type.width() * 8;
    let ones = u128::MAX.checked_shr(u32::from(bits)).map_or(u128::MAX, |rest| !rest);
    Datum::from_u128(data_type, ones >> (128 - width))
}

/// The bits of a value that a mask has, too.
pub(in crate::kernel) fn masked(value: &Datum, mask: &Datum) -> Datum {
    Datum::from_u128(value.data_type(), value.to_u128() & mask.to_u128())
}

/// A value as the register holds it after it was loaded from this source.
pub(in crate::kernel) fn register_bytes(source: Source, value: &Datum) -> Result<Vec<u8>, Refusal> {
    match source {
        Source::Bits(_, _, length, mask, shift) => {
            let shifted = value.to_u128() << shift;
            if shifted & !u128::from(mask) != 0 {
                return Err(Refusal("a value has more bits than the field"));
            }
            Ok(low_bytes(u64::try_from(shifted).unwrap_or(0), length))
        }
        Source::Meta(_)
        | Source::Payload(..)
        | Source::Ct(..)
        | Source::Fib(..)
        | Source::Extension(..)
        | Source::Route(_)
        | Source::Socket(_) => Ok(value.kernel_bytes()),
    }
}

/// A duration in the kernel's unit.
pub(in crate::kernel) fn milliseconds(duration: std::time::Duration) -> Result<u64, Refusal> {
    let whole = u64::try_from(duration.as_millis()).map_err(|_| Refusal("a timeout is too long"))?;
    if whole == 0 || !duration.subsec_nanos().is_multiple_of(1_000_000) {
        return Err(Refusal("a timeout is of whole milliseconds"));
    }
    Ok(whole)
}

/// The lowest `length` bytes of a number, big-endian.
pub(in crate::kernel) fn low_bytes(number: u64, length: u32) -> Vec<u8> {
    let length = usize::try_from(length).unwrap_or(0);
    number.to_be_bytes().iter().copied().skip(size_of::<u64>().saturating_sub(length)).collect()
}
