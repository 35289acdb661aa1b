//! One source rule of one family: every match read, the action read, or a stand-in that fails closed.

use std::fmt::Write as _;
use std::rc::Rc;

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::{HostRule, Match, Operands};
use smallvec::SmallVec;

use super::chains::Scope;
use super::clause::{Clause, Effect, Families, Lowered, Phase, Product, Reading, Test};
use super::code::{DOUBTFUL, LIMIT, OPERAND, Refusal, refuse};
use super::matching::{self, Context};
use super::operand::words;
use super::reject;
use super::target::{self, Statement};
use super::{transport, untracked};
use crate::ruleset::{COMMENT_MAX, Comment, Expr, Verdict};

/// Most rules that one source rule may become. Arrays that are folded into sets do not count.
pub(super) const RULES_MAX: usize = 65_536;

/// Lowers a rule for the family of `scope`; nothing if no packet can match it.
pub(super) fn lower(rule: &HostRule, scope: &Scope<'_>, findings: &mut Vec<Diagnostic>) -> Option<Lowered> {
    if is_empty(rule) {
        return None;
    }
    let protocols = transport::protocols(rule, scope);
    let context = Context { scope, rule, protocols: &protocols };
    let mut conditions = Conditions::of(rule, matching::phase, |found| matching::read(found, context), findings);
    if let Some(refusal) = untracked::remembers(rule, &conditions.clauses) {
        conditions.n_errors += 1;
        findings.push(*refusal);
    }
    findings.extend(negated_owners(rule));
    conditions.acted(target::read(context, findings), findings);
    conclude(rule, Families::Only(scope.ip), conditions, findings)
}

/// Whether an array of the rule has no element: ferm writes no rule then.
pub(super) fn is_empty(rule: &HostRule) -> bool {
    rule.matches.iter().any(|found| matches!(&found.operands, Operands::OneOf(words) if words.is_empty()))
}

/// What was understood of a rule.
#[derive(Debug)]
pub(super) struct Conditions {
    pub(super) clauses: Vec<Clause>,
    /// No packet can match.
    never: bool,
    n_errors: usize,
    statement: Option<Statement>,
}

impl Conditions {
    /// Reads every match; what is refused goes to `findings`.
    pub(super) fn of(
        rule: &HostRule,
        phase: impl Fn(&Match) -> Phase,
        read: impl Fn(&Match) -> Result<Reading, Refusal>,
        findings: &mut Vec<Diagnostic>,
    ) -> Self {
        let clauses = Vec::with_capacity(rule.matches.len());
        let mut conditions = Self { clauses, never: false, n_errors: 0, statement: None };
        for refusal in repeated_options(rule) {
            conditions.n_errors += 1;
            findings.push(*refusal);
        }
        for found in &rule.matches {
            match read(found) {
                Ok(Reading::Test(test)) => conditions.clauses.push(Clause { phase: phase(found), test }),
                Ok(Reading::Always) => {}
                Ok(Reading::Never) => conditions.never = true,
                Err(refusal) => {
                    conditions.n_errors += 1;
                    findings.push(*refusal);
                }
            }
        }
        conditions
    }

    /// Adds what the rule does.
    pub(super) fn acted(&mut self, statement: Result<Statement, Refusal>, findings: &mut Vec<Diagnostic>) {
        match statement {
            Ok(statement) => self.statement = Some(statement),
            Err(refusal) => findings.push(*refusal),
        }
    }
}

/// The rule that these conditions make, or what stands in for it.
pub(super) fn conclude(
    rule: &HostRule,
    families: Families,
    conditions: Conditions,
    findings: &mut Vec<Diagnostic>,
) -> Option<Lowered> {
    let Conditions { clauses, never, n_errors, statement } = conditions;
    if never {
        return None;
    }
    let Some(statement) = statement.filter(|_| n_errors == 0) else { return stand_in(rule, families, clauses) };
    let lowered = finish(rule, families, clauses, statement);
    let n_rules = match lowered.product {
        Product::Repeat => lowered.n_repeated(),
        Product::Fold => n_folded(&lowered),
    };
    if n_rules > RULES_MAX {
        let message = format!("the arrays of this rule make more than {RULES_MAX} rules");
        findings.push(*refuse(LIMIT, rule.span, message, "use fewer arrays with a limit or a LOG, or a chain between"));
        let single = lowered.clauses.into_iter().filter(|clause| clause.test.n_condensed() == 1).collect();
        return stand_in(rule, families, single);
    }
    Some(lowered)
}

/// The two rules of a source rule that was read for both families, as one if that says the same.
pub(super) fn merge(v4: Lowered, v6: &Lowered) -> Result<Lowered, Lowered> {
    let statement = match (&*v4.statement, &*v6.statement) {
        (a, b) if a == b => Some(Rc::clone(&v4.statement)),
        ([Expr::Reject(a)], [Expr::Reject(b)]) => {
            reject::reject_both(*a, *b).map(|with| Rc::new([Expr::Reject(with)]) as Rc<[Expr]>)
        }
        _ => None,
    };
    let same = v4.clauses == v6.clauses && v4.uses == v6.uses && v4.comment == v6.comment && v4.effect == v6.effect;
    match statement {
        // One rule would have one state for both families where ferm's two have two.
        Some(statement) if same && !v4.clauses.iter().any(has_state) => {
            Ok(Lowered { families: Families::Both, statement, ..v4 })
        }
        Some(_) | None => Err(v4),
    }
}

fn finish(rule: &HostRule, families: Families, clauses: Vec<Clause>, statement: Statement) -> Lowered {
    let Statement { exprs, uses, effect } = statement;
    let logs = exprs.iter().any(|expr| matches!(expr, Expr::Log(_)));
    let once = effect == Effect::Final || clauses.iter().all(|clause| clause.test.is_disjoint());
    let product = if logs || !once || clauses.iter().any(has_state) { Product::Repeat } else { Product::Fold };
    Lowered { families, clauses, statement: exprs.into(), uses, effect, product, comment: comment(rule) }
}

/// What stands where a rule could not be read: a drop of everything that its readable matches select, if without the
/// rule something could pass that it might have held back; otherwise nothing.
fn stand_in(rule: &HostRule, families: Families, clauses: Vec<Clause>) -> Option<Lowered> {
    let dropped = Statement { exprs: vec![Expr::Verdict(Verdict::Drop)], uses: None, effect: Effect::Final };
    let clauses = clauses.into_iter().filter(|clause| !has_state(clause)).collect();
    target::holds_back(rule).then(|| Lowered {
        comment: Comment::new(&format!("{} refused, dropped instead", rule.origin)),
        ..finish(rule, families, clauses, dropped)
    })
}

/// Rules that are left of a folded product: sets count as one.
fn n_folded(lowered: &Lowered) -> usize {
    lowered.clauses.iter().map(|clause| clause.test.n_condensed()).fold(1, usize::saturating_mul)
}

/// Whether a condition remembers packets.
pub(super) fn has_state(clause: &Clause) -> bool {
    match &clause.test {
        Test::Values(_) => false,
        Test::Alternatives(alternatives) => alternatives.iter().flatten().any(remembers),
    }
}

/// Whether an expression remembers the packets that come to it.
pub(super) fn remembers(expr: &Expr) -> bool {
    match expr {
        Expr::Limit(_) | Expr::Quota(_) | Expr::NamedQuota(_) | Expr::Sample(_) | Expr::DynamicSet(_) => true,
        // A call writes to what is remembered.
        Expr::Verdict(_) => true,
        Expr::Match(_)
        | Expr::Exists(_)
        | Expr::Bytes(_)
        | Expr::Lookup(_)
        | Expr::VerdictMap(_)
        | Expr::Counter
        | Expr::NamedCounter(_)
        | Expr::Log(_)
        | Expr::Reject(_)
        | Expr::Nat(_)
        | Expr::Notrack
        | Expr::Clock(_)
        | Expr::Assign(_)
        | Expr::SegmentSize(_)
        | Expr::StripOption(_)
        | Expr::Tproxy(_)
        | Expr::Synproxy(_)
        | Expr::Queue(_)
        | Expr::Duplicate(_)
        | Expr::SetHeader(_)
        | Expr::SetCt(_)
        | Expr::SetMeta(_) => false,
    }
}

/// iptables takes every option once.
fn repeated_options(rule: &HostRule) -> impl Iterator<Item = Refusal> {
    let is_option = |found: &&Match| found.keyword != "mod";
    let mut options: SmallVec<[&Match; 8]> = rule.matches.iter().filter(is_option).collect();
    // Equal ones stand together then, in the order of the text.
    options.sort_by_key(|found| (found.keyword, found.module));
    let pairs = options.iter().zip(options.iter().skip(1));
    let mut again: Vec<&Match> = pairs
        .filter(|(one, next)| (one.keyword, one.module) == (next.keyword, next.module))
        .map(|(_, next)| *next)
        .collect();
    again.sort_by_key(|found| found.span);
    again.into_iter().map(|found| {
        let message = format!("`{}` is given twice in one rule", found.keyword);
        refuse(OPERAND, found.span, message, "write one array instead, or two rules")
    })
}

/// iptables says of a packet that no process sent that its owner is not the one named; nftables says nothing of it.
fn negated_owners(rule: &HostRule) -> impl Iterator<Item = Diagnostic> {
    let is_owner = |found: &&Match| found.negated && matches!(found.keyword, "uid-owner" | "gid-owner");
    rule.matches.iter().filter(is_owner).map(|found| {
        let message = format!("`{}` with `!` does not match packets that the kernel itself sends", found.keyword);
        Diagnostic::warning(DOUBTFUL, found.span, message)
            .help("iptables matches them too: name the owners that may send instead, and end with a rule for the rest")
    })
}

/// `file:line`, and the rule's own comment.
fn comment(rule: &HostRule) -> Comment {
    let own = rule.matches.iter().find(|found| found.keyword == "comment");
    let text = own.and_then(|found| words(&found.operands).first()).map(|word| &*word.text);
    let mut comment = String::with_capacity(COMMENT_MAX);
    // Writing to a String cannot fail.
    let _ = match text {
        Some(text) => write!(comment, "{}", rule.origin.clone().with_subject(text)),
        None => write!(comment, "{}", rule.origin),
    };
    Comment::new(&comment)
}
