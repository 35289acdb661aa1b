//! What a list remembers: one ring of moments for each question that is asked of it.
//!
//! *N packets in the last T seconds* is the same as *the last N packets all came in the last T seconds*. So a ring of N
//! places is enough: a packet takes the place of the oldest, and the answer is whether all places are taken. A place is a
//! set of addresses that live for T. Which place is the next stands in sets too: an address is in that of its next place,
//! and in none of them if that is the first.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use policy_lang::host::rule::HostRules;

use super::super::clause::{Ip, rules_by_family};
use super::super::matching::{options, source};
use super::{MODULE, Usage, Use, usage};
use crate::compile::builder::TableBuilder;
use crate::hash;
use crate::ruleset::{
    DynamicSet, Elements, Expr, Field, Lookup, Name, Operator, Rule, Set, SetOperation, SetSpec, Verdict,
};

/// How many addresses a list holds.
const SIZE: NonZeroU32 = NonZeroU32::new(65_535).expect("it is not zero");

/// How long an address counts as one that was there at all, in seconds: what `remove` asks.
const KNOWN: Question = Question { seconds: 86_400, hits: 1 };

/// So many packets in so many seconds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Question {
    /// At least 1.
    pub(super) seconds: u32,
    /// At least 1.
    pub(super) hits: u32,
}

/// The lists of all rules, by family and name.
#[derive(Clone, Debug, Default)]
pub(in crate::compile::host) struct Lists(BTreeMap<(Ip, Box<str>), List>);

/// One list: what is asked of it, and how packets are remembered in it.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    questions: BTreeSet<Question>,
    /// By the field that is remembered.
    remembering: BTreeMap<Field, Vec<Expr>>,
}

/// A ring of a list.
#[derive(Clone, Copy, Debug)]
struct Ring<'a> {
    name: &'a str,
    ip: Ip,
    question: Question,
}

impl Lists {
    /// Collects what the rules ask of their lists.
    pub(in crate::compile::host) fn of(host: &HostRules) -> Self {
        let mut lists = Self::default();
        for (ip, rule) in rules_by_family(host) {
            let Some(first) = options(rule, MODULE).next() else { continue };
            // What cannot be read is reported where the rule is lowered.
            let Ok(Usage { name, what, field }) = usage(rule, first, ip) else { continue };
            let list = lists.0.entry((ip, name)).or_default();
            match what {
                Use::Check(_, question) => {
                    list.questions.insert(question);
                }
                Use::Update(question) => {
                    list.questions.insert(question);
                    list.remembering.entry(field).or_default();
                }
                Use::Set => {
                    list.remembering.entry(field).or_default();
                }
                Use::Remove => {
                    list.questions.insert(KNOWN);
                }
            }
        }
        lists
    }

    /// Adds the sets that they are, and the chains that write to them.
    pub(in crate::compile::host) fn declare(&mut self, builder: &mut TableBuilder) {
        for ((ip, name), list) in &mut self.0 {
            let rings: Vec<Ring<'_>> =
                list.questions.iter().map(|question| Ring { name, ip: *ip, question: *question }).collect();
            for ring in &rings {
                for name in ring.sets() {
                    // The name has a hash of all that, so whoever has it already has the same.
                    builder.named_set(name, ring.set());
                }
            }
            for (field, exprs) in &mut list.remembering {
                *exprs = remembering(&rings, *field, builder);
            }
        }
    }

    /// What remembers a packet in a list; nothing if the list is never asked.
    pub(super) fn remember(&self, ip: Ip, name: &str, field: Field) -> Option<&[Expr]> {
        let list = self.0.get(&(ip, name.into()))?;
        if list.questions.is_empty() { None } else { list.remembering.get(&field).map(Vec::as_slice) }
    }

    /// What makes a list forget a packet, if it knows it.
    pub(super) fn forget(&self, ip: Ip, name: &str, field: Field) -> Vec<Expr> {
        let questions = self.0.get(&(ip, name.into())).into_iter().flat_map(|list| &list.questions);
        let sets = questions.flat_map(|question| Ring { name, ip, question: *question }.sets());
        let deleted = sets.map(|set| dynamic(SetOperation::Delete, &set, field));
        asked(ip, name, KNOWN, field).into_iter().chain(deleted).collect()
    }
}

/// Whether so many packets came in so many seconds.
pub(super) fn asked(ip: Ip, name: &str, question: Question, field: Field) -> Vec<Expr> {
    Ring { name, ip, question }.places().map(|set| Lookup::in_set(field, &set, Operator::Eq)).collect()
}

/// Whether an address is not remembered at all.
pub(super) fn unknown(ip: Ip, name: &str, seconds: u32, field: Field) -> Expr {
    let place = Ring { name, ip, question: Question { seconds, hits: 1 } }.place(1);
    Lookup::in_set(field, &place, Operator::Ne)
}

/// What remembers a packet in several rings. A ring of one place is a set; others are chains, and come last.
fn remembering(rings: &[Ring<'_>], field: Field, builder: &mut TableBuilder) -> Vec<Expr> {
    let (single, several): (Vec<&Ring<'_>>, Vec<_>) = rings.iter().partition(|ring| ring.question.hits == 1);
    let mut exprs: Vec<Expr> = single.iter().map(|ring| dynamic(SetOperation::Update, &ring.place(1), field)).collect();
    let mut jumps: Vec<(&str, Expr)> = several
        .iter()
        .map(|ring| {
            let chain = builder.chain("recent", ring.name, ring.rules(field), None);
            (ring.name, Expr::Verdict(Verdict::Jump(chain)))
        })
        .collect();
    // One call at most, so that the chains are no deeper for more questions.
    if let [(name, _), _, ..] = jumps.as_slice() {
        let name = (*name).to_owned();
        let rules = jumps.drain(..).map(|(_, jump)| Rule { exprs: vec![jump], comment: None }).collect();
        exprs.push(Expr::Verdict(Verdict::Jump(builder.chain("recent", &name, rules, None))));
    }
    exprs.extend(jumps.into_iter().map(|(_, jump)| jump));
    exprs
}

impl Ring<'_> {
    /// The rules that put a packet into the next place and move on.
    fn rules(self, field: Field) -> Vec<Rule> {
        let hits = self.question.hits;
        let mut rules: Vec<Rule> = (2..=hits)
            .map(|place| {
                let pointer = self.pointer(place);
                let mut exprs = vec![
                    Lookup::in_set(field, &pointer, Operator::Eq),
                    dynamic(SetOperation::Update, &self.place(place), field),
                    dynamic(SetOperation::Delete, &pointer, field),
                ];
                if place < hits {
                    exprs.push(dynamic(SetOperation::Update, &self.pointer(place + 1), field));
                }
                exprs.push(Expr::Verdict(Verdict::Return));
                Rule { exprs, comment: None }
            })
            .collect();
        let first = vec![
            dynamic(SetOperation::Update, &self.place(1), field),
            dynamic(SetOperation::Update, &self.pointer(2), field),
        ];
        rules.push(Rule { exprs: first, comment: None });
        rules
    }

    fn places(self) -> impl Iterator<Item = Name> {
        (1..=self.question.hits).map(move |place| self.place(place))
    }

    fn sets(self) -> Vec<Name> {
        self.places().chain((2..=self.question.hits).map(|place| self.pointer(place))).collect()
    }

    fn set(self) -> Set {
        let spec = SetSpec {
            dynamic: true,
            timeout: Some(Duration::from_secs(self.question.seconds.into())),
            size: Some(SIZE),
            ..SetSpec::hash([source(self.ip).data_type()])
        };
        Set { spec, elements: Elements::new() }
    }

    fn place(self, place: u32) -> Name {
        let Question { seconds, hits } = self.question;
        // What only one packet is asked of is its only place.
        if hits == 1 {
            self.named(&format!("{seconds}"), "")
        } else {
            self.named(&self.identity(), &format!("_{place}"))
        }
    }

    /// Who is in it is remembered next in this place.
    fn pointer(self, place: u32) -> Name {
        self.named(&self.identity(), &format!("_next{place}"))
    }

    fn identity(self) -> String {
        let Question { seconds, hits } = self.question;
        format!("{seconds} {hits}")
    }

    fn named(self, identity: &str, part: &str) -> Name {
        let family = self.ip.digit();
        let hash = hash::text(&format!("{} {identity} {family}", self.name));
        Name::ours(&format!("recent_{hash}_{}{part}_{family}", self.name))
    }
}

fn dynamic(operation: SetOperation, set: &Name, field: Field) -> Expr {
    let (set, key, masks) = (set.clone(), vec![field], BTreeMap::new());
    Expr::DynamicSet(DynamicSet { operation, set, key, masks, timeout: None, per_element: None })
}
