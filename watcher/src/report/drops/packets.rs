//! One line for each packet.

use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use engine::kernel::Transport;
use engine::place::Event;
use serde::Serialize;

use super::VERSION;
use crate::drops::stream::{DropEvent, Endpoint, Packet, Seen};
use crate::report::headers::{about, protocol};
use crate::report::places::{self, PlaceJson};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventJson<'a> {
    version: u32,
    time: String,
    #[serde(flatten)]
    place: PlaceJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<EndJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<EndJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_code: Option<u8>,
    /// Nothing but true: a later fragment, which has no ports.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fragment: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
}

#[derive(Serialize)]
struct EndJson {
    address: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Serialize)]
struct LostJson {
    version: u32,
    event: &'static str,
    packets: Option<u32>,
}

/// For people: `TIME  FROM -> TO PORT/PROTOCOL  denied by NetworkPolicy ingress  SOURCE LINE`.
pub fn line(seen: &Seen) -> String {
    let event = match seen {
        Seen::Event(event) => event,
        Seen::Lost(count) => return lost(*count),
    };
    let DropEvent { time, counter: _, place, line, packet, input: _, output: _ } = &**event;
    let what = packet.as_ref().map_or_else(|| "a packet that cannot be read".to_owned(), self::packet);
    let (happened, on_behalf) = (places::event(place.event), places::words(place.cause));
    let happened = match place.event {
        Event::Observed => "would be denied (only observed)",
        Event::Denied | Event::Audited | Event::Logged => happened,
    };
    format!("{}  {what}  {happened} by {on_behalf}  {line}\n", timestamp(*time))
}

/// One line of JSON in the form of docs/reference/drops-json.md.
pub fn line_json(seen: &Seen) -> String {
    let event = match seen {
        Seen::Event(event) => event,
        Seen::Lost(packets) => {
            return compact(&LostJson { version: VERSION, event: "lost", packets: *packets });
        }
    };
    let DropEvent { time, counter, place, line, packet, input, output } = &**event;
    let headers = packet.as_ref().map(|packet| packet.headers);
    let icmp = headers.and_then(|headers| match headers.transport {
        Transport::Icmp { icmp_type, code } => Some((icmp_type, code)),
        Transport::Ports { .. } | Transport::Fragment | Transport::Unknown => None,
    });
    compact(&EventJson {
        version: VERSION,
        time: timestamp(*time),
        place: PlaceJson::new(*place, line, counter),
        from: packet.as_ref().map(|packet| end_json(&packet.from)),
        to: packet.as_ref().map(|packet| end_json(&packet.to)),
        protocol: headers.map(|headers| protocol(headers.protocol)),
        icmp_type: icmp.map(|(icmp_type, _)| icmp_type),
        icmp_code: icmp.map(|(_, code)| code),
        fragment: headers.is_some_and(|headers| headers.transport == Transport::Fragment),
        length: headers.map(|headers| headers.length),
        input: input.as_deref(),
        output: output.as_deref(),
    })
}

fn lost(count: Option<u32>) -> String {
    match count {
        Some(1) => "1 packet was logged and not read: they come too fast\n".to_owned(),
        Some(count) => format!("{count} packets were logged and not read: they come too fast\n"),
        None => "some packets were logged and not read: they come too fast\n".to_owned(),
    }
}

fn packet(packet: &Packet) -> String {
    let Packet { from, to, headers } = packet;
    format!("{} -> {} {}", end(from), end(to), about(headers))
}

/// `shop/web-1 (10.244.1.10)`, or the address alone.
fn end(end: &Endpoint) -> String {
    match name(end) {
        Some(name) => format!("{name} ({})", end.address),
        None => end.address.to_string(),
    }
}

fn end_json(end: &Endpoint) -> EndJson {
    let kind = end.owners.first().map(crate::drops::Owner::kind);
    EndJson { address: end.address, port: end.port, kind, name: name(end) }
}

/// Everybody who has the address.
fn name(end: &Endpoint) -> Option<String> {
    let names: Vec<_> = end.owners.iter().map(ToString::to_string).collect();
    (!names.is_empty()).then(|| names.join(" or "))
}

/// RFC 3339 in UTC, with milliseconds.
fn timestamp(time: Duration) -> String {
    // What no calendar has is not a time at which a packet came.
    let time = UNIX_EPOCH.checked_add(time).filter(|_| time.as_secs() < 253_402_300_800).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_millis(time).to_string()
}

/// JSON on one line.
fn compact(value: &impl Serialize) -> String {
    // Our own types hold no maps with odd keys and no floats, so there is nothing that JSON could not say.
    serde_json::to_string(value).map(|text| text + "\n").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use engine::kernel::Headers;
    use engine::place::{Cause, Event, Place};
    use policy_lang::name::NamespacedName;
    use policy_lang::policy::{Direction, Tier};

    use super::*;
    use crate::drops::{Owner, SourceLine};

    fn event(transport: Transport, protocol: u8) -> Seen {
        let (source, destination) = ([10, 244, 1, 10].into(), [203, 0, 113, 10].into());
        let pod = Owner::Pod(NamespacedName::new("shop", "web-1"));
        Seen::Event(Box::new(DropEvent {
            time: Duration::from_millis(1_795_716_131_007),
            counter: "pl_deny_in_np_x".into(),
            place: Place { event: Event::Denied, cause: Cause::Policy(Direction::Egress, Tier::ConfigMapAdmin) },
            line: SourceLine::new("baseline.yaml:33 kube-system/palisade-egress-baseline default"),
            packet: Some(Packet {
                from: Endpoint { address: source, owners: vec![pod], port: None },
                to: Endpoint { address: destination, owners: Vec::new(), port: None },
                headers: Headers { source, destination, protocol, transport, length: 60 },
            }),
            input: None,
            output: None,
        }))
    }

    #[test]
    fn a_line_says_when_who_whom_what_and_why() {
        let ports = Transport::Ports { source: 40_000, destination: 443 };
        assert_eq!(
            line(&event(ports, 6)),
            "2026-11-26T18:02:11.007Z  shop/web-1 (10.244.1.10) -> 203.0.113.10 443/TCP  denied by baseline egress  \
             baseline.yaml:33 kube-system/palisade-egress-baseline default\n",
        );
        let echo = Transport::Icmp { icmp_type: 8, code: 0 };
        assert!(line(&event(echo, 1)).contains(" ICMP type 8 code 0  denied"));
        assert!(line(&event(Transport::Fragment, 17)).contains(" a later fragment of UDP  denied"));
        assert!(line(&event(Transport::Unknown, 253)).contains(" protocol 253  denied"));
        assert_eq!(line(&Seen::Lost(Some(7))), "7 packets were logged and not read: they come too fast\n");
        assert_eq!(line_json(&Seen::Lost(None)), "{\"version\":1,\"event\":\"lost\",\"packets\":null}\n");
        assert_eq!(timestamp(Duration::MAX), "1970-01-01T00:00:00.000Z");
    }
}
