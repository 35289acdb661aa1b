//! The words of `domain arp`, as arptables reads them.

use policy_lang::host::rule::{HostRule, Match, Word};

use super::{Scope, ether, hardware};
use crate::compile::host::clause::{Clause, Ip, Phase, Reading, Test};
use crate::compile::host::code::{FAMILY, OPERAND, Refusal, UNSUPPORTED, refuse, suggestion};
use crate::compile::host::emit;
use crate::compile::host::matching::{addresses, interfaces, list};
use crate::compile::host::operand::{number, words};
use crate::ruleset::{ArpField, Datum, Field, Interval, Match as Compare};

/// The number of Ethernet.
const ARPHRD_ETHER: u16 = 1;

/// The form of a message about IPv4 on Ethernet: its kind of hardware, how long an address of it is, and those of IPv4.
pub(super) const ETHERNET: (ArpField, u32) = (ArpField::Htype, ARPHRD_ETHER as u32);
pub(super) const HARDWARE_LENGTH: (ArpField, u32) = (ArpField::Hlen, 6);
pub(super) const IPV4: (ArpField, u32) = (ArpField::Ptype, ether::IPV4 as u32);
pub(super) const IPV4_LENGTH: (ArpField, u32) = (ArpField::Plen, 4);

/// arptables' names of the operations, from 1 on.
const OPERATIONS: [&str; 8] = [
    "Request",
    "Reply",
    "Request_Reverse",
    "Reply_Reverse",
    "DRARP_Request",
    "DRARP_Reply",
    "DRARP_Error",
    "InARP_Request",
];

/// Interfaces come first, and what a message's form is before what it says.
pub(super) fn phase(found: &Match) -> Phase {
    match found.keyword {
        "interface" | "outerface" => Phase::Interface,
        "h-type" | "h-length" | "proto-type" => Phase::Protocol,
        _ => Phase::Extension,
    }
}

/// Reads one match.
pub(super) fn read(found: &Match, scope: Scope<'_>) -> Result<Reading, Refusal> {
    match found.keyword {
        "interface" => interfaces(found, (scope.hook, scope.chain), Field::Iifname),
        "outerface" => interfaces(found, (scope.hook, scope.chain), Field::Oifname),
        "saddr" => protocol_addresses(found, Field::Arp(ArpField::SaddrIp)),
        "daddr" => protocol_addresses(found, Field::Arp(ArpField::DaddrIp)),
        "source-mac" => hardware::read(found, Field::Arp(ArpField::SaddrEther)),
        "destination-mac" => hardware::read(found, Field::Arp(ArpField::DaddrEther)),
        "opcode" => list(found, Field::Arp(ArpField::Operation), |word| {
            value(word, Field::Arp(ArpField::Operation), "operation", operation)
        }),
        "h-type" => list(found, Field::Arp(ArpField::Htype), |word| {
            value(word, Field::Arp(ArpField::Htype), "kind of hardware", hardware_type)
        }),
        "proto-type" => list(found, Field::Arp(ArpField::Ptype), |word| {
            value(word, Field::Arp(ArpField::Ptype), "protocol", protocol)
        }),
        "h-length" => length(found),
        _ => Err(refused(found)),
    }
}

/// Adds what arptables tests beside the words, and sorts everything into the order of a message's fields: nothing of it
/// remembers packets, so that the order is one for the eye.
pub(super) fn complete(rule: &HostRule, clauses: &mut Vec<Clause>) {
    let is_said = rule.matches.iter().any(|found| found.keyword == "h-type");
    let form = [ETHERNET].into_iter().filter(|_| !is_said).chain([HARDWARE_LENGTH, IPV4_LENGTH]);
    clauses.extend(form.map(form_of));
    clauses.sort_by_key(|clause| match &clause.test {
        Test::Values(values) => Some(values.field),
        Test::Alternatives(alternatives) => alternatives.iter().flatten().flat_map(emit::fields).next().copied(),
    });
}

/// The test of a part of a message's form.
pub(super) fn form_of((field, number): (ArpField, u32)) -> Clause {
    let test = Compare::eq(Field::Arp(field), Datum::number(field.data_type(), number));
    Clause { phase: Phase::Protocol, test: Test::Alternatives(vec![vec![test]]) }
}

/// Addresses of IPv4, with masks as iptables reads them.
pub(super) fn protocol_addresses(found: &Match, field: Field) -> Result<Reading, Refusal> {
    let of_ip6 =
        |word: &&Word| word.text.split('/').next().is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    if let Some(word) = words(&found.operands).iter().find(of_ip6) {
        let message = format!("`{}` is an IPv6 address, and ARP is about those of IPv4", word.text);
        return Err(refuse(FAMILY, word.span, message, "IPv6 finds neighbours by ICMPv6: domain ip6, proto icmpv6"));
    }
    addresses(found, Ip::V4, field)
}

/// Behind a hardware address of another length, what follows it lies elsewhere, and Ethernet has none.
fn length(found: &Match) -> Result<Reading, Refusal> {
    match words(&found.operands) {
        [word] if number(&word.text) == Some(HARDWARE_LENGTH.1) => Ok(Reading::Always),
        _ => {
            let message = "`h-length` can be 6 only, as on Ethernet";
            Err(refuse(UNSUPPORTED, found.span, message, "leave it out: arptables takes 6 by itself"))
        }
    }
}

/// A number of 16 bits, by a name or not.
pub(super) fn value(
    word: &Word,
    field: Field,
    what: &str,
    read: impl Fn(&str) -> Result<u16, String>,
) -> Result<Interval, Refusal> {
    let number = read(&word.text)
        .map_err(|help| refuse(OPERAND, word.span, format!("`{}` is no {what} here", word.text), help))?;
    Ok(Interval::single(Datum::number(field.data_type(), u32::from(number))))
}

/// By a decimal number or a name.
pub(super) fn operation(text: &str) -> Result<u16, String> {
    if text.bytes().all(|digit| digit.is_ascii_digit()) {
        return text.parse().map_err(|_| "write a number from 0 to 65535".to_owned());
    }
    if text.eq_ignore_ascii_case("ARP_NAK") {
        return Err("it stands for 9 where it is read and 10 where it was meant: write the number".to_owned());
    }
    let at =
        OPERATIONS.iter().position(|name| name.eq_ignore_ascii_case(text)).and_then(|at| u16::try_from(at + 1).ok());
    at.ok_or_else(|| suggestion(text, OPERATIONS.iter().copied(), "write Request, Reply or a number"))
}

/// By a hexadecimal number, as arptables reads it, or by the one name that there is.
fn hardware_type(text: &str) -> Result<u16, String> {
    if text.eq_ignore_ascii_case("Ethernet") {
        return Ok(ARPHRD_ETHER);
    }
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_number = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_number
        .then(|| u16::from_str_radix(digits, 16).ok())
        .flatten()
        .ok_or_else(|| "write Ethernet or a hexadecimal number without a mask".to_owned())
}

/// By a number, or by the one name that there is.
fn protocol(text: &str) -> Result<u16, String> {
    if text.eq_ignore_ascii_case("ipv4") {
        return Ok(ether::IPV4);
    }
    let read = number(text).and_then(|number| u16::try_from(number).ok());
    read.ok_or_else(|| format!("write ipv4 or a number without a mask, such as {:#06x}", ether::IPV4))
}

fn refused(found: &Match) -> Refusal {
    let message = format!("`{}` has no form in nftables here", found.keyword);
    let help = match found.keyword {
        "mangle-ip-s" | "mangle-ip-d" | "mangle-mac-s" | "mangle-mac-d" | "mangle-target" => {
            "arptables does not take it either where ferm writes it: set arp_ignore and arp_announce of the interface"
        }
        _ => "arptables does not know it either: match `proto-type`, `saddr` or `daddr`",
    };
    refuse(UNSUPPORTED, found.span, message, help)
}
