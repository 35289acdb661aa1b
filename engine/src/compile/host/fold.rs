//! Runs of rules that differ in their constants only become one look-up.
//!
//! Ten thousand rules `saddr A proto tcp dport P ACCEPT` are one set: a packet that matches any of them gets the same
//! verdict, so their order means nothing and one look-up says the same. Each element keeps the comment of its source
//! rule and a counter of its own. A rule that remembers packets, lets them go on, or uses a named list stays a rule.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::clause::{Clause, Effect, Families, Ip, Lowered, Phase, Product, Test, Values};
use super::emit;
use crate::compile::builder::TableBuilder;
use crate::ruleset::{DataType, ElementKey, Expr, Field, Interval, Lookup, Operator, Rule, SetRef, SetSpec};

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
            .map(|families| runs(block.iter().filter(|rule| rule.families == families)));
        if n_apart > 0 && sides.iter().flatten().any(Segment::is_run) {
            for side in sides {
                emit(side, kind, tail, builder, &mut out);
            }
        } else {
            emit(runs(block.iter()), kind, tail, builder, &mut out);
        }
    }
    out
}

/// Neighbours that can be one look-up, or rules that cannot.
enum Segment<'a> {
    Run(Run<'a>),
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

/// Rules of one shape: they differ in what their lists hold, and in nothing else.
struct Run<'a> {
    /// The first one, taken apart.
    first: Candidate<'a>,
    /// Which lists are not the same in every rule.
    varying: Vec<bool>,
    /// All of them. They are many, so what they are taken apart is found again when it is needed.
    rules: Vec<&'a Lowered>,
}

/// A rule that may be folded: its lists by field, and what it has besides.
struct Candidate<'a> {
    rule: &'a Lowered,
    columns: SmallVec<[Column<'a>; 4]>,
    others: Vec<&'a Clause>,
}

type Column<'a> = (Phase, Field, Cow<'a, [Interval]>);

impl<'a> Run<'a> {
    fn of(first: Candidate<'a>) -> Self {
        Self { varying: vec![false; first.columns.len()], rules: vec![first.rule], first }
    }

    fn push(&mut self, next: &Candidate<'a>) {
        let columns = self.first.columns.iter().zip(&next.columns);
        for (((_, _, first), (_, _, next)), varies) in columns.zip(&mut self.varying) {
            *varies |= first != next;
        }
        self.rules.push(next.rule);
    }

    fn close(self) -> Segment<'a> {
        if self.rules.len() >= RUN_MIN { Segment::Run(self) } else { Segment::Rules(self.rules) }
    }
}

fn runs<'a>(rules: impl Iterator<Item = &'a Lowered>) -> Vec<Segment<'a>> {
    let mut segments = Vec::new();
    let mut open: Option<Run<'a>> = None;
    for rule in rules {
        let candidate = candidate(rule);
        match (candidate, &mut open) {
            (Some(candidate), Some(run)) if same_shape(&run.first, &candidate) => run.push(&candidate),
            (candidate, _) => {
                segments.extend(open.take().map(Run::close));
                match candidate {
                    Some(candidate) => open = Some(Run::of(candidate)),
                    None => segments.push(Segment::Rules(vec![rule])),
                }
            }
        }
    }
    segments.extend(open.map(Run::close));
    segments
}

fn candidate(rule: &Lowered) -> Option<Candidate<'_>> {
    let foldable = rule.effect == Effect::Final && rule.product == Product::Fold;
    let plain = rule.statement.iter().all(|expr| matches!(expr, Expr::Verdict(_) | Expr::Reject(_)));
    if !foldable || !plain {
        return None;
    }
    let mut columns: SmallVec<[Column<'_>; 4]> = SmallVec::new();
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
fn folded(run: &Run<'_>, kind: &str, tail: &str, builder: &mut TableBuilder, out: &mut Vec<Rule>) {
    let Run { first, varying, rules } = run;
    let key: Vec<Field> = pick(&first.columns, varying).map(|(_, field, _)| *field).collect();
    let bytes: usize = key.iter().map(|field| field.data_type().width().next_multiple_of(4)).sum();
    if key.is_empty() || bytes > KEY_MAX {
        return rules.iter().for_each(|rule| emit::rules(rule, builder, out));
    }
    let (elements, leftovers) = element::elements(run);
    let types: Vec<DataType> = key.iter().map(|field| field.data_type()).collect();
    let ranges = elements.keys().flat_map(ElementKey::parts).any(|part| !part.is_single());
    let spec = if ranges { SetSpec::intervals(types) } else { SetSpec::hash(types).sized_for(&elements) };
    let spec = SetSpec { counters: true, ..spec };
    let set = SetRef::Named(builder.constant_set(kind, tail, spec, elements));
    let mut conditions: Vec<(Phase, Expr)> = Vec::new();
    for ((phase, field, intervals), varies) in first.columns.iter().zip(varying) {
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
    let comment = comment(rules);
    out.push(emit::finished(conditions, first.rule.families, &first.rule.statement, &comment));
    for leftover in leftovers {
        emit::rules(leftover, builder, out);
    }
}

fn pick<'a, T>(columns: &'a [T], varying: &'a [bool]) -> impl Iterator<Item = &'a T> {
    columns.iter().zip(varying).filter(|(_, varies)| **varies).map(|(column, _)| column)
}

/// The first and the last line, and how many rules they are.
fn comment(rules: &[&Lowered]) -> String {
    let [first, .., last] = rules else { return String::new() };
    format!("{} to {}: {} rules", first.comment.as_str(), last.comment.as_str(), rules.len())
}
