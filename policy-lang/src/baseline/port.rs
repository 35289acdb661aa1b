//! One item of `ports`: `53/UDP`, `8000-8080/TCP`, `http/TCP`, or `TCP` for every port of a protocol.

use std::num::NonZeroU16;

use crate::manifest::code;
use crate::manifest::core::protocol_named;
use crate::manifest::reader::Reader;
use crate::manifest::syntax;
use crate::manifest::tree::{Spanned, Value};
use crate::port::{PortMatch, PortRange, Ports};

/// Reads an item.
pub(super) fn read(value: &Value, reader: &mut Reader<'_>) -> Option<Spanned<PortMatch>> {
    let Some(scalar) = value.scalar() else {
        reader.wrong_type(value, "a port such as 53/UDP");
        return None;
    };
    let text = &scalar.text;
    let (ports, protocol) = match text.rsplit_once('/') {
        Some((ports, protocol)) => (Some(ports), protocol),
        None if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => {
            reader.error(code::BAD_PORT, value.span, format!("`{text}` has no protocol")).help =
                Some(format!("write {text}/TCP, {text}/UDP or {text}/SCTP"));
            return None;
        }
        None => (None, text.as_ref()),
    };
    let Some(known) = protocol_named(protocol) else {
        let upper = protocol.to_ascii_uppercase();
        let help = match protocol_named(&upper) {
            Some(_) => Some(format!("write {upper}")),
            None => upper.starts_with("ICMP").then(|| "write `icmp: [echo]` beside `to`".to_owned()),
        };
        reader.error(code::BAD_PROTOCOL, value.span, format!("`{protocol}` is none of TCP, UDP, SCTP")).help = help;
        return None;
    };
    let ports = match ports {
        None => Ports::All,
        Some(ports) => match (range(ports), syntax::port_name_fault(ports)) {
            (Some(range), _) => Ports::Range(range),
            (None, None) => Ports::Named(ports.into()),
            (None, Some(_)) => {
                let message = format!("`{ports}` is neither a port from 1 to 65535 nor a range of them nor a name");
                reader.error(code::BAD_PORT, value.span, message);
                return None;
            }
        },
    };
    Some(Spanned::new(PortMatch { protocol: known, ports }, value.span))
}

fn range(text: &str) -> Option<PortRange> {
    let number = |text: &str| -> Option<NonZeroU16> {
        // The standard library would take a sign.
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
    };
    match text.split_once('-') {
        Some((first, last)) => PortRange::new(number(first)?, number(last)?),
        None => number(text).map(PortRange::single),
    }
}
