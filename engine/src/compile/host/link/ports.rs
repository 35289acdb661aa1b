//! The transport protocol of a bridged packet, and its ports.

use policy_lang::host::rule::{HostRule, Match, Word};

use crate::compile::host::clause::Reading;
use crate::compile::host::code::{OPERAND, PLACE, Refusal, refuse, suggestion};
use crate::compile::host::matching::list;
use crate::compile::host::names::Names;
use crate::compile::host::operand::{self, words};
use crate::compile::host::transport::WITH_PORTS;
use crate::ruleset::{DataType, Field, Interval};

/// A protocol's number, by its name or not.
pub(super) fn protocol(word: &Word, names: &Names) -> Result<u8, Refusal> {
    let number = match operand::number(&word.text) {
        Some(number) => u8::try_from(number).ok(),
        None => names.protocol(&word.text),
    };
    number.ok_or_else(|| {
        let help = suggestion(&word.text, names.protocols(), "write a protocol's name or its number from 0 to 255");
        refuse(OPERAND, word.span, format!("`{}` is no protocol", word.text), help)
    })
}

/// Ports of the protocols that the same rule names.
pub(super) fn read(found: &Match, rule: &HostRule, names: &Names, field: Field) -> Result<Reading, Refusal> {
    let named = rule.matches.iter().find(|other| matches!(other.keyword, "ip-protocol" | "ip6-protocol"));
    let numbers = named.filter(|named| !named.negated).map(|named| words(&named.operands));
    let numbers = numbers.into_iter().flatten().map(|word| protocol(word, names)).collect::<Result<Vec<_>, _>>()?;
    if numbers.is_empty() || !numbers.iter().all(|number| WITH_PORTS.contains(number)) {
        let message = format!("`{}` needs a protocol that has ports", found.keyword);
        return Err(refuse(PLACE, found.span, message, "add `ip-proto tcp`, or `ip6-proto tcp`, to the rule"));
    }
    let read = |word: &Word| {
        let interval = operand::ports(word, &numbers, names)?;
        if interval == Interval::all(DataType::InetService) {
            return Err(refuse(OPERAND, word.span, "that is every port", "leave the match out"));
        }
        Ok(interval)
    };
    list(found, field, read)
}
