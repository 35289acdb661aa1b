//! `mod set` and `SET`: the sets of `ipset save` as named sets.
//!
//! A set that only the file fills is a set of the plan: a file that changes is a change of elements. A set that packets
//! change is the kernel's, and outlives every reload; what the file has in it as well could not be told from what
//! packets put there, so such a set begins empty.

use std::collections::BTreeMap;
use std::time::Duration;

use policy_lang::host::ipset::{Dimension, IpSet};
use policy_lang::host::rule::{Action, HostRule, HostRules, Match, Operands, TargetOption, Word};
use policy_lang::source::Span;

use self::declare::{Declared, Key, Why};
use super::clause::{Ip, Reading, Test, rules_by_family};
use super::code::{OPERAND, Refusal, UNSUPPORTED, refuse, suggestion};
use super::matching::{Context, destination, operator, source};
use super::operand::{bounded, only, words};
use super::refusal;
use super::target::Statement;
use super::transport::Protocols;
use crate::compile::builder::TableBuilder;
use crate::ruleset::{DynamicSet, Expr, Field, Lookup, SetOperation, SetRef};

mod declare;
mod members;

/// The longest time that a member can stay, in seconds: ipset's own bound.
const TIMEOUT_MAX: u32 = 2_147_483;

/// The protocols whose ports ipset knows: tcp, udp, sctp, udplite.
const WITH_PORTS: [u8; 4] = [6, 17, 132, 136];

/// The sets that rules name, by family, and what became of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets {
    names: Vec<Box<str>>,
    declared: BTreeMap<(Ip, Box<str>), Result<Declared, Why>>,
}

/// A set and the directions that a rule gives.
struct Named<'o> {
    name: &'o Word,
    is_source: Vec<bool>,
}

impl Sets {
    /// Adds the sets that the rules name to the table.
    pub(super) fn declare(host: &HostRules, builder: &mut TableBuilder) -> Self {
        let written: Vec<&str> = rules_by_family(host).flat_map(|(_, rule)| changed(rule)).collect();
        let mut declared = BTreeMap::new();
        for (ip, rule) in rules_by_family(host) {
            let asked = rule.matches.iter().filter(|found| found.keyword == "match-set");
            for name in asked.filter_map(|found| name(&found.operands)).chain(changed(rule)) {
                let key = (ip, Box::from(name));
                if let Some(set) = host.ipsets.get(name)
                    && !declared.contains_key(&key)
                {
                    declared.insert(key, declare::set((name, set), ip, &host.ipsets, &written, builder));
                }
            }
        }
        Self { names: host.ipsets.names().map(Box::from).collect(), declared }
    }

    fn get(&self, ip: Ip, word: &Word) -> Result<&Declared, Refusal> {
        match self.declared.get(&(ip, Box::from(&*word.text))) {
            Some(Ok(declared)) => Ok(declared),
            Some(Err((span, reason))) => {
                let message = format!("the set `{}` has no form in nftables here: {reason}", word.text);
                let help = "leave that out of the set, or write the members into a list: @def $NAME = (…)";
                Err(Box::new(refuse(UNSUPPORTED, word.span, message, help).label(*span, "written here")))
            }
            None => {
                let message = format!("the set `{}` is in no file that was given", word.text);
                let otherwise = "write it to a file, `ipset save > FILE`, and give that: --ipset FILE";
                let help = suggestion(&word.text, self.names.iter().map(|name| &**name), otherwise);
                Err(refuse(OPERAND, word.span, message, help))
            }
        }
    }
}

/// The sets that a rule changes.
fn changed(rule: &HostRule) -> impl Iterator<Item = &str> {
    let options = match &rule.action {
        Action::Target { name: "SET", options, span: _ } => options.as_slice(),
        Action::Accept
        | Action::Drop
        | Action::Return
        | Action::Nop
        | Action::Jump(_)
        | Action::Goto(_)
        | Action::Target { .. } => &[],
    };
    let of_sets = options.iter().filter(|option| ["add-set", "del-set"].contains(&option.keyword));
    of_sets.filter_map(|option| name(&option.operands))
}

/// The set that operands name.
fn name(operands: &Operands) -> Option<&str> {
    words(operands).first().map(|word| &*word.text)
}

/// `match-set NAME (src dst)`.
pub(super) fn read(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    let ip = context.scope.ip;
    let named = named(&found.operands, found.span)?;
    let decided = |is_true: bool| if is_true { Reading::Always } else { Reading::Never };
    let key = match context.scope.ipsets.get(ip, named.name)? {
        Declared::Nothing => return Ok(decided(found.negated)),
        Declared::Everything => return Ok(decided(!found.negated)),
        Declared::Set(key) => key,
    };
    let fields = fields(key, &named, ip, found.span)?;
    let may_lack = |dimension: &Dimension| matches!(dimension, Dimension::Port | Dimension::Interface);
    if found.negated && key.dimensions.iter().any(may_lack) {
        let message = "`!match-set` of ports or interfaces has no form in nftables here: not every packet has them";
        let help = "write a rule for the members before, and this one for the rest";
        return Err(refuse(UNSUPPORTED, found.span, message, help));
    }
    let set = SetRef::Named(key.name.clone());
    let looked_up = Expr::Lookup(Lookup { key: fields, operator: operator(found), set });
    Ok(Reading::Test(Test::Alternatives(vec![vec![looked_up]])))
}

/// `update-counters` beside a set: what it counts is asked by nobody.
pub(super) fn counted(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    if context.rule.matches.iter().any(|other| other.keyword == "match-set") {
        return Ok(Reading::Always);
    }
    let message = format!("`{}` says nothing of a set", found.keyword);
    Err(refuse(OPERAND, found.span, message, "write `match-set NAME src` beside it"))
}

/// `SET add-set NAME src`, `SET del-set NAME (src dst)`.
pub(super) fn target(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Statement, Refusal> {
    let (mut change, mut timeout, mut exist) = (None, None, false);
    for option in options {
        match option.keyword {
            "add-set" | "del-set" if change.is_none() => change = Some(option),
            "add-set" | "del-set" => {
                let message = "SET adds and takes away in one rule";
                return Err(refuse(UNSUPPORTED, option.span, message, "write two rules with the same matches"));
            }
            "timeout" => timeout = Some(option),
            "exist" => exist = true,
            _ => return Err(refusal::of_option(option, "SET")),
        }
    }
    let Some(change) = change else {
        return Err(refuse(OPERAND, span, "SET says nothing of a set", "write `SET add-set NAME src`"));
    };
    let ip = context.scope.ip;
    let named = named(&change.operands, change.span)?;
    let Declared::Set(key) = context.scope.ipsets.get(ip, named.name)? else {
        return Ok(Statement::continuing(Vec::new()));
    };
    let fields = fields(key, &named, ip, change.span)?;
    if key.dimensions.contains(&Dimension::Port) && !has_ports(context.protocols) {
        let message = "SET of ports needs a rule for tcp, udp, sctp or udplite";
        return Err(refuse(UNSUPPORTED, change.span, message, "add `proto tcp`, and a rule for each other protocol"));
    }
    let timeout = timeout.map(|option| own_timeout(option, key)).transpose()?;
    let operation = match (change.keyword, exist) {
        ("del-set", _) => SetOperation::Delete,
        (_, true) => SetOperation::Update,
        (_, false) => SetOperation::Add,
    };
    let (set, masks) = (key.name.clone(), BTreeMap::new());
    let timeout = timeout.filter(|_| operation != SetOperation::Delete);
    let changed = DynamicSet { operation, set, key: fields, masks, timeout, per_element: None };
    Ok(Statement::continuing(vec![Expr::DynamicSet(changed)]))
}

fn own_timeout(option: &TargetOption, key: &Key) -> Result<Duration, Refusal> {
    if !key.has_timeout {
        let message = "the set has no `timeout`, so its members cannot have one";
        return Err(refuse(OPERAND, option.span, message, "create it with `timeout N`"));
    }
    let word = only(option.keyword, &option.operands, option.span)?;
    let seconds = bounded(word, "number of seconds", TIMEOUT_MAX)?;
    if seconds == 0 {
        let message = "a member for ever has no form in a set whose members expire";
        return Err(refuse(UNSUPPORTED, word.span, message, format!("write a long time: {TIMEOUT_MAX}")));
    }
    Ok(Duration::from_secs(seconds.into()))
}

fn has_ports(protocols: &Protocols) -> bool {
    match protocols {
        Protocols::Of(numbers) => numbers.iter().all(|number| WITH_PORTS.contains(number)),
        Protocols::Any | Protocols::Unknown => false,
    }
}

/// The set's name and the directions.
fn named(operands: &Operands, span: Span) -> Result<Named<'_>, Refusal> {
    let bad = || refuse(OPERAND, span, "a set is named with its directions", "write `NAME src` or `NAME (src dst)`");
    let Operands::Pair(names, directions) = operands else { return Err(bad()) };
    let [name] = names.as_slice() else { return Err(bad()) };
    let directions = directions.iter().flat_map(|word| word.text.split(','));
    let is_source = directions.map(|direction| match direction {
        "src" => Ok(true),
        "dst" => Ok(false),
        _ => Err(bad()),
    });
    Ok(Named { name, is_source: is_source.collect::<Result<_, _>>()? })
}

/// What of a packet is looked up.
fn fields(key: &Key, named: &Named<'_>, ip: Ip, span: Span) -> Result<Vec<Field>, Refusal> {
    if named.is_source.len() < key.dimensions.len() {
        let message = format!("the set `{}` needs {} directions", named.name.text, key.dimensions.len());
        return Err(refuse(OPERAND, span, message, "write `src` or `dst` for each part of its members"));
    }
    let mut fields = Vec::new();
    for (dimension, is_source) in key.dimensions.iter().zip(&named.is_source) {
        match (dimension, is_source) {
            (Dimension::Address, true) => fields.push(source(ip)),
            (Dimension::Address, false) => fields.push(destination(ip)),
            (Dimension::Port, true) => fields.extend([Field::L4Proto, Field::ThSport]),
            (Dimension::Port, false) => fields.extend([Field::L4Proto, Field::ThDport]),
            (Dimension::Mark, _) => fields.push(Field::Mark),
            (Dimension::Interface, true) => fields.push(Field::Iifname),
            (Dimension::Interface, false) => fields.push(Field::Oifname),
        }
    }
    Ok(fields)
}

/// Whether a set holds addresses of this family, or none.
fn is_for(set: &IpSet, dimensions: &[Dimension], ip: Ip) -> bool {
    !dimensions.contains(&Dimension::Address) || set.is_v6 == (ip == Ip::V6)
}
