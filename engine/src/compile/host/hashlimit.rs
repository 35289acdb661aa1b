//! `mod hashlimit`: a limit of its own for each address or port.
//!
//! iptables keeps the limits in tables that rules share by name, one for each family; here such a table is a dynamic set.
//! Its name has a hash of what the rules say of it, so a changed rate is in force at once.
//!
//! What differs: a full table matches nothing, where iptables drops the packet; and what is forgotten is forgotten at
//! once, where iptables looks once a second.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use policy_lang::host::rule::{HostRule, HostRules, Match, Word};
use policy_lang::source::{Origin, Span};

use super::clause::{Ip, Reading, rules_by_family};
use super::code::{OPERAND, PLACE, Refusal, UNSUPPORTED, refuse, suggestion};
use super::key::Key;
use super::matching::{Context, destination, options, source};
use super::operand::{bounded, words};
use super::rate;
use crate::compile::builder::TableBuilder;
use crate::hash;
use crate::ruleset::{DynamicSet, Elements, Expr, Field, Limit, Name, PerElement, Set, SetOperation, SetSpec};

/// The module's name.
const MODULE: &str = "hashlimit";

/// The highest rate per second, and the highest burst, that iptables takes (`XT_HASHLIMIT_SCALE_v2`).
const MOST: u32 = 1_000_000;

/// The longest life time in milliseconds that iptables takes.
const EXPIRE_MAX: u32 = i32::MAX.cast_unsigned();

/// How long a used up burst may take to come back: beyond, iptables' own numbers overflow (`MAX_CPJ`), and other packets
/// match than the rule says.
const COUNTED_MAX: Duration = Duration::from_secs(86_400);

/// How many limits a table holds unless `hashlimit-htable-max` says otherwise.
const SIZE: NonZeroU32 = NonZeroU32::new(65_535).expect("it is not zero");

/// The tables of all rules, by family and name.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables(BTreeMap<(Ip, Box<str>), Shared>);

/// A table, and who named it first.
#[derive(Clone, Debug)]
struct Shared {
    table: Limits,
    origin: Origin,
}

/// What iptables fixes when a table is made.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Limits {
    name: Box<str>,
    key: Key,
    limit: Limit,
    timeout: Duration,
    size: NonZeroU32,
}

/// A rule's use of a table.
struct Usage {
    table: Limits,
    /// Matches what exceeds the rate.
    over: bool,
}

impl Tables {
    /// Collects what the rules say of their tables.
    pub(super) fn of(host: &HostRules) -> Self {
        let mut tables = Self::default();
        for (ip, rule) in rules_by_family(host) {
            let Some(first) = options(rule, MODULE).next() else { continue };
            // What cannot be read is reported where the rule is lowered.
            let Ok(Usage { table, over: _ }) = usage(rule, first.span, ip) else { continue };
            let shared = Shared { table, origin: rule.origin.clone() };
            tables.0.entry((ip, shared.table.name.clone())).or_insert(shared);
        }
        tables
    }

    /// Adds the sets that they are.
    pub(super) fn declare(&self, builder: &mut TableBuilder) {
        for ((ip, _), Shared { table, origin: _ }) in &self.0 {
            // The name has a hash of all that, so whoever has it already has the same.
            builder.named_set(table.set_name(*ip), table.set());
        }
    }
}

impl Limits {
    fn set(&self) -> Set {
        let spec = SetSpec { timeout: Some(self.timeout), size: Some(self.size), ..self.key.spec() };
        Set { spec, elements: Elements::new() }
    }

    /// Counts a packet in a set, and matches what keeps the rate or, if `over`, what exceeds it.
    fn counted(&self, set: Name, over: bool) -> Expr {
        Expr::DynamicSet(DynamicSet {
            operation: SetOperation::Update,
            set,
            key: self.key.fields.clone(),
            masks: self.key.masks.clone(),
            timeout: None,
            per_element: Some(PerElement::Limit(Limit { over, ..self.limit })),
        })
    }

    fn set_name(&self, ip: Ip) -> Name {
        let limits = hash::exprs(&[self.counted(Name::ours(MODULE), false)]);
        let family = ip.digit();
        let hash = hash::text(&format!("{} {limits} {} {family}", self.name, hash::set(&self.set())));
        Name::ours(&format!("hl_{hash}_{}_{family}", self.name))
    }
}

/// The limit of a rule, at the first of the module's words; the others say nothing more.
pub(super) fn read(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    if options(context.rule, MODULE).next().is_some_and(|first| first != found) {
        return Ok(Reading::Always);
    }
    let ip = context.scope.ip;
    let Usage { table, over } = usage(context.rule, found.span, ip)?;
    if table.key.fields.iter().any(|field| [Field::ThSport, Field::ThDport].contains(field))
        && !context.protocols.have_ports()
    {
        let message = "`hashlimit-mode` with ports needs a protocol that has ports";
        return Err(refuse(PLACE, found.span, message, "add `proto tcp`, udp, sctp, dccp or udplite to the rule"));
    }
    if let Some(first) = context.scope.limits.0.get(&(ip, table.name.clone()))
        && first.table != table
    {
        let message = format!("`hashlimit-name {}` has other options at {}", table.name, first.origin);
        let help = "iptables takes those of whichever rule it loads first: write the same, or use another name";
        return Err(refuse(OPERAND, found.span, message, help));
    }
    Ok(Reading::expr(table.counted(table.set_name(ip), over)))
}

fn usage(rule: &HostRule, span: Span, ip: Ip) -> Result<Usage, Refusal> {
    let mut rates = Vec::new();
    let mut name = None;
    let mut burst = None;
    let mut fields = Vec::new();
    let mut masks = Vec::new();
    let mut timeout = None;
    let mut size = SIZE;
    for option in options(rule, MODULE) {
        let word = || words(&option.operands).first().ok_or_else(|| without_value(option));
        match option.keyword {
            "hashlimit" | "hashlimit-upto" => rates.push((limit(word()?)?, false)),
            "hashlimit-above" => rates.push((limit(word()?)?, true)),
            "hashlimit-burst" => burst = Some(bounded(word()?, "burst", MOST)?.max(1)),
            "hashlimit-name" => name = Some(word()?.text.as_ref().into()),
            "hashlimit-mode" => fields = mode(words(&option.operands), ip)?,
            "hashlimit-srcmask" => masks.push((source(ip), word()?)),
            "hashlimit-dstmask" => masks.push((destination(ip), word()?)),
            "hashlimit-htable-max" => size = NonZeroU32::new(bounded(word()?, "size", u32::MAX)?).unwrap_or(SIZE),
            "hashlimit-htable-expire" => timeout = Some(bounded(word()?, "number of milliseconds", EXPIRE_MAX)?.max(1)),
            _ => {
                let message = format!("`{}` has no form in nftables here", option.keyword);
                let help = "leave it out: sets of nftables grow and forget by themselves";
                return Err(refuse(UNSUPPORTED, option.span, message, help));
            }
        }
    }
    let [(limit, over)] = *rates else {
        let message = "hashlimit needs exactly one of hashlimit-upto and hashlimit-above";
        return Err(refuse(OPERAND, span, message, "write `hashlimit-upto 10/second` or `hashlimit-above 10/second`"));
    };
    let Some(name) = name else {
        let help = "add `hashlimit-name NAME`: rules of one name share their limits";
        return Err(refuse(OPERAND, span, "hashlimit needs a name", help));
    };
    let timeout = match timeout {
        Some(milliseconds) => Duration::from_millis(milliseconds.into()),
        // iptables' own choice.
        None => Duration::from_secs(limit.per.seconds()),
    };
    let mut key = Key::new(fields);
    for (field, word) in masks {
        key.narrow(field, word)?;
    }
    let key = key.or_one_for_all();
    let limit = Limit { burst: burst.unwrap_or(limit.burst), ..limit };
    if u64::from(limit.burst) * limit.per.seconds() > COUNTED_MAX.as_secs() * limit.rate {
        let message =
            format!("a burst of {} comes back in more than a day at this rate, which iptables miscounts", limit.burst);
        return Err(refuse(UNSUPPORTED, span, message, "write a lower hashlimit-burst, or a higher rate"));
    }
    Ok(Usage { table: Limits { name, key, limit, timeout, size }, over })
}

fn limit(word: &Word) -> Result<Limit, Refusal> {
    if word.text.split('/').next().is_some_and(|amount| amount.ends_with(['b', 'B'])) {
        let message = format!(
            "`{}` counts bytes: iptables in pieces of 16 and one more for each packet, nftables each byte",
            word.text
        );
        return Err(refuse(UNSUPPORTED, word.span, message, "limit packets instead: NUMBER/second"));
    }
    rate::rate(word, MOST)
}

/// The fields of a packet that have a limit of their own together, in one order.
fn mode(words: &[Word], ip: Ip) -> Result<Vec<Field>, Refusal> {
    let modes =
        [("srcip", source(ip)), ("dstip", destination(ip)), ("srcport", Field::ThSport), ("dstport", Field::ThDport)];
    for word in words {
        if !modes.iter().any(|(name, _)| *name == &*word.text) {
            let names = modes.iter().map(|(name, _)| *name);
            let help = suggestion(&word.text, names, "write srcip, dstip, srcport or dstport");
            return Err(refuse(OPERAND, word.span, format!("`{}` is no mode of hashlimit", word.text), help));
        }
    }
    let is_asked = |name: &str| words.iter().any(|word| &*word.text == name);
    Ok(modes.into_iter().filter(|(name, _)| is_asked(name)).map(|(_, field)| field).collect())
}

fn without_value(option: &Match) -> Refusal {
    refuse(OPERAND, option.span, format!("`{}` has no value", option.keyword), "write one value")
}
