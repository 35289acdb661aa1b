//! `mod recent`: addresses that were seen in the last seconds.
//!
//! iptables keeps them in lists that rules share by name, one for each family; here such a list is a dynamic set whose
//! elements live as long as the rules that ask for them say. So all of them have to say the same, and how often an
//! address was seen cannot be asked.
//!
//! What differs: iptables forgets the oldest of more than 100 addresses (`ip_list_tot`); the set has room for many more,
//! and takes no new ones once it is full.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use policy_lang::host::rule::{HostRule, HostRules, Match, Word};
use policy_lang::source::Origin;

use super::clause::{Ip, Reading, Test, rules_by_family};
use super::code::{OPERAND, Refusal, UNSUPPORTED, refuse};
use super::matching::{Context, destination, options, source};
use super::operand::{bounded, words};
use crate::compile::builder::TableBuilder;
use crate::hash;
use crate::ruleset::{DynamicSet, Elements, Expr, Field, Lookup, Name, Operator, Set, SetOperation, SetRef, SetSpec};

/// The module's name.
const MODULE: &str = "recent";

/// The name of a list that has none.
const UNNAMED: &str = "DEFAULT";

/// How many addresses a list holds.
const SIZE: NonZeroU32 = NonZeroU32::new(65_535).expect("it is not zero");

/// The lists that rules ask, by family and name: for how many seconds, and who asked first.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists(BTreeMap<(Ip, Box<str>), (u32, Origin)>);

/// What a rule does with its list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Use {
    /// Remembers the address; always matches.
    Set,
    /// Matches an address that is remembered, or, negated, one that is not.
    Check(Operator),
    /// Matches an address that is remembered, and remembers it anew.
    Update,
}

/// The module's words in a rule.
struct Usage {
    name: Box<str>,
    what: Use,
    seconds: Option<u32>,
    field: Field,
}

impl Lists {
    /// Collects how long the rules that ask want addresses to be remembered.
    pub(super) fn of(host: &HostRules) -> Self {
        let mut lists = Self::default();
        for (ip, rule) in rules_by_family(host) {
            let Some(first) = options(rule, MODULE).next() else { continue };
            // What cannot be read is reported where the rule is lowered.
            if let Ok(Usage { name, seconds: Some(seconds), what: _, field: _ }) = usage(rule, first, ip) {
                lists.0.entry((ip, name)).or_insert_with(|| (seconds, rule.origin.clone()));
            }
        }
        lists
    }

    /// Adds the sets that they are.
    pub(super) fn declare(&self, builder: &mut TableBuilder) {
        for ((ip, name), (seconds, _)) in &self.0 {
            let spec = SetSpec {
                dynamic: true,
                timeout: Some(Duration::from_secs((*seconds).into())),
                size: Some(SIZE),
                ..SetSpec::hash([source(*ip).data_type()])
            };
            // The name has a hash of all that, so whoever has it already has the same.
            builder.named_set(set_name(name, *seconds, *ip), Set { spec, elements: Elements::new() });
        }
    }
}

/// What a rule asks of its list, at the first of the module's words; the others say nothing more.
pub(super) fn read(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    if options(context.rule, MODULE).next().is_some_and(|first| first != found) {
        return Ok(Reading::Always);
    }
    let ip = context.scope.ip;
    let Usage { name, what, seconds, field } = usage(context.rule, found, ip)?;
    let Some((kept, origin)) = context.scope.lists.0.get(&(ip, name.clone())) else {
        let message = format!("no rule of this domain asks who is in the list `{name}`, so how long is not said");
        let help = "add a rule with `rcheck seconds N` or `update seconds N`, or leave this one out";
        return Err(refuse(UNSUPPORTED, found.span, message, help));
    };
    if seconds.is_some_and(|seconds| seconds != *kept) {
        let message = format!("the list `{name}` is asked for other seconds at {origin}");
        let help = format!("write `seconds {kept}` here too, or use two lists");
        return Err(refuse(UNSUPPORTED, found.span, message, help));
    }
    let set = set_name(&name, *kept, ip);
    let asked = |operator| Expr::Lookup(Lookup { key: vec![field], operator, set: SetRef::Named(set.clone()) });
    let remembered = Expr::DynamicSet(DynamicSet {
        operation: SetOperation::Update,
        set: set.clone(),
        key: vec![field],
        timeout: None,
        limit: None,
    });
    let exprs = match what {
        Use::Set => vec![remembered],
        Use::Check(operator) => vec![asked(operator)],
        Use::Update => vec![asked(Operator::Eq), remembered],
    };
    Ok(Reading::Test(Test::Alternatives(vec![exprs])))
}

fn set_name(name: &str, seconds: u32, ip: Ip) -> Name {
    let family = ip.digit();
    let hash = hash::text(&format!("{name} {seconds} {family}"));
    Name::ours(&format!("recent_{hash}_{name}_{family}"))
}

fn usage(rule: &HostRule, first: &Match, ip: Ip) -> Result<Usage, Refusal> {
    let mut uses = Vec::new();
    let (mut name, mut seconds, mut field) = (UNNAMED.into(), None, source(ip));
    for option in options(rule, MODULE) {
        let is_check = option.keyword == "rcheck";
        if option.negated && !is_check {
            let message = format!("`{}` with `!` has no form in nftables here", option.keyword);
            return Err(refuse(UNSUPPORTED, option.span, message, "write `!rcheck`, or a rule for the others before"));
        }
        match option.keyword {
            "name" => name = one(option)?.text.as_ref().into(),
            "set" => uses.push(Use::Set),
            "rcheck" => uses.push(Use::Check(super::matching::operator(option))),
            "update" => uses.push(Use::Update),
            "seconds" => seconds = Some(bounded(one(option)?, "number of seconds", u32::MAX)?.max(1)),
            "rsource" => {}
            "rdest" => field = destination(ip),
            // Once is enough without it.
            "hitcount" if &*one(option)?.text == "1" => {}
            _ => return Err(refused(option)),
        }
    }
    let [what] = *uses else {
        let message = "recent needs exactly one of set, rcheck and update";
        return Err(refuse(OPERAND, first.span, message, "write `set`, `rcheck seconds N` or `update seconds N`"));
    };
    match (what, seconds) {
        (Use::Set, Some(_)) => {
            let message = "`seconds` says nothing of `set`";
            Err(refuse(OPERAND, first.span, message, "write it beside `rcheck` or `update`"))
        }
        (Use::Check(_) | Use::Update, None) => {
            let message = "iptables remembers an address until 100 others came, if no `seconds` are given";
            Err(refuse(UNSUPPORTED, first.span, message, "add `seconds N`: how long it is to be remembered"))
        }
        (Use::Set, None) | (Use::Check(_) | Use::Update, Some(_)) => Ok(Usage { name, what, seconds, field }),
    }
}

/// The refusal of a word that asks what a set does not know.
fn refused(option: &Match) -> Refusal {
    let help = match option.keyword {
        "hitcount" => {
            "limit each source: mod hashlimit hashlimit-above 4/minute hashlimit-burst 4 hashlimit-mode srcip \
             hashlimit-name NAME"
        }
        "remove" => "let the address be forgotten after the `seconds` of the rules that ask for it",
        _ => "leave it out: addresses are forgotten as whole ones, and by themselves",
    };
    refuse(UNSUPPORTED, option.span, format!("`{}` of recent has no form in nftables here", option.keyword), help)
}

fn one(option: &Match) -> Result<&Word, Refusal> {
    match words(&option.operands) {
        [word] => Ok(word),
        _ => Err(refuse(OPERAND, option.span, format!("`{}` takes one value here", option.keyword), "write one value")),
    }
}
