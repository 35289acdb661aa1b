//! A host rule on its way to nft: what must hold, as clauses that can still be folded, merged and ordered.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use policy_lang::host::rule::{Domain, HostRule, HostRules, Word};
use smallvec::{SmallVec, smallvec};

use crate::ruleset::{Comment, Expr, Field, Helper, Interval, Match, Operator, Rule, Value};

/// The IP family that a rule is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Ip {
    /// ferm's `domain ip`.
    V4,
    /// ferm's `domain ip6`.
    V6,
}

impl Ip {
    /// That of a domain; nothing if it is none of IP's.
    pub(super) fn of(domain: Domain) -> Option<Self> {
        match domain {
            Domain::Ip => Some(Self::V4),
            Domain::Ip6 => Some(Self::V6),
            Domain::Arp | Domain::Eb => None,
        }
    }

    /// As names of sets say it.
    pub(super) fn digit(self) -> u8 {
        match self {
            Self::V4 => 4,
            Self::V6 => 6,
        }
    }
}

/// Every rule of either family, in the order of writing.
pub(super) fn rules_by_family(host: &HostRules) -> impl Iterator<Item = (Ip, &HostRule)> {
    let of_ip = host.chains.iter().filter_map(|chain| Some((Ip::of(chain.domain)?, chain)));
    of_ip.flat_map(|(ip, chain)| chain.rules.iter().map(move |rule| (ip, rule)))
}

/// The packets that a lowered rule may touch.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Families {
    /// Those of one family.
    Only(Ip),
    /// All.
    Both,
}

/// Where iptables looks at it: the first three before every extension, whatever the order of the text.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Phase {
    /// Source and destination.
    Address,
    /// In and out.
    Interface,
    /// The transport protocol.
    Protocol,
    /// Everything else, in the order of the text.
    Extension,
}

/// One condition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Clause {
    pub(super) phase: Phase,
    pub(super) test: Test,
}

/// What a condition asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Test {
    /// A field against a list of values.
    Values(Values),
    /// One of several sequences, each of which holds if all its expressions do. One alternative is a plain match.
    Alternatives(Vec<Vec<Expr>>),
}

/// A field against a list of values.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Values {
    pub(super) field: Field,
    /// `Eq`: one of them; `Ne`: none of them.
    pub(super) operator: Operator,
    /// In the order of the text, repetitions included; never empty. Mostly one: all of a configuration's are in memory at once.
    pub(super) intervals: SmallVec<[Interval; 1]>,
    /// The list variable that all of them came out of.
    pub(super) variable: Option<Arc<str>>,
    /// How many of them, in order, ferm puts into one rule; each has its own where this is empty.
    pub(super) runs: Vec<usize>,
}

/// How the arrays of a rule may be lowered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Product {
    /// As sets: one look-up says the same as ferm's many rules.
    Fold,
    /// As many rules as ferm makes: each has a state of its own, or is one more thing that happens to a packet.
    Repeat,
}

/// A rule whose every word has been understood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Lowered {
    pub(super) families: Families,
    /// In the order of the text.
    pub(super) clauses: Vec<Clause>,
    /// What happens: the expressions after the counter. Of neighbours that do the same it is one.
    pub(super) statement: Rc<[Expr]>,
    /// What happens after that, by something of its own.
    pub(super) uses: Option<Object>,
    pub(super) effect: Effect,
    pub(super) product: Product,
    pub(super) comment: Comment,
}

/// Something of the table that a statement uses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Object {
    /// What no single rule of nft says: rules of a chain of their own, through which every packet comes back.
    Chain {
        /// What the chain is called after.
        tail: &'static str,
        rules: Vec<Rule>,
    },
    /// A helper of connection tracking.
    Helper(Helper),
    /// The neighbour that gets a copy, by a table of its family.
    Copy(IpAddr),
}

/// Whether a packet that matches goes on to the next rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    /// It does not.
    Final,
    /// It may.
    Continues,
}

/// What reading a match gives.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Reading {
    /// A condition.
    Test(Test),
    /// Nothing to test: `proto all`, a comment.
    Always,
    /// No packet matches: `saddr !0.0.0.0/0`.
    Never,
}

impl Values {
    /// The same condition on other values.
    fn with(&self, intervals: SmallVec<[Interval; 1]>) -> Self {
        Self { field: self.field, operator: self.operator, intervals, variable: None, runs: Vec::new() }
    }

    /// The values of each rule that ferm writes.
    pub(super) fn by_rule(&self) -> Vec<SmallVec<[Interval; 1]>> {
        let mut values = self.intervals.iter().copied();
        if self.runs.is_empty() {
            return values.map(|value| smallvec![value]).collect();
        }
        self.runs.iter().map(|run| values.by_ref().take(*run).collect()).collect()
    }
}

impl Reading {
    /// One expression.
    pub(super) fn expr(expr: Expr) -> Self {
        Self::Test(Test::Alternatives(vec![vec![expr]]))
    }

    /// A field that must be, or must not be, one of the values of these words.
    pub(super) fn values(
        field: Field,
        operator: Operator,
        intervals: impl IntoIterator<Item = Interval>,
        words: &[Word],
    ) -> Self {
        let intervals: SmallVec<[Interval; 1]> = intervals.into_iter().collect();
        if intervals.contains(&Interval::all(field.data_type())) {
            return match operator {
                Operator::Eq => Self::Always,
                Operator::Ne => Self::Never,
            };
        }
        Self::Test(Test::Values(Values { field, operator, intervals, variable: variable(words), runs: Vec::new() }))
    }
}

impl Lowered {
    /// The rule as ferm would write it out: one for each combination of the arrays' elements, the first array
    /// varying slowest.
    pub(super) fn repeated(&self) -> Vec<Self> {
        let mut combinations: Vec<Vec<Clause>> = vec![Vec::new()];
        for clause in &self.clauses {
            let tests = clause.test.separate();
            combinations = combinations
                .iter()
                .flat_map(|before| {
                    tests.iter().map(|test| {
                        let mut clauses = before.clone();
                        clauses.push(Clause { phase: clause.phase, test: test.clone() });
                        clauses
                    })
                })
                .collect();
        }
        combinations.into_iter().map(|clauses| Self { clauses, ..self.clone() }).collect()
    }

    /// How many rules [`Lowered::repeated`] gives.
    pub(super) fn n_repeated(&self) -> usize {
        self.clauses.iter().map(|clause| clause.test.n_separate()).fold(1, usize::saturating_mul)
    }
}

impl Test {
    /// How many rules the array of this condition makes.
    pub(super) fn n_separate(&self) -> usize {
        match self {
            Self::Values(values) => match values.operator {
                Operator::Eq if !values.runs.is_empty() => values.runs.len(),
                Operator::Eq => values.intervals.len(),
                // A packet must differ from all of them: no product.
                Operator::Ne => 1,
            },
            Self::Alternatives(alternatives) => alternatives.len(),
        }
    }

    /// Whether no packet can match two elements of the array.
    pub(super) fn is_disjoint(&self) -> bool {
        match self {
            Self::Values(values) if values.intervals.len() < 2 => true,
            Self::Values(values) => {
                let mut sorted = values.intervals.clone();
                sorted.sort_unstable();
                sorted.windows(2).all(|pair| matches!(pair, [a, b] if !a.overlaps(b)))
            }
            Self::Alternatives(alternatives) => alternatives.len() < 2,
        }
    }

    fn separate(&self) -> Vec<Self> {
        match self {
            Self::Values(values) => match values.operator {
                Operator::Eq => {
                    values.by_rule().into_iter().map(|intervals| Self::Values(values.with(intervals))).collect()
                }
                Operator::Ne => vec![self.clone()],
            },
            Self::Alternatives(alternatives) => {
                alternatives.iter().map(|alternative| Self::Alternatives(vec![alternative.clone()])).collect()
            }
        }
    }

    /// How many tests [`Test::condensed`] gives.
    pub(super) fn n_condensed(&self) -> usize {
        match self {
            Self::Values(_) => 1,
            Self::Alternatives(_) => self.condensed().len(),
        }
    }

    /// The same as sets and as few alternatives as possible: exact values of one field become one list.
    pub(super) fn condensed(&self) -> Vec<Self> {
        let Self::Alternatives(alternatives) = self else { return vec![self.clone()] };
        let mut tests: Vec<Self> = Vec::new();
        for alternative in alternatives {
            if let Some((field, interval)) = exact(alternative) {
                let list = tests.iter_mut().find_map(|test| match test {
                    Self::Values(values) if values.field == field => Some(values),
                    Self::Values(_) | Self::Alternatives(_) => None,
                });
                match list {
                    Some(values) => values.intervals.push(interval),
                    None => tests.push(Self::Values(Values {
                        field,
                        operator: Operator::Eq,
                        intervals: smallvec![interval],
                        variable: None,
                        runs: Vec::new(),
                    })),
                }
            } else if !tests.iter().any(|test| *test == Self::Alternatives(vec![alternative.clone()])) {
                tests.push(Self::Alternatives(vec![alternative.clone()]));
            }
        }
        tests
    }
}

/// The list variable that all words came out of, if there is one.
fn variable(words: &[Word]) -> Option<Arc<str>> {
    let variable = words.first()?.variable.as_ref()?;
    words.iter().all(|word| word.variable.as_ref() == Some(variable)).then(|| Arc::clone(variable))
}

/// `FIELD VALUE` and nothing else.
fn exact(exprs: &[Expr]) -> Option<(Field, Interval)> {
    match exprs {
        [Expr::Match(Match { field, mask: None, operator: Operator::Eq, value: Value::One(value) })] => {
            Some((*field, Interval::single(*value)))
        }
        _ => None,
    }
}
