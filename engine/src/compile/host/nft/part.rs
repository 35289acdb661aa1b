//! Parts that not every packet has, and bytes that no field names.

use super::words::{Fault, Word, Words, number, number_of};
use crate::render;
use crate::ruleset::{Bytes, BytesBase, Exists, Expr, ExtensionHeader, Operator, Part, SctpChunk};

/// `exthdr rt exists`, `tcp option 77 missing`, `@nh,64,32 0x5`, if one comes next.
pub(super) fn read(words: &mut Words<'_>) -> Result<Option<Expr>, Fault> {
    if let Some(base) = base(words) {
        return bytes(base, words).map(|bytes| Some(Expr::Bytes(bytes)));
    }
    let parts: Vec<Part> = if words.follows("exthdr").is_some() {
        ExtensionHeader::ALL.iter().copied().map(Part::ExtensionHeader).collect()
    } else if words.follows("tcp option").is_some() {
        (0..=u8::MAX).map(Part::TcpOption).collect()
    } else if words.follows("sctp chunk").is_some() {
        SctpChunk::ALL.iter().copied().map(Part::SctpChunk).collect()
    } else {
        return Ok(None);
    };
    // As the renderer writes them.
    let mut found = parts.into_iter().flat_map(|part| [Exists::there(part), Exists::missing(part)].map(Expr::Exists));
    if let Some(expr) = found.find(|expr| words.take_phrase(&render::expr(expr))) {
        return Ok(Some(expr));
    }
    let word = words.take("a part of packets")?;
    let help = "write exthdr rt exists, tcp option sack-perm missing or sctp chunk init exists";
    Err(word.fault("this part is not known", help))
}

/// `@nh` or `@th`, which is taken.
fn base(words: &mut Words<'_>) -> Option<BytesBase> {
    let bases = [("@nh", BytesBase::Network), ("@th", BytesBase::Transport)];
    bases.into_iter().find(|(text, _)| words.take_if(text)).map(|(_, base)| base)
}

/// `,64,32 & 0xff == 0x6`.
fn bytes(base: BytesBase, words: &mut Words<'_>) -> Result<Bytes, Fault> {
    words.expect(",")?;
    let offset = whole_bytes(&words.take("an offset")?)?;
    words.expect(",")?;
    let word = words.take("a length")?;
    let length = whole_bytes(&word)?;
    if !(1..=Bytes::LENGTH_MAX).contains(&length) {
        let most = u32::from(Bytes::LENGTH_MAX) * 8;
        return Err(word.fault("no register holds so many bits", format!("write 8 to {most} bits")));
    }
    let largest = Bytes::largest(length);
    let mask = if words.take_if("&") { value(&words.take("a mask")?, largest)? } else { largest };
    let operator = if words.take_if("!=") { Operator::Ne } else { Operator::Eq };
    words.take_if("==");
    let word = words.take("a value")?;
    let (low, high) = match word.text.split_once('-') {
        Some((low, high)) => (part_of(&word, low, largest)?, part_of(&word, high, largest)?),
        None => value(&word, largest).map(|value| (value, value))?,
    };
    let bytes = Bytes { base, offset, length, mask, operator, low, high };
    if !bytes.is_sound() {
        return Err(word.fault("nothing of this can be compared", "write a mask with a bit, and the lower value first"));
    }
    Ok(bytes)
}

/// Bits, as nft counts, that are whole bytes.
fn whole_bytes(word: &Word<'_>) -> Result<u8, Fault> {
    let bits = number(word, "number of bits", u64::from(u8::MAX) * 8)?;
    if bits % 8 != 0 {
        return Err(word.fault("this is in the middle of a byte", "take whole bytes, multiples of 8, and a mask"));
    }
    Ok(u8::try_from(bits / 8).unwrap_or(u8::MAX))
}

fn value(word: &Word<'_>, largest: u128) -> Result<u128, Fault> {
    part_of(word, word.text, largest)
}

fn part_of(word: &Word<'_>, text: &str, largest: u128) -> Result<u128, Fault> {
    number_of(text).filter(|value| *value <= largest).ok_or_else(|| {
        word.fault(format!("`{text}` is no number of these bits"), format!("write at most {largest:#x}"))
    })
}
