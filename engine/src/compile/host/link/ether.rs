//! What frames carry: types of Ethernet by name and number.

use policy_lang::host::rule::Word;

use crate::compile::host::code::{OPERAND, Refusal, refuse, suggestion};
use crate::ruleset::{DataType, Datum, Interval};

pub(super) const IPV4: u16 = 0x0800;
pub(super) const ARP: u16 = 0x0806;
pub(super) const VLAN: u16 = 0x8100;
pub(super) const IPV6: u16 = 0x86dd;

/// Below this it is no type but the frame's length.
const FIRST: u16 = 0x0600;
const LENGTH: &str = "LENGTH";

/// The names of /etc/ethertypes, as most systems have them, other spellings included.
const NAMES: [(&str, u16); 41] = [
    ("IPv4", IPV4),
    ("ip", IPV4),
    ("ip4", IPV4),
    ("X25", 0x0805),
    ("ARP", ARP),
    ("ether-arp", ARP),
    ("FR_ARP", 0x0808),
    ("BPQ", 0x08ff),
    ("TRILL", 0x22f3),
    ("L2-IS-IS", 0x22f4),
    ("TEB", 0x6558),
    ("RAW_FR", 0x6559),
    ("RARP", 0x8035),
    ("AARP", 0x80f3),
    ("ATALK", 0x809b),
    ("802_1Q", VLAN),
    ("8021q", VLAN),
    ("1q", VLAN),
    ("802.1q", VLAN),
    ("dot1q", VLAN),
    ("IPX", 0x8137),
    ("NetBEUI", 0x8191),
    ("IPv6", IPV6),
    ("ip6", IPV6),
    ("PPP", 0x880b),
    ("MPLS", 0x8847),
    ("MPLS_MULTI", 0x8848),
    ("ATMMPOA", 0x884c),
    ("PPP_DISC", 0x8863),
    ("PPP_SES", 0x8864),
    ("ATMFATE", 0x8884),
    ("EAPOL", 0x888e),
    ("S-TAG", 0x88a8),
    ("EAP_PREAUTH", 0x88c7),
    ("LLDP", 0x88cc),
    ("MACSEC", 0x88e5),
    ("PBB", 0x88e7),
    ("macinmac", 0x88e7),
    ("MVRP", 0x88f5),
    ("PTP", 0x88f7),
    ("FCOE", 0x8906),
];

/// A type, or every frame that has a length instead.
pub(super) fn interval(word: &Word) -> Result<Interval, Refusal> {
    let datum = |number: u16| Datum::number(DataType::EtherType, u32::from(number));
    if word.text.eq_ignore_ascii_case(LENGTH) {
        let lengths = Interval::new(datum(0), datum(FIRST - 1));
        return Ok(lengths.unwrap_or(Interval::single(datum(0))));
    }
    number(word).map(|number| Interval::single(datum(number)))
}

/// A type by its name, or by its number in hexadecimal, as ebtables reads it.
pub(super) fn number(word: &Word) -> Result<u16, Refusal> {
    let text = &*word.text;
    let named = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, number)| *number);
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_number = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let read = named.or_else(|| is_number.then(|| u16::from_str_radix(digits, 16).ok()).flatten());
    read.filter(|number| *number >= FIRST).ok_or_else(|| {
        let names = NAMES.iter().map(|(name, _)| *name).chain([LENGTH]);
        let help = suggestion(text, names, "write a name such as IPv4 or ARP, or a hexadecimal number from 0600 on");
        refuse(OPERAND, word.span, format!("`{text}` is no type of frames"), help)
    })
}

#[cfg(test)]
mod tests {
    use policy_lang::source::{Sources, Span};

    use super::*;

    #[test]
    fn types_have_names_and_hexadecimal_numbers() {
        let source = Sources::default().add("t", "");
        let read = |text: &str| {
            let interval = interval(&Word::new(text, Span { source, start: 0, end: 0 })).ok()?;
            Some((interval.low().to_u128(), interval.high().to_u128()))
        };
        assert_eq!(read("arp"), Some((0x0806, 0x0806)));
        assert_eq!(read("0806"), Some((0x0806, 0x0806)));
        assert_eq!(read("2054"), Some((0x2054, 0x2054)));
        assert_eq!(read("0x88CC"), Some((0x88cc, 0x88cc)));
        assert_eq!(read("LENGTH"), Some((0, 0x05ff)));
        for wrong in ["", "05ff", "10000", "+806", "IPv5"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
