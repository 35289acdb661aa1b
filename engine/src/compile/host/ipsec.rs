//! Matches on what IPsec did, or will do, with a packet.

use policy_lang::host::rule::{Match, Word};

use super::clause::{Ip, Reading};
use super::code::{OPERAND, PLACE, Refusal, UNSUPPORTED, refuse};
use super::extension::in_ip6;
use super::matching::{Context, list, operator, options};
use super::operand::{number, only, range, words};
use super::transport::{Protocols, wants};
use crate::ruleset::{Datum, Expr, Field, Hook, Interval, Match as Compare, Value};

/// The module's name.
const MODULE: &str = "policy";

/// ESP's and AH's numbers.
const ESP: u8 = 50;
const AH: u8 = 51;

/// `mod policy`: whether IPsec unpacked the packet, or will pack it, at the first of the module's words.
pub(super) fn policy(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    if options(context.rule, MODULE).next().is_some_and(|first| first != found) {
        return Ok(Reading::Always);
    }
    let (mut direction, mut policy) = (None, None);
    for option in options(context.rule, MODULE) {
        match option.keyword {
            "dir" => direction = Some(only(option.keyword, &option.operands, option.span)?),
            "pol" => policy = Some(only(option.keyword, &option.operands, option.span)?),
            other => {
                let message = format!("`{other}` of {MODULE} has no form in nftables here");
                let help = "match the tunnel's addresses, or its protocol: proto esp";
                return Err(refuse(UNSUPPORTED, option.span, message, help));
            }
        }
    }
    let said = |message: &str| refuse(OPERAND, found.span, message, "write `dir in pol ipsec`, out or none");
    let (field, absent) = match direction.map(|word| &*word.text) {
        Some("in") => (Field::Ipsec, [Hook::Output, Hook::Postrouting]),
        Some("out") => (Field::RtIpsec, [Hook::Prerouting, Hook::Input]),
        _ => return Err(said("policy needs `dir`")),
    };
    let is_there = match policy.map(|word| &*word.text) {
        Some("ipsec") => 1,
        Some("none") => 0,
        _ => return Err(said("policy needs `pol`")),
    };
    if let Some(hook) = context.scope.hooks.iter().find(|hook| absent.contains(hook)) {
        let message = format!("this direction of `mod {MODULE}` cannot match in {hook}");
        return Err(refuse(PLACE, found.span, message, "write `dir in` for what comes in, `dir out` for what leaves"));
    }
    let value = Value::One(Datum::number(field.data_type(), is_there));
    Ok(Reading::expr(Expr::Match(Compare { field, mask: None, operator: operator(found), value })))
}

/// `ahlen`: in bytes, where the header counts words of 4 beyond the first two.
pub(super) fn header_length(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    of_ah_in_ip6(found, context)?;
    list(found, Field::AhHdrlength, |word| {
        let bytes = number(&word.text).filter(|bytes| bytes.is_multiple_of(4) && (8..=1028).contains(bytes));
        bytes.map(|bytes| Interval::single(Datum::number(Field::AhHdrlength.data_type(), bytes / 4 - 2))).ok_or_else(
            || {
                let message = format!("`{}` is no length of an AH", word.text);
                refuse(OPERAND, word.span, message, "write a multiple of 4 bytes, from 8 to 1028")
            },
        )
    })
}

/// `ahres`: whether what is reserved is 0.
pub(super) fn reserved(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    of_ah_in_ip6(found, context)?;
    Ok(Reading::expr(Compare::eq(Field::AhReserved, Datum::number(Field::AhReserved.data_type(), 0))))
}

fn of_ah_in_ip6(found: &Match, context: Context<'_>) -> Result<(), Refusal> {
    in_ip6(found.keyword, found.span, context)?;
    // The module itself looks for the header.
    if *context.protocols != Protocols::Any && *context.protocols != Protocols::Of(vec![AH]) {
        let message = format!("`{}` cannot match beside another protocol", found.keyword);
        return Err(refuse(PLACE, found.span, message, "leave `proto` out"));
    }
    Ok(())
}

/// `espspi` and `ahspi`: a number or `LOW:HIGH`.
pub(super) fn association(found: &Match, context: Context<'_>, field: Field) -> Result<Reading, Refusal> {
    let (protocol, name) = if field == Field::EspSpi { (ESP, "esp") } else { (AH, "ah") };
    if field == Field::AhSpi && context.scope.ip == Ip::V6 {
        of_ah_in_ip6(found, context)?;
    } else {
        wants(found, context, protocol, name)?;
    }
    let read = |word: &Word| range(word, field.data_type(), "number of an association", number);
    let every = (Datum::min(field.data_type()), Datum::max(field.data_type()));
    for word in words(&found.operands) {
        let interval = read(word)?;
        if (interval.low(), interval.high()) == every {
            let message = format!("`{}` is every number", word.text);
            return Err(refuse(OPERAND, word.span, message, "leave the match out"));
        }
    }
    list(found, field, read)
}
