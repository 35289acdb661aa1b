//! NOTRACK and CT: what connection tracking is told of a packet before it looks, and after that.
//!
//! iptables tells it everything beforehand, by a template, and the first rule that does so counts. nftables sets a zone as
//! early, but a helper only once there is a connection: those rules stand in a chain of their own behind connection
//! tracking. That says the same as long as no other rule of the chain has a say in whether a packet comes to them.

use policy_lang::host::rule::{Action, HostRule, Match, NFT, Table, TargetOption, Word};
use policy_lang::source::Span;

use super::clause::{Ip, Object};
use super::code::{OPERAND, PLACE, Refusal, UNSUPPORTED, refuse};
use super::matching::Context;
use super::nft;
use super::operand::bounded;
use super::target::{Statement, place, unknown_option, value};
use super::transport::{Protocols, TCP};
use crate::compile::base::Base;
use crate::ruleset::{Expr, Helper, HelperNetwork, HelperTransport, Hook, Rule, SetCt, ZoneDirection};

/// UDP.
const UDP: u8 = 17;

const HOOKS: [Hook; 2] = [Hook::Prerouting, Hook::Output];

/// Longest name of a helper, in bytes (`NF_CT_HELPER_NAME_LEN` 16 with its NUL).
pub(super) const HELPER_MAX: usize = 15;

/// Modules that ask what connection tracking knows, which before it looked is nothing.
const OF_CONNECTIONS: [&str; 7] = ["conntrack", "state", "connmark", "connbytes", "connlabel", "connlimit", "helper"];

/// The base chain of a rule that was read in this one.
pub(super) fn base(base: Base, rule: &Rule) -> Base {
    let is_late = rule.exprs.iter().any(|expr| matches!(expr, Expr::SetCt(SetCt::Helper(_))));
    let late = [(Base::RawPrerouting, Base::CtPrerouting), (Base::RawOutput, Base::CtOutput)];
    let late = late.into_iter().find(|(early, _)| is_late && *early == base);
    late.map_or(base, |(_, late)| late)
}

/// `NOTRACK`.
pub(super) fn notrack(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Statement, Refusal> {
    place("NOTRACK", span, context, &[Table::Raw], &HOOKS)?;
    match options.first() {
        Some(option) => Err(unknown_option(option, "NOTRACK")),
        None => Ok(Statement::continuing(vec![Expr::Notrack])),
    }
}

/// `CT`.
pub(super) fn connection(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Statement, Refusal> {
    let known =
        |option: &&TargetOption| !matches!(option.keyword, "notrack" | "zone" | "zone-orig" | "zone-reply" | "helper");
    if let Some(option) = options.iter().find(known) {
        return Err(unknown_option(option, "CT"));
    }
    let [option] = options else {
        let (message, help) = match options {
            [] => ("CT says nothing without an option", "write `CT notrack`"),
            _ => ("CT takes one option", "write the one that matters: of several rules the first counts"),
        };
        return Err(refuse(OPERAND, span, message, help));
    };
    place("CT", span, context, &[Table::Raw], &HOOKS)?;
    let direction = match option.keyword {
        "notrack" => return notrack(&[], span, context),
        "helper" => return helper(option, context),
        "zone-orig" => Some(ZoneDirection::Original),
        "zone-reply" => Some(ZoneDirection::Reply),
        _ => None,
    };
    let word = value(option)?;
    if &*word.text == "mark" {
        let message = "a zone that is the packet's mark has no form in nftables here";
        return Err(refuse(UNSUPPORTED, word.span, message, "write a rule for each mark, with its zone"));
    }
    let zone = bounded(word, "zone", u32::from(u16::MAX))?;
    let zone = u16::try_from(zone).unwrap_or(u16::MAX);
    Ok(Statement::continuing(vec![Expr::SetCt(SetCt::Zone { direction, zone })]))
}

fn helper(option: &TargetOption, context: Context<'_>) -> Result<Statement, Refusal> {
    let word = value(option)?;
    let kind = kind(word)?;
    let transport = match context.protocols {
        Protocols::Of(numbers) if *numbers == [TCP] => HelperTransport::Tcp,
        Protocols::Of(numbers) if *numbers == [UDP] => HelperTransport::Udp,
        Protocols::Of(_) | Protocols::Any | Protocols::Unknown => {
            let message = "`helper` needs a protocol that helpers read";
            return Err(refuse(PLACE, option.span, message, "add `proto tcp` or `proto udp` to the rule"));
        }
    };
    if context.scope.base.is_none() {
        let message = "`helper` is set in a built-in chain only";
        return Err(refuse(PLACE, option.span, message, "write the rule in chain PREROUTING or OUTPUT"));
    }
    let asks =
        |found: &&Match| found.keyword == NFT || found.module.is_some_and(|module| OF_CONNECTIONS.contains(&module));
    if let Some(found) = context.rule.matches.iter().find(asks) {
        let message = format!("`{}` is asked in table raw, before connection tracking knows anything", found.keyword);
        return Err(refuse(PLACE, found.span, message, "leave the match out: helpers are for new connections only"));
    }
    let at = context.scope.rules.iter().position(|rule| std::ptr::eq(*rule, context.rule));
    let obstacle = context
        .scope
        .rules
        .iter()
        .enumerate()
        .find_map(|(place, rule)| Some((rule, obstacle(rule, Some(place) < at, context)?)));
    if let Some((rule, (message, help))) = obstacle {
        return Err(refuse(PLACE, rule.span, message, help));
    }
    let network = match context.scope.ip {
        Ip::V4 => HelperNetwork::Ip,
        Ip::V6 => HelperNetwork::Ip6,
    };
    Ok(Statement::using(Object::Helper(Helper { kind, network, transport })))
}

/// Why another rule of the chain keeps a helper from being set behind connection tracking.
fn obstacle(rule: &HostRule, is_before: bool, context: Context<'_>) -> Option<(&'static str, &'static str)> {
    let is_taken =
        Some(("a packet that this rule takes would still come to `CT helper`", "write the rule after `CT helper`"));
    match &rule.action {
        Action::Accept | Action::Return | Action::Target { name: "NFQUEUE" | "QUEUE", .. } if is_before => is_taken,
        Action::Nop if is_before && nft::ends(rule, context) => is_taken,
        Action::Jump(_) | Action::Goto(_) => Some((
            "where this rule leads decides whether packets come to `CT helper` of the same chain",
            "write the called chain's rules here, without the call",
        )),
        Action::Target { name: name @ ("CT" | "NOTRACK"), options, .. } => {
            let is_zone = options.iter().any(|option| option.keyword.starts_with("zone"));
            if is_zone {
                return Some((
                    "of a zone and a helper for one packet iptables takes the first; here they are set apart",
                    "set zones or helpers in this chain, not both",
                ));
            }
            let is_notrack = *name == "NOTRACK" || options.iter().any(|option| option.keyword == "notrack");
            (is_notrack && !is_before)
                .then_some(("a packet that has a helper is tracked", "write the rule before `CT helper`"))
        }
        Action::Accept | Action::Return | Action::Drop | Action::Nop | Action::Target { .. } => None,
    }
}

fn kind(word: &Word) -> Result<Box<str>, Refusal> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=HELPER_MAX).contains(&word.text.len()) && word.text.bytes().all(is_plain) {
        return Ok((&*word.text).into());
    }
    Err(refuse(OPERAND, word.span, format!("`{}` is no helper", word.text), "write a name such as ftp, tftp or sip"))
}
