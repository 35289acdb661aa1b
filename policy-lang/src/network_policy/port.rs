//! One item of `ports` (sem-50 to sem-63).

use std::num::NonZeroU16;
use std::sync::Arc;

use crate::manifest::code;
use crate::manifest::core::protocol_named;
use crate::manifest::reader::{Reader, Schema, field, integer};
use crate::manifest::syntax;
use crate::manifest::tree::{ScalarKind, Spanned, Value};
use crate::port::{PortMatch, PortRange, Ports, Protocol};

const PORT: Schema = Schema {
    what: "a port",
    fields: &["port", "endPort", "protocol"],
    elsewhere: &[
        ("from", "beside `ports`"),
        ("to", "beside `ports`"),
        ("podSelector", "in an item of `from` or `to`"),
        ("namespaceSelector", "in an item of `from` or `to`"),
        ("ipBlock", "in an item of `from` or `to`"),
    ],
};

/// Reads an item. One without fields is every TCP port (sem-20).
pub(crate) fn read(value: &Value, reader: &mut Reader<'_>) -> Option<Spanned<PortMatch>> {
    let entries = reader.mapping(value, &PORT)?;
    let protocol = match field(entries, "protocol") {
        Some(value) => read_protocol(value, reader),
        None => Some(Protocol::Tcp),
    };
    let end = field(entries, "endPort");
    let port = match field(entries, "port") {
        Some(port) => read_port(port, reader).map(Some),
        None => Some(None),
    };
    let ports = match (port?, end) {
        (None, None) => Ports::All,
        (Some(Port::Number(first)), None) => Ports::Range(PortRange::single(first)),
        (Some(Port::Name(name)), None) => Ports::Named(name),
        (Some(Port::Number(first)), Some(end)) => {
            Ports::Range(read_range((first, field(entries, "port")?), end, reader)?)
        }
        (Some(Port::Name(name)), Some(end)) => {
            let message = format!("`endPort` needs a number as its port, not the name `{name}`");
            reader.error(code::END_PORT_WITH_NAMED_PORT, end.span, message);
            return None;
        }
        (None, Some(end)) => {
            reader.error(code::END_PORT_WITHOUT_PORT, end.span, "`endPort` without `port`").help =
                Some("write the first port of the range as `port`".into());
            return None;
        }
    };
    Some(Spanned::new(PortMatch { protocol: protocol?, ports }, value.span))
}

enum Port {
    Number(NonZeroU16),
    Name(Arc<str>),
}

fn read_port(value: &Value, reader: &mut Reader<'_>) -> Option<Port> {
    let Some(scalar) = value.scalar() else {
        reader.wrong_type(value, "a port's number or name");
        return None;
    };
    match scalar.kind() {
        ScalarKind::Number => read_number(value, reader).map(Port::Number),
        ScalarKind::Bool(_) => {
            reader.wrong_type(value, "a port's number or name");
            None
        }
        ScalarKind::String => {
            let name = &scalar.text;
            if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
                let message = format!("\"{name}\" in quotes is a port's name, and no name has only digits");
                let fix = reader.unquoted(value.span, name);
                let finding = reader.error(code::QUOTED_PORT, value.span, message);
                finding.help = Some(format!("write {name} without quotes"));
                finding.fix = fix;
                return None;
            }
            match syntax::port_name_fault(name) {
                None => Some(Port::Name(Arc::clone(name))),
                Some(fault) => {
                    reader.error(code::BAD_PORT, value.span, format!("the port name `{name}` {fault}"));
                    None
                }
            }
        }
    }
}

fn read_range((first, start): (NonZeroU16, &Value), end: &Value, reader: &mut Reader<'_>) -> Option<PortRange> {
    let last = read_number(end, reader)?;
    let range = PortRange::new(first, last);
    if range.is_none() {
        let message = format!("`endPort` {last} is below `port` {first}");
        let fix = reader.exchanged(start, end);
        reader.error(code::END_PORT_BELOW_PORT, end.span, message).fix = fix;
    }
    range
}

fn read_number(value: &Value, reader: &mut Reader<'_>) -> Option<NonZeroU16> {
    let Some(scalar) = value.scalar().filter(|scalar| scalar.kind() == ScalarKind::Number) else {
        reader.wrong_type(value, "a port's number");
        return None;
    };
    let number = integer(&scalar.text).and_then(|number| u16::try_from(number).ok()).and_then(NonZeroU16::new);
    if number.is_none() {
        reader.error(code::BAD_PORT, value.span, format!("{} is no port: 1 to 65535", scalar.text));
    }
    number
}

fn read_protocol(value: &Value, reader: &mut Reader<'_>) -> Option<Protocol> {
    let text = reader.text(value, "a protocol")?;
    let protocol = protocol_named(&text.value);
    if protocol.is_none() {
        let upper = text.value.to_ascii_uppercase();
        let known = protocol_named(&upper).is_some();
        let fix = known.then(|| reader.replacement(text.span, &text.value, &upper)).flatten();
        let message = format!("`{}` is none of TCP, UDP, SCTP", text.value);
        let finding = reader.error(code::BAD_PROTOCOL, text.span, message);
        finding.help = known.then(|| format!("write {upper}"));
        finding.fix = fix;
    }
    protocol
}
