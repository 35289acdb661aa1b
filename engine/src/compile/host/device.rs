//! Matches on what handles a packet: the groups of its interfaces, its route, its process, and the processor.

use policy_lang::host::rule::{Match, Word};

use super::clause::{Ip, Reading};
use super::code::{OPERAND, PLACE, Refusal, refuse};
use super::matching::{Context, list};
use super::metadata::masked_numbers;
use super::operand::{bounded, masked, number};
use crate::ruleset::{Datum, Field, Hook, Interval};

/// The name that group 0 has everywhere.
const DEFAULT: &str = "default";

/// `src-group` and `dst-group`: a number or NUMBER/MASK.
pub(super) fn group(found: &Match, context: Context<'_>, field: Field) -> Result<Reading, Refusal> {
    let absent =
        if field == Field::Oifgroup { [Hook::Prerouting, Hook::Input] } else { [Hook::Output, Hook::Postrouting] };
    not_in(found, context, &absent, "packets have no such interface there")?;
    masked_numbers(found, field, group_and_mask)
}

fn group_and_mask(word: &Word) -> Result<(u32, u32), Refusal> {
    if &*word.text == DEFAULT {
        return Ok((0, u32::MAX));
    }
    numbered(word, "group", "/etc/iproute2/group")
}

/// `realm` of the route, of domain ip: a number or NUMBER/MASK.
pub(super) fn realm(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    if context.scope.ip == Ip::V6 {
        let message = "`realm` is a match of domain ip only";
        return Err(refuse(PLACE, found.span, message, "put the rule into `domain ip`"));
    }
    not_in(found, context, &[Hook::Prerouting], "packets have no route there")?;
    masked_numbers(found, Field::Realm, |word| numbered(word, "realm", "/etc/iproute2/rt_realms"))
}

/// `cgroup`: the class of the socket's control group.
pub(super) fn control_group(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    not_in(found, context, &[Hook::Prerouting, Hook::Forward], "packets have no socket there")?;
    list(found, Field::Cgroup, |word| {
        let class = bounded(word, "number of a class", u32::MAX)?;
        Ok(Interval::single(Datum::number(Field::Cgroup.data_type(), class)))
    })
}

/// Refuses a match in hooks that do not know what it asks.
fn not_in(found: &Match, context: Context<'_>, absent: &[Hook], why: &str) -> Result<(), Refusal> {
    match context.scope.hooks.iter().find(|hook| absent.contains(hook)) {
        Some(hook) => {
            let message = format!("`{}` cannot match in {hook}", found.keyword);
            Err(refuse(PLACE, found.span, message, why))
        }
        None => Ok(()),
    }
}

/// A number that has a name in a file which only the machine has.
fn numbered(word: &Word, what: &str, file: &str) -> Result<(u32, u32), Refusal> {
    if word.text.split('/').any(|part| number(part).is_none()) {
        let message = format!("`{}` is no number of a {what}", word.text);
        return Err(refuse(OPERAND, word.span, message, format!("write its number, which {file} has")));
    }
    masked(word)
}

/// `cpu`: its number.
pub(super) fn processor(found: &Match) -> Result<Reading, Refusal> {
    list(found, Field::Cpu, |word| {
        let number = bounded(word, "number of a processor", u32::MAX)?;
        Ok(Interval::single(Datum::number(Field::Cpu.data_type(), number)))
    })
}
