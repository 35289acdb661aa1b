//! Hardware addresses, each with a mask or by one of the names that arptables and ebtables have.

use policy_lang::host::rule::{Match, Word};

use crate::compile::host::clause::Reading;
use crate::compile::host::code::{OPERAND, Refusal, refuse, suggestion};
use crate::compile::host::matching::{alternatives, list};
use crate::compile::host::operand::words;
use crate::ruleset::{DataType, Datum, Expr, Field, Interval, Match as Compare, Value};

pub(in crate::compile::host) type Mac = [u8; 6];

const EVERY_BIT: Mac = [0xff; 6];
/// The bit of an address that is of many.
const GROUP: Mac = [1, 0, 0, 0, 0, 0];

/// `(name, address, mask)`: the last is the address that bridges speak to each other by.
const NAMES: [(&str, Mac, Mac); 4] = [
    ("Unicast", [0; 6], GROUP),
    ("Multicast", GROUP, GROUP),
    ("Broadcast", EVERY_BIT, EVERY_BIT),
    ("BGA", [0x01, 0x80, 0xc2, 0, 0, 0], EVERY_BIT),
];

/// `ADDRESS`, `ADDRESS/MASK` or a name.
pub(super) fn read(found: &Match, field: Field) -> Result<Reading, Refusal> {
    let read = words(&found.operands).iter().map(address).collect::<Result<Vec<_>, _>>()?;
    if read.iter().any(|(_, mask)| *mask == [0; 6]) {
        return Ok(if found.negated { Reading::Never } else { Reading::Always });
    }
    let datum = |mac: &Mac| Datum::from_bytes(DataType::EtherAddr, mac);
    if read.iter().all(|(_, mask)| *mask == EVERY_BIT) {
        return list(found, field, |word| address(word).map(|(mac, _)| Interval::single(datum(&mac))));
    }
    alternatives(found, |word, operator| {
        let (mac, mask) = address(word)?;
        let mask = (mask != EVERY_BIT).then(|| datum(&mask));
        Ok(Expr::Match(Compare { field, mask, operator, value: Value::One(datum(&mac)) }))
    })
}

/// One address, without a mask.
pub(in crate::compile::host) fn single(word: &Word, text: &str) -> Result<Datum, Refusal> {
    let bytes = parse(text).map(|mac| Datum::from_bytes(DataType::EtherAddr, &mac));
    bytes.ok_or_else(|| {
        refuse(OPERAND, word.span, format!("`{text}` is no hardware address"), "write six bytes, 02:00:5e:00:53:01")
    })
}

/// An address, of which the bits that count are kept, and those bits.
fn address(word: &Word) -> Result<(Mac, Mac), Refusal> {
    let text = &*word.text;
    if let Some((_, mac, mask)) = NAMES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(text)) {
        return Ok((*mac, *mask));
    }
    let read = match text.split_once('/') {
        Some((mac, mask)) => parse(mac).zip(parse(mask)),
        None => parse(text).map(|mac| (mac, EVERY_BIT)),
    };
    let (mac, mask) = read.ok_or_else(|| {
        let names = NAMES.iter().map(|(name, ..)| *name);
        let help =
            suggestion(text, names, "write six bytes, 02:00:5e:00:53:01, with a mask /ff:ff:ff:00:00:00 or without");
        refuse(OPERAND, word.span, format!("`{text}` is no hardware address"), help)
    })?;
    let mut kept = mac;
    for (byte, mask) in kept.iter_mut().zip(mask) {
        *byte &= mask;
    }
    Ok((kept, mask))
}

/// Six bytes of one or two digits each.
pub(in crate::compile::host) fn parse(text: &str) -> Option<Mac> {
    let mut mac = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut mac {
        let part = parts.next().filter(|part| (1..=2).contains(&part.len()))?;
        *byte = part.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u8::from_str_radix(part, 16).ok())??;
    }
    parts.next().is_none().then_some(mac)
}

#[cfg(test)]
mod tests {
    use policy_lang::source::{Sources, Span};

    use super::*;

    #[test]
    fn addresses_have_six_bytes_and_may_have_a_mask_or_a_name() {
        let source = Sources::default().add("t", "");
        let read = |text: &str| address(&Word::new(text, Span { source, start: 0, end: 0 })).ok();
        assert_eq!(read("2:0:5E:0:53:1"), Some(([2, 0, 0x5e, 0, 0x53, 1], EVERY_BIT)));
        let masked = ([2, 0, 0x5e, 0, 0, 0], [0xff, 0xff, 0xff, 0, 0, 0]);
        assert_eq!(read("02:00:5e:00:53:01/ff:ff:ff:00:00:00"), Some(masked));
        assert_eq!(read("multicast"), Some((GROUP, GROUP)));
        for wrong in ["", "02:00:5e:00:53", "02:00:5e:00:53:01:02", "02:00:5e:00:53:001", "+2:0:0:0:0:1", "Bridge"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
