//! Runs of rules that differ in their constants only become one look-up.
//!
//! Ten thousand rules `saddr A proto tcp dport P ACCEPT` are one set: a packet that matches any of them gets the same
//! verdict, so their order means nothing and one look-up says the same. Each element keeps the comment of its source
//! rule and a counter of its own. A rule that remembers packets, lets them go on, or uses a named list stays a rule.

use std::borrow::Cow;

use super::clause::{Clause, Effect, Families, Ip, Lowered, Phase, Product, Test, Values};
use super::emit;
use crate::compile::builder::TableBuilder;
use crate::ruleset::{Comment, DataType, ElementKey, Expr, Field, Interval, Lookup, Operator, Rule, SetRef, SetSpec};

mod element;

/// Fewer rules than this stay rules: a listing is easier to read, and a look-up is not faster.
const RUN_MIN: usize = 8;

/// Most elements that the arrays of one rule may become.
const ELEMENTS_PER_RULE: usize = 256;

/// Longest key of a concatenation, in bytes (`NFT_DATA_VALUE_MAXLEN`).
const KEY_MAX: usize = 64;

/// The rules of a chain, runs folded.
pub(super) fn rules(lowered: &[Lowered], kind: &str, tail: &str, builder: &mut TableBuilder) -> Vec<Rule> {
    let mut out = Vec::new();
    let mut rest = lowered;
    while !rest.is_empty() {
        // Rules of different families never see the same packet, so they may pass each other.
        let n_apart = rest.iter().take_while(|rule| matches!(rule.families, Families::Only(_))).count();
        let n_together = rest.iter().take_while(|rule| rule.families == Families::Both).count();
        let (block, after) = rest.split_at_checked(n_apart.max(n_together)).unwrap_or((rest, &[]));
        rest = after;
        let sides = [Families::Only(Ip::V4), Families::Only(Ip::V6)]
            .map(|families| runs(block.iter().filter(|rule| rule.families == families).collect()));
        if n_apart > 0 && sides.iter().flatten().any(Segment::is_run) {
            for side in sides {
                emit(side, kind, tail, builder, &mut out);
            }
        } else {
            emit(runs(block.iter().collect()), kind, tail, builder, &mut out);
        }
    }
    out
}

/// Neighbours that can be one look-up, or one rule that cannot.
enum Segment<'a> {
    Run(Vec<Candidate<'a>>),
    Rules(Vec<&'a Lowered>),
}

impl Segment<'_> {
    fn is_run(&self) -> bool {
        match self {
            Self::Run(_) => true,
            Self::Rules(_) => false,
        }
    }
}

/// A rule that may be folded: its lists by field, and what it has besides.
struct Candidate<'a> {
    rule: &'a Lowered,
    columns: Vec<(Phase, Field, Cow<'a, [Interval]>)>,
    others: Vec<&'a Clause>,
}

fn runs<'a>(rules: Vec<&'a Lowered>) -> Vec<Segment<'a>> {
    let mut segments = Vec::new();
    let mut open: Vec<Candidate<'a>> = Vec::new();
    for rule in rules {
        let candidate = candidate(rule);
        let fits = match (&candidate, open.first()) {
            (Some(candidate), Some(first)) => same_shape(first, candidate),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if !fits {
            close(std::mem::take(&mut open), &mut segments);
        }
        match candidate {
            Some(candidate) => open.push(candidate),
            None => segments.push(Segment::Rules(vec![rule])),
        }
    }
    close(open, &mut segments);
    segments
}

fn close<'a>(open: Vec<Candidate<'a>>, segments: &mut Vec<Segment<'a>>) {
    if open.len() >= RUN_MIN {
        segments.push(Segment::Run(open));
    } else if !open.is_empty() {
        segments.push(Segment::Rules(open.into_iter().map(|candidate| candidate.rule).collect()));
    }
}

fn candidate(rule: &Lowered) -> Option<Candidate<'_>> {
    let foldable = rule.effect == Effect::Final && rule.product == Product::Fold;
    let plain = rule.statement.iter().all(|expr| matches!(expr, Expr::Verdict(_) | Expr::Reject(_)));
    if !foldable || !plain {
        return None;
    }
    let mut columns = Vec::with_capacity(rule.clauses.len());
    let mut others = Vec::new();
    for clause in &rule.clauses {
        match &clause.test {
            Test::Values(Values { field, operator: Operator::Eq, intervals, variable: None, runs: _ }) => {
                let intervals = match intervals.as_slice() {
                    one @ [_] => Cow::Borrowed(one),
                    several => Cow::Owned(emit::normalised(several)),
                };
                columns.push((clause.phase, *field, intervals));
            }
            Test::Alternatives(alternatives) if alternatives.len() > 1 => return None,
            Test::Values(_) | Test::Alternatives(_) => others.push(clause),
        }
    }
    let n_elements = columns.iter().map(|(_, _, intervals)| intervals.len()).fold(1, usize::saturating_mul);
    columns.sort_by_key(|(phase, field, _)| (*phase, *field));
    let distinct = columns.windows(2).all(|pair| matches!(pair, [(_, a, _), (_, b, _)] if a != b));
    (!columns.is_empty() && distinct && n_elements <= ELEMENTS_PER_RULE).then_some(Candidate { rule, columns, others })
}

fn same_shape(a: &Candidate<'_>, b: &Candidate<'_>) -> bool {
    a.rule.families == b.rule.families
        && a.rule.statement == b.rule.statement
        && a.others == b.others
        && fields(a).eq(fields(b))
}

fn fields<'a>(candidate: &'a Candidate<'_>) -> impl Iterator<Item = Field> + 'a {
    candidate.columns.iter().map(|(_, field, _)| *field)
}

fn emit(segments: Vec<Segment<'_>>, kind: &str, tail: &str, builder: &mut TableBuilder, out: &mut Vec<Rule>) {
    for segment in segments {
        match segment {
            Segment::Rules(rules) => {
                for rule in rules {
                    emit::rules(rule, builder, out);
                }
            }
            Segment::Run(run) => folded(&run, kind, tail, builder, out),
        }
    }
}

/// One look-up for the run, and the rules that overlap with others in part as rules after it.
fn folded(run: &[Candidate<'_>], kind: &str, tail: &str, builder: &mut TableBuilder, out: &mut Vec<Rule>) {
    let varying = varying(run);
    let key: Vec<Field> = run
        .first()
        .map(|first| pick(&first.columns, &varying).map(|(_, field, _)| *field).collect())
        .unwrap_or_default();
    let bytes: usize = key.iter().map(|field| field.data_type().width().next_multiple_of(4)).sum();
    if key.is_empty() || bytes > KEY_MAX {
        return run.iter().for_each(|candidate| emit::rules(candidate.rule, builder, out));
    }
    let (elements, leftovers) = element::elements(run, &varying);
    let Some(first) = run.first() else { return };
    let types: Vec<DataType> = key.iter().map(|field| field.data_type()).collect();
    let ranges = elements.keys().flat_map(ElementKey::parts).any(|part| !part.is_single());
    let spec = if ranges { SetSpec::intervals(types) } else { SetSpec::hash(types).sized_for(&elements) };
    let spec = SetSpec { counters: true, ..spec };
    let set = SetRef::Named(builder.constant_set(kind, tail, spec, elements));
    let mut conditions: Vec<(Phase, Expr)> = Vec::new();
    for ((phase, field, intervals), varies) in first.columns.iter().zip(&varying) {
        if !varies {
            conditions.push((*phase, emit::list_expr(*field, Operator::Eq, intervals)));
        }
    }
    for clause in &first.others {
        match &clause.test {
            Test::Values(values) => conditions.push((clause.phase, emit::values_expr(values, builder))),
            Test::Alternatives(alternatives) => {
                conditions.extend(alternatives.iter().flatten().map(|expr| (clause.phase, expr.clone())));
            }
        }
    }
    conditions.push((Phase::Extension, Expr::Lookup(Lookup { key, operator: Operator::Eq, set })));
    conditions.sort_by_key(|(phase, _)| *phase);
    let conditions = conditions.into_iter().map(|(_, expr)| expr).collect();
    let comment = comment(run);
    out.push(emit::finished(conditions, first.rule.families, &first.rule.statement, &comment));
    for leftover in leftovers {
        emit::rules(leftover, builder, out);
    }
}

/// Which columns are not the same in every rule.
fn varying(run: &[Candidate<'_>]) -> Vec<bool> {
    let Some((first, rest)) = run.split_first() else { return Vec::new() };
    let differs = |at: usize| rest.iter().any(|candidate| intervals(candidate, at) != intervals(first, at));
    (0..first.columns.len()).map(differs).collect()
}

fn intervals<'a>(candidate: &'a Candidate<'_>, at: usize) -> Option<&'a [Interval]> {
    candidate.columns.get(at).map(|(_, _, intervals)| &**intervals)
}

fn pick<'a, T>(columns: &'a [T], varying: &'a [bool]) -> impl Iterator<Item = &'a T> {
    columns.iter().zip(varying).filter(|(_, varies)| **varies).map(|(column, _)| column)
}

/// The first and the last line, and how many rules they are.
fn comment(run: &[Candidate<'_>]) -> String {
    let text = |candidate: Option<&Candidate<'_>>| {
        candidate.map_or_else(String::new, |candidate| Comment::as_str(&candidate.rule.comment).to_owned())
    };
    format!("{} to {}: {} rules", text(run.first()), text(run.last()), run.len())
}
