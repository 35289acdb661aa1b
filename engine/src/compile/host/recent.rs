//! `mod recent`: addresses that were seen in the last seconds, and how often.
//!
//! iptables keeps lists of addresses with the moments of their last packets, which rules share by name, one for each
//! family. Here each question that is asked of a list, so many packets in so many seconds, is a ring of dynamic sets
//! ([`list`]), and whoever writes to the list writes to all of them.
//!
//! What differs: iptables forgets the oldest of more than 100 addresses (`ip_list_tot`); the sets have room for many more,
//! and take no new ones once they are full. Packets of one address that two processors handle at the same instant may
//! count as one. `remove` knows an address for a day.

use policy_lang::host::rule::{Action, HostRule, Match, Word};

pub(super) use self::list::Lists;
use self::list::Question;
use super::clause::{Ip, Reading, Test};
use super::code::{OPERAND, Refusal, UNSUPPORTED, refuse};
use super::matching::{Context, destination, operator, options, source};
use super::operand::{bounded, only};
use crate::ruleset::{Expr, Field, Operator};

mod list;

/// The module's name.
const MODULE: &str = "recent";

/// The name of a list that has none.
const UNNAMED: &str = "DEFAULT";

/// Most packets that can be asked for: each is two sets and a rule.
const HITS_MAX: u32 = 32;

/// How many more chains a packet is led through by a rule that remembers: what follows in the rule, the list's rings, and
/// one of them.
pub(super) const DEPTH: usize = 3;

/// What a rule does with its list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Use {
    /// Remembers the packet; always matches.
    Set,
    /// Matches if so many packets are remembered, or, negated, if none is.
    Check(Operator, Question),
    /// Matches if so many packets are remembered, and remembers this one.
    Update(Question),
    /// Matches an address that is known, and forgets it.
    Remove,
}

/// The module's words in a rule.
struct Usage {
    name: Box<str>,
    what: Use,
    field: Field,
}

/// Whether a rule writes to a list.
pub(super) fn remembers(rule: &HostRule) -> bool {
    options(rule, MODULE).any(|option| ["set", "update"].contains(&option.keyword))
}

/// What a rule asks of its list, at the first of the module's words; the others say nothing more.
pub(super) fn read(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    if options(context.rule, MODULE).next().is_some_and(|first| first != found) {
        return Ok(Reading::Always);
    }
    let ip = context.scope.ip;
    let Usage { name, what, field } = usage(context.rule, found, ip)?;
    let lists = context.scope.lists;
    let remembered = || {
        let Some(exprs) = lists.remember(ip, &name, field) else {
            let message = format!("no rule of this domain asks who is in the list `{name}`, so how long is not said");
            let help = "add a rule with `rcheck seconds N` or `update seconds N`, or leave this one out";
            return Err(refuse(UNSUPPORTED, found.span, message, help));
        };
        // What follows in the rule is a chain then, from which nothing leads out of this one.
        if exprs.iter().any(|expr| matches!(expr, Expr::Verdict(_))) && leaves_chain(&context.rule.action) {
            let message = "a rule that counts packets and then leaves its chain has no form in nftables here";
            let help =
                "write two rules: this one with NOP, and one with the same matches, but for recent, and the target";
            return Err(refuse(UNSUPPORTED, found.span, message, help));
        }
        Ok(exprs.to_vec())
    };
    let exprs = match what {
        Use::Set => remembered()?,
        Use::Check(Operator::Eq, question) => list::asked(ip, &name, question, field),
        Use::Check(Operator::Ne, Question { seconds, hits: _ }) => vec![list::unknown(ip, &name, seconds, field)],
        Use::Update(question) => [list::asked(ip, &name, question, field), remembered()?].concat(),
        Use::Remove => lists.forget(ip, &name, field),
    };
    Ok(Reading::Test(Test::Alternatives(vec![exprs])))
}

/// Whether a rule ends its chain without a verdict.
fn leaves_chain(action: &Action) -> bool {
    match action {
        Action::Return | Action::Goto(_) => true,
        Action::Jump(word) => &*word.text == "RETURN",
        Action::Accept | Action::Drop | Action::Nop | Action::Target { .. } => false,
    }
}

fn usage(rule: &HostRule, first: &Match, ip: Ip) -> Result<Usage, Refusal> {
    let mut uses = Vec::new();
    let (mut name, mut seconds, mut hits, mut field) = (UNNAMED.into(), None, None, source(ip));
    for option in options(rule, MODULE) {
        let is_check = option.keyword == "rcheck";
        if option.negated && !is_check {
            let message = format!("`{}` with `!` has no form in nftables here", option.keyword);
            return Err(refuse(UNSUPPORTED, option.span, message, "write `!rcheck`, or a rule for the others before"));
        }
        match option.keyword {
            "name" => name = one(option)?.text.as_ref().into(),
            "set" | "rcheck" | "update" | "remove" => uses.push(option),
            "seconds" => seconds = Some(bounded(one(option)?, "number of seconds", u32::MAX)?.max(1)),
            "hitcount" => hits = Some(bounded(one(option)?, "number of packets that can be counted", HITS_MAX)?.max(1)),
            "rsource" => {}
            "rdest" => field = destination(ip),
            _ => return Err(refused(option)),
        }
    }
    let [used] = *uses else {
        let message = "recent needs exactly one of set, rcheck, update and remove";
        return Err(refuse(OPERAND, first.span, message, "write `set`, `rcheck seconds N` or `update seconds N`"));
    };
    let asks = ["rcheck", "update"].contains(&used.keyword);
    if !asks && (seconds.is_some() || hits.is_some()) {
        let message = format!("`seconds` and `hitcount` say nothing of `{}`", used.keyword);
        return Err(refuse(OPERAND, first.span, message, "write them beside `rcheck` or `update`"));
    }
    let question = || match seconds {
        Some(seconds) => Ok(Question { seconds, hits: hits.unwrap_or(1) }),
        None => {
            let message = "iptables remembers an address until 100 others came, if no `seconds` are given";
            Err(refuse(UNSUPPORTED, first.span, message, "add `seconds N`: how long it is to be remembered"))
        }
    };
    let what = match used.keyword {
        "set" => Use::Set,
        "remove" => Use::Remove,
        "update" => Use::Update(question()?),
        _ => Use::Check(operator(used), question()?),
    };
    match what {
        Use::Check(Operator::Ne, Question { hits: 2.., .. }) => {
            let message = "`!rcheck` with `hitcount` has no form in nftables here";
            let help = "write a rule for those who came so often before, with `rcheck`";
            Err(refuse(UNSUPPORTED, used.span, message, help))
        }
        Use::Set | Use::Check(..) | Use::Update(_) | Use::Remove => Ok(Usage { name, what, field }),
    }
}

/// The refusal of a word that asks what a set does not know.
fn refused(option: &Match) -> Refusal {
    let help = match option.keyword {
        "rttl" => "leave it out: whoever can forge the source can forge the time to live",
        _ => "leave it out: addresses are forgotten as whole ones, and by themselves",
    };
    refuse(UNSUPPORTED, option.span, format!("`{}` of recent has no form in nftables here", option.keyword), help)
}

fn one(option: &Match) -> Result<&Word, Refusal> {
    only(option.keyword, &option.operands, option.span)
}
