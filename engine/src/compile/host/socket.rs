//! `mod socket`: whether somebody on this host has the packet's connection, or listens for it.
//!
//! Of a connection at its end iptables says that it has a socket, and nftables does not say whether that is bound to an
//! address. So whoever asks for sockets that are bound goes on in a chain that those of no address are sent back from.

use policy_lang::host::rule::{Action, HostRule, Match};

use super::clause::{Reading, Test};
use super::code::{PLACE, Refusal, UNSUPPORTED, refuse};
use super::matching::{Context, options};
use crate::ruleset::{
    DataType, Datum, Element, ElementKey, Expr, Field, Hook, Lookup, Match as Compare, Operator, SetRef, SetSpec,
    Verdict,
};

const MODULE: &str = "socket";

/// How many more chains a packet is led through by a rule that asks for bound sockets.
pub(super) const DEPTH: usize = 1;

/// Whether what follows in the rule stands in a chain of its own.
pub(super) fn leads_on(rule: &HostRule) -> bool {
    let has = |keyword| options(rule, MODULE).any(|option| option.keyword == keyword);
    let is_loaded = rule.matches.iter().any(|found| found.module == Some(MODULE));
    is_loaded && !has("nowildcard")
}

/// What a rule asks of sockets, at the first of the module's words; the others say nothing more.
pub(super) fn read(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    if options(context.rule, MODULE).next().is_some_and(|first| first != found) {
        return Ok(Reading::Always);
    }
    if let Some(option) = options(context.rule, MODULE).find(|option| option.keyword == "restore-skmark") {
        let message = "`restore-skmark` of socket has no form in nftables here";
        return Err(refuse(
            UNSUPPORTED,
            option.span,
            message,
            "leave it out, and set the mark by the rule: MARK set-mark",
        ));
    }
    let fits = |hook: &&Hook| !matches!(hook, Hook::Prerouting | Hook::Input);
    if let Some(hook) = context.scope.hooks.iter().find(fits) {
        let message = format!("`mod socket` is not possible in {hook}, which reaches chain {}", context.scope.chain);
        return Err(refuse(PLACE, found.span, message, "write the rule in chain PREROUTING or INPUT"));
    }
    let is_transparent = options(context.rule, MODULE).any(|option| option.keyword == "transparent");
    let asked = if is_transparent { equal(Field::SocketTransparent, 1) } else { any(Field::SocketTransparent) };
    if !leads_on(context.rule) {
        return Ok(Reading::expr(asked));
    }
    if leaves_chain(&context.rule.action) {
        let message =
            "a rule that asks for sockets with an address and then leaves its chain has no form in nftables here";
        return Err(refuse(
            UNSUPPORTED,
            found.span,
            message,
            "add `nowildcard`, or write a chain of the rules that follow",
        ));
    }
    let exprs = vec![equal(Field::SocketWildcard, 1), Expr::Verdict(Verdict::Return), asked];
    Ok(Reading::Test(Test::Alternatives(vec![exprs])))
}

fn datum(number: u32) -> Datum {
    Datum::number(DataType::Integer8, number)
}

fn equal(field: Field, number: u32) -> Expr {
    Compare::eq(field, datum(number))
}

/// There is a socket, whatever it is.
fn any(field: Field) -> Expr {
    let elements = [0, 1].map(|number| (ElementKey::values([datum(number)]), Element::PLAIN)).into();
    let set = SetRef::Anonymous { spec: SetSpec::hash([field.data_type()]), elements };
    Expr::Lookup(Lookup { key: vec![field], operator: Operator::Eq, set })
}

/// Whether a rule ends its chain without a verdict.
fn leaves_chain(action: &Action) -> bool {
    match action {
        Action::Return | Action::Goto(_) => true,
        Action::Jump(word) => &*word.text == "RETURN",
        Action::Accept | Action::Drop | Action::Nop | Action::Target { .. } => false,
    }
}
