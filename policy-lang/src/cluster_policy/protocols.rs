//! `protocols` of a rule (C12, C14).

use std::num::NonZeroU16;
use std::sync::Arc;

use crate::cluster_policy::Context;
use crate::cluster_policy::peer::one_of;
use crate::cluster_policy::spec::limit;
use crate::manifest::code;
use crate::manifest::reader::{Schema, field, integer};
use crate::manifest::syntax;
use crate::manifest::tree::{ScalarKind, Value};
use crate::port::{PortMatch, PortRange, Ports, Protocol};

const PROTOCOL: Schema = Schema {
    what: "a protocol",
    fields: &["tcp", "udp", "sctp", "destinationNamedPort"],
    elsewhere: &[
        ("destinationPort", "in `tcp`, `udp` or `sctp`"),
        ("number", "in `tcp.destinationPort`"),
        ("port", "in `tcp.destinationPort` as `number`"),
        ("portNumber", "in `tcp.destinationPort` as `number`"),
        ("portRange", "in `tcp.destinationPort` as `range`"),
        ("namedPort", "here as `destinationNamedPort`"),
    ],
};

const TRANSPORT: Schema = Schema {
    what: "tcp, udp or sctp",
    fields: &["destinationPort"],
    elsewhere: &[("number", "in `destinationPort`"), ("range", "in `destinationPort`")],
};

const DESTINATION_PORT: Schema = Schema {
    what: "a destination port",
    fields: &["number", "range"],
    elsewhere: &[("start", "in `range`"), ("end", "in `range`"), ("port", "here as `number`")],
};

const RANGE: Schema = Schema { what: "a range of ports", fields: &["start", "end"], elsewhere: &[] };

/// Reads the list, which must not be empty. Nothing if one of its items cannot be read.
pub(super) fn read(value: &Value, context: &mut Context<'_, '_>) -> Option<Vec<PortMatch>> {
    let items = context.reader.list(value, "a list of protocols")?;
    if items.is_empty() {
        let message = "`protocols` is empty: say what is meant, or leave it out for any port of any protocol";
        context.reader.error(code::CLUSTER_POLICY, value.span, message);
        return None;
    }
    let read: Vec<_> = items.iter().map(|item| protocol(item, context)).collect();
    limit("protocols", items.len(), value.span, context);
    let ports: Option<Vec<_>> = read.into_iter().collect();
    Some(ports?.into_iter().flatten().collect())
}

fn protocol(value: &Value, context: &mut Context<'_, '_>) -> Option<Vec<PortMatch>> {
    let (name, chosen) = one_of(value, &PROTOCOL, context)?;
    let protocol = match name {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        _ => return named(chosen, context),
    };
    let fields = context.reader.mapping(chosen, &TRANSPORT)?;
    let Some(port) = field(fields, "destinationPort") else {
        if fields.is_empty() {
            let message = format!("`{name}` says no port");
            context.reader.error(code::CLUSTER_POLICY, chosen.span, message).help =
                Some("all of them are {destinationPort: {range: {start: 1, end: 65535}}}".into());
        }
        return None;
    };
    let ports = Ports::Range(destination_port(port, context)?);
    (fields.len() == 1).then(|| vec![PortMatch { protocol, ports }])
}

/// A named port carries no protocol: it is that of whatever the pod declares under the name.
fn named(value: &Value, context: &mut Context<'_, '_>) -> Option<Vec<PortMatch>> {
    let name = context.reader.text(value, "a port's name")?;
    if let Some(fault) = syntax::port_name_fault(&name.value) {
        context.reader.error(code::BAD_PORT, name.span, format!("the port name `{}` {fault}", name.value));
        return None;
    }
    let protocols = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
    let port = |protocol| PortMatch { protocol, ports: Ports::Named(Arc::clone(&name.value)) };
    Some(protocols.map(port).into())
}

fn destination_port(value: &Value, context: &mut Context<'_, '_>) -> Option<PortRange> {
    let (name, chosen) = one_of(value, &DESTINATION_PORT, context)?;
    if name == "number" {
        return number(chosen, context).map(PortRange::single);
    }
    let fields = context.reader.mapping(chosen, &RANGE)?;
    let mut end = |name: &str| match field(fields, name) {
        Some(written) => number(written, context),
        None => {
            context.reader.error(code::BAD_PORT, chosen.span, format!("this range has no `{name}`"));
            None
        }
    };
    let (first, last) = (end("start"), end("end"));
    let (first, last) = (first?, last?);
    if first >= last {
        let message = format!("a range ends after its start, and {last} is not above {first}");
        context.reader.error(code::END_PORT_BELOW_PORT, chosen.span, message);
        return None;
    }
    PortRange::new(first, last).filter(|_| fields.len() == 2)
}

fn number(value: &Value, context: &mut Context<'_, '_>) -> Option<NonZeroU16> {
    let Some(scalar) = value.scalar().filter(|scalar| scalar.kind() == ScalarKind::Number) else {
        context.reader.wrong_type(value, "a port's number");
        return None;
    };
    let number = integer(&scalar.text).and_then(|number| u16::try_from(number).ok()).and_then(NonZeroU16::new);
    if number.is_none() {
        context.reader.error(code::BAD_PORT, value.span, format!("{} is no port: 1 to 65535", scalar.text));
    }
    number
}
