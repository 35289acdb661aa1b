//! Packets without a connection in `mod conntrack`: their state decides alone, and iptables looks at no other option.

use policy_lang::host::rule::{HostRule, Match};

use super::clause::{Reading, Test, Values};
use super::code::{LIMIT, OPERAND, Refusal, refuse};
use super::conntrack::{self, States};
use super::matching::{self, Context, options};
use super::rule::RULES_MAX;
use super::{clause::Clause, emit};
use crate::ruleset::{Expr, Operator};

/// What an option of a rule is to the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    /// It is read by itself.
    Own,
    /// `ctstate`, which is true of packets without a connection, before other options: it is read with them.
    Decides,
    /// One of those others.
    Follows,
}

const MODULE: &str = "conntrack";

/// What an option is to the others of its rule.
pub(super) fn role(found: &Match, rule: &HostRule) -> Role {
    if found.module != Some(MODULE) || found.keyword == "mod" {
        return Role::Own;
    }
    match state(rule) {
        Some(state) if std::ptr::eq(state, found) => Role::Decides,
        Some(_) => Role::Follows,
        None => Role::Own,
    }
}

/// The state of a rule that decides of packets without a connection, if other options stand beside it.
pub(super) fn state(rule: &HostRule) -> Option<&Match> {
    let state = options(rule, MODULE).find(|found| found.keyword == "ctstate")?;
    let has_others = options(rule, MODULE).any(|found| found.keyword != "ctstate");
    let decides = || conntrack::states(state).is_ok_and(|states| states.without.is_some());
    (has_others && decides()).then_some(state)
}

/// The state alone for packets without a connection, and everything for the others.
pub(super) fn together(state: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    let States { with, without } = conntrack::states(state)?;
    let mut rest: Vec<Vec<Expr>> = vec![Vec::new()];
    let mut n_rules: usize = 1;
    for other in options(context.rule, MODULE).filter(|other| other.keyword != "ctstate") {
        match matching::of_one(other, context) {
            Ok(Reading::Test(test)) => {
                n_rules = n_rules.saturating_mul(test.n_separate());
                let ways = alternatives(test);
                if rest.len().saturating_mul(ways.len()).max(n_rules) > RULES_MAX {
                    let message = format!("the arrays of this rule make more than {RULES_MAX} rules");
                    return Err(refuse(LIMIT, other.span, message, "use fewer arrays, or a chain between"));
                }
                let pairs = rest.iter().flat_map(|before| ways.iter().map(move |way| [&before[..], way].concat()));
                rest = pairs.collect();
            }
            Ok(Reading::Never) => rest.clear(),
            Ok(Reading::Always) => {}
            // It is told where it is read for itself.
            Err(_) => {}
        }
    }
    // Once for each rule that ferm writes, all of which such a packet matches.
    let alone = without.into_iter().flat_map(|expr| std::iter::repeat_n(vec![expr], n_rules));
    let tracked = with.iter().flat_map(|state| rest.iter().map(move |rest| [&state[..], rest].concat()));
    Ok(Reading::Test(Test::Alternatives(alone.chain(tracked).collect())))
}

/// A rule that remembers packets would do so twice, once for those without a connection.
pub(super) fn remembers(rule: &HostRule, clauses: &[Clause]) -> Option<Refusal> {
    let state = state(rule).filter(|_| clauses.iter().any(super::rule::has_state))?;
    let message = "a packet without a connection is judged by its state alone, which one rule cannot say beside what \
                   remembers packets";
    let help = "write two rules: one of INVALID and UNTRACKED alone, and one of the other states with the rest";
    Some(refuse(OPERAND, state.span, message, help))
}

/// A condition as sequences of expressions; a list stays one where no packet can match two of its values.
fn alternatives(test: Test) -> Vec<Vec<Expr>> {
    match test {
        Test::Alternatives(alternatives) => alternatives,
        Test::Values(values) => {
            let is_one = values.operator == Operator::Ne || Test::Values(values.clone()).is_disjoint();
            let lists = if is_one { vec![values.intervals.clone()] } else { values.by_rule() };
            let Values { field, operator, .. } = values;
            lists.iter().map(|list| vec![emit::list_expr(field, operator, list)]).collect()
        }
    }
}
