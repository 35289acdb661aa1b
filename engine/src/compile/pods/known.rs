//! What conntrack knows already: replies and related errors pass, what was revoked does not, and what it can make
//! nothing of is dropped where a local pod is at one end.

use super::Ways;
use super::family::{AddressFamily, FAMILIES};
use super::lift::{self, Lift};
use super::matching::{commented, plain, verdict, within};
use super::place::{self, Words};
use super::vital;
use crate::compile::address_family;
use crate::compile::builder::TableBuilder;
use crate::compile::options::{Established, Invalid, PodOptions};
use crate::interval::Intervals;
use crate::place::Cause;
use crate::ruleset::{CtField, Datum, Expr, Field, Interval, Match, Operator, Rule, Verdict};
use policy_lang::policy::Direction;

/// Bits of `ct state`.
const INVALID: u32 = 1;
const ESTABLISHED: u32 = 2;
const RELATED: u32 = 4;

/// The rule in front of every judgement. First packets pay for one comparison.
pub(super) fn rules(ways: &Ways<'_>, pass: &Verdict, judge: &Verdict, builder: &mut TableBuilder) -> Vec<Rule> {
    let options = ways.options;
    let mut known: Vec<Rule> = revoked(options, builder).into_iter().collect();
    let state = match options.invalid {
        Invalid::Drop => {
            let chain = invalid(ways, pass, judge, builder);
            known.push(plain(vec![Match::any_bit(Field::Ct(CtField::State), INVALID), Expr::Verdict(chain)]));
            ESTABLISHED | RELATED | INVALID
        }
        Invalid::Judge => ESTABLISHED | RELATED,
    };
    known.push(verdict(pass.clone()));
    let known = builder.chain("known", "", known, None);
    let exprs = vec![Match::any_bit(Field::Ct(CtField::State), state), Expr::Verdict(Verdict::Goto(known))];
    vec![commented(exprs, "replies and related errors")]
}

/// Drops what belongs to a connection that is no longer permitted, both ways (decisions.md 14).
pub(super) fn revoked(options: &PodOptions, builder: &mut TableBuilder) -> Option<Rule> {
    match options.established {
        Established::Keep => None,
        Established::Cut => {
            let words = Words::single("connection that is no longer permitted");
            let lift = lift::of(None, &options.observe);
            let dropped = place::denial_beside(Cause::Revoked, (lift, &Verdict::Continue), &words, options, builder);
            Some(plain(vec![Match::any_bit(Field::Ct(CtField::Mark), options.revoked_bit), Expr::Verdict(dropped)]))
        }
    }
}

/// Only what concerns local pods is dropped: asymmetric routes of others are not ours to break. Stateless virtual
/// addresses are judged like first packets.
fn invalid(ways: &Ways<'_>, pass: &Verdict, judge: &Verdict, builder: &mut TableBuilder) -> Verdict {
    let Ways { locals, guard, options } = *ways;
    let mut rules = vital::path_mtu(pass);
    rules.extend(vital::routing(ways, pass, builder));
    for field in [AddressFamily::saddr, AddressFamily::daddr] {
        let stateless = virtual_addresses(field, options);
        rules.extend(stateless.map(|test| plain(vec![test, Expr::Verdict(judge.clone())])));
    }
    let words = Words::single("invalid to connection tracking");
    // Either end's pod has it dropped, so that one whose denials are only observed saves nobody else's packet.
    let ends = [Direction::Egress, Direction::Ingress].map(|direction| {
        let lift = lift::of(Some(direction), &options.observe);
        let lifted = if lift == Lift::Always { pass } else { &Verdict::Continue };
        (direction, place::denial_beside(Cause::Invalid, (lift, lifted), &words, options, builder))
    });
    let dropped = |test: Expr, verdict: &Verdict| plain(vec![test, Expr::Verdict(verdict.clone())]);
    for (direction, verdict) in &ends {
        let field = match direction {
            Direction::Egress => AddressFamily::saddr,
            Direction::Ingress => AddressFamily::daddr,
        };
        rules.extend(locals.holding(field).map(|test| dropped(test, verdict)));
    }
    for (direction, verdict) in &ends {
        rules.extend(guard.local(*direction).into_iter().map(|test| dropped(test, verdict)));
    }
    // What is only observed goes on as what is permitted does.
    if ends.iter().any(|(_, denial)| matches!(denial, Verdict::Jump(_))) && *pass != Verdict::Return {
        rules.push(verdict(pass.clone()));
    }
    Verdict::Goto(builder.chain("invalid", "", rules, None))
}

/// The tests that an address field holds a declared virtual address.
pub(super) fn virtual_addresses(field: fn(AddressFamily) -> Field, options: &PodOptions) -> impl Iterator<Item = Expr> {
    FAMILIES.into_iter().filter_map(move |family| {
        let mut declared = Intervals::empty(family.address_type());
        let of_family = options.virtual_addresses.iter().filter(|address| address_family(**address) == family);
        of_family.for_each(|address| declared.insert(Interval::single(Datum::address(*address))));
        within(field(family), &declared, Operator::Eq)
    })
}
