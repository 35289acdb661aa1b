//! The difference object by object, for people: what a plan would change, and what drifted in a running kernel.
//!
//! It says nothing about the way, so a detour does not show. It is empty exactly if the plan is, except for
//! flowtables and objects of unknown kinds, which are named here and cannot be removed.

use std::collections::BTreeMap;
use std::fmt;

use super::joined::joined;
use super::rules::Edits;
use crate::observed::{Observed, ObservedChain, ObservedTable, RuleContent, TableFlags, UnknownObject};
use crate::render;
use crate::ruleset::{Chain, Comment, Element, ElementKey, Name, Rule, Ruleset, Set, Table, TableKey};

/// One object that is not as it should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// The table that it is in.
    pub table: TableKey,
    /// The object.
    pub object: Changed,
    /// How kernel and desired state differ.
    pub difference: Difference,
}

/// What differs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Changed {
    /// The table itself.
    Table,
    /// A named counter.
    Counter(Name),
    /// A named quota.
    Quota(Name),
    /// A helper of connection tracking.
    Helper(Name),
    /// A named set or map.
    Set(Name),
    /// One element of a set.
    Element {
        /// The set.
        set: Name,
        /// Its key.
        key: ElementKey,
        /// Its comment.
        comment: Option<Comment>,
    },
    /// A chain.
    Chain(Name),
    /// One rule.
    Rule {
        /// The chain.
        chain: Name,
        /// The source line that it came from.
        comment: Option<Comment>,
        /// What it says, as nft writes it.
        text: String,
    },
    /// Something that palisade never makes.
    Unknown(UnknownObject),
}

/// How the kernel differs from the desired state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Difference {
    /// The kernel does not have it: a plan adds it.
    Missing,
    /// The kernel has it and should not: a plan removes it.
    Extra,
    /// The kernel has it otherwise, in these words: a plan changes it.
    Different(&'static str),
}

/// Every difference, in the order of tables, objects and rules.
pub fn changes(observed: &Observed, desired: &Ruleset, flags: TableFlags) -> Vec<Change> {
    let mut changes = Vec::new();
    for (key, there, wanted) in joined(&observed.tables, &desired.tables) {
        let mut list = List { table: key, changes: &mut changes };
        match (there, wanted) {
            (Some(there), Some(wanted)) => list.table(there, wanted, flags),
            (Some(_), None) => list.push(Changed::Table, Difference::Extra),
            (None, Some(wanted)) => {
                list.push(Changed::Table, Difference::Missing);
                list.table(&ObservedTable::default(), wanted, TableFlags::default());
            }
            (None, None) => {}
        }
    }
    changes
}

struct List<'a> {
    table: &'a TableKey,
    changes: &'a mut Vec<Change>,
}

impl List<'_> {
    fn push(&mut self, object: Changed, difference: Difference) {
        self.changes.push(Change { table: self.table.clone(), object, difference });
    }

    fn table(&mut self, there: &ObservedTable, wanted: &Table, flags: TableFlags) {
        if flags.owner && there.flags.persist && !there.flags.owner {
            self.push(Changed::Table, Difference::Different("nobody owns it"));
        }
        for (name, there, wanted) in joined(&there.counters, &wanted.counters) {
            self.presence(there.is_some(), wanted.is_some(), || Changed::Counter(name.clone()));
        }
        for (name, there, wanted) in joined(&there.quotas, &wanted.quotas) {
            self.presence(there.is_some(), wanted.is_some(), || Changed::Quota(name.clone()));
            if let (Some(there), Some(wanted)) = (there, wanted)
                && there != wanted
            {
                self.push(Changed::Quota(name.clone()), Difference::Different("another size"));
            }
        }
        for (name, there, wanted) in joined(&there.helpers, &wanted.helpers) {
            self.presence(there.is_some(), wanted.is_some(), || Changed::Helper(name.clone()));
            if let (Some(there), Some(wanted)) = (there, wanted)
                && there != wanted
            {
                self.push(Changed::Helper(name.clone()), Difference::Different("another one"));
            }
        }
        for (name, there, wanted) in joined(&there.sets, &wanted.sets) {
            self.presence(there.is_some(), wanted.is_some(), || Changed::Set(name.clone()));
            if let (Some(there), Some(wanted)) = (there, wanted) {
                self.set(name, there, wanted);
            }
        }
        for (name, there, wanted) in joined(&there.chains, &wanted.chains) {
            self.presence(there.is_some(), wanted.is_some(), || Changed::Chain(name.clone()));
            if let (Some(there), Some(wanted)) = (there, wanted) {
                self.chain(name, there, wanted);
            }
        }
        for object in &there.unknown {
            self.push(Changed::Unknown(object.clone()), Difference::Extra);
        }
    }

    fn presence(&mut self, there: bool, wanted: bool, object: impl FnOnce() -> Changed) {
        match (there, wanted) {
            (true, false) => self.push(object(), Difference::Extra),
            (false, true) => self.push(object(), Difference::Missing),
            (true, true) | (false, false) => {}
        }
    }

    fn set(&mut self, name: &Name, there: &Set, wanted: &Set) {
        if there.spec != wanted.spec {
            self.push(Changed::Set(name.clone()), Difference::Different("another kind of set"));
            return;
        }
        if there.spec.dynamic {
            return;
        }
        for (key, there, wanted) in joined(&there.elements, &wanted.elements) {
            if there == wanted {
                continue;
            }
            let element = |element: &Element| Changed::Element {
                set: name.clone(),
                key: key.clone(),
                comment: element.comment.clone(),
            };
            match (there, wanted) {
                (Some(there), None) => self.push(element(there), Difference::Extra),
                (None, Some(wanted)) => self.push(element(wanted), Difference::Missing),
                (Some(there), Some(wanted)) if there.data != wanted.data => {
                    self.push(element(wanted), Difference::Different("maps to something else"));
                }
                (Some(there), Some(wanted)) if there.timeout != wanted.timeout => {
                    self.push(element(wanted), Difference::Different("another timeout"));
                }
                (Some(_), Some(wanted)) => self.push(element(wanted), Difference::Different("another comment")),
                (None, None) => {}
            }
        }
    }

    fn chain(&mut self, name: &Name, there: &ObservedChain, wanted: &Chain) {
        let differs = if there.base != wanted.base {
            Some("another hook, type or priority")
        } else if there.comment != wanted.comment {
            Some("another comment")
        } else if there.policy_drop {
            Some("policy drop")
        } else {
            None
        };
        if let Some(differs) = differs {
            self.push(Changed::Chain(name.clone()), Difference::Different(differs));
        }
        let edits = Edits::between(&there.rules, &wanted.rules);
        let mut added: BTreeMap<&Rule, usize> = BTreeMap::new();
        for (_, rule) in &edits.added {
            *added.entry(rule).or_default() += 1;
        }
        let mut moved: BTreeMap<&Rule, usize> = BTreeMap::new();
        for rule in edits.removed {
            let (comment, text, difference) = match &rule.content {
                RuleContent::Known(rule) => {
                    let left = added.get_mut(rule).filter(|left| **left > 0);
                    let difference = match left {
                        Some(left) => {
                            *left -= 1;
                            *moved.entry(rule).or_default() += 1;
                            Difference::Different("out of its place")
                        }
                        None => Difference::Extra,
                    };
                    (rule.comment.clone(), render::rule(rule), difference)
                }
                RuleContent::Unknown(what) => (None, what.to_string(), Difference::Extra),
            };
            self.push(Changed::Rule { chain: name.clone(), comment, text }, difference);
        }
        for (_, rule) in edits.added {
            match moved.get_mut(rule).filter(|left| **left > 0) {
                Some(left) => *left -= 1,
                None => {
                    let comment = rule.comment.clone();
                    let text = render::rule(rule);
                    self.push(Changed::Rule { chain: name.clone(), comment, text }, Difference::Missing);
                }
            }
        }
    }
}

impl Changed {
    /// `table`, `set`, `element`, `rule`, …
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Counter(_) => "counter",
            Self::Quota(_) => "quota",
            Self::Helper(_) => "ct helper",
            Self::Set(_) => "set",
            Self::Element { .. } => "element",
            Self::Chain(_) => "chain",
            Self::Rule { .. } => "rule",
            Self::Unknown(object) => object.kind,
        }
    }

    /// The name of the object, or of the set or chain that it is in; a table has none besides its own.
    pub fn name(&self) -> Option<&Name> {
        match self {
            Self::Table => None,
            Self::Counter(name) | Self::Quota(name) | Self::Helper(name) | Self::Set(name) | Self::Chain(name) => {
                Some(name)
            }
            Self::Element { set, .. } => Some(set),
            Self::Rule { chain, .. } => Some(chain),
            Self::Unknown(object) => Some(&object.name),
        }
    }

    /// Which element, or what the rule says with its source line, or what is strange.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Table | Self::Counter(_) | Self::Quota(_) | Self::Helper(_) | Self::Set(_) | Self::Chain(_) => None,
            Self::Element { key, comment: None, .. } => Some(render::element_key(key)),
            Self::Element { key, comment: Some(comment), .. } => {
                Some(format!("{} ({comment})", render::element_key(key)))
            }
            Self::Rule { text, .. } => Some(text.clone()),
            Self::Unknown(object) => Some(object.reason.to_string()),
        }
    }

    /// The source line of a rule or an element, where it has one.
    pub fn source(&self) -> Option<&Comment> {
        match self {
            Self::Table
            | Self::Counter(_)
            | Self::Quota(_)
            | Self::Helper(_)
            | Self::Set(_)
            | Self::Chain(_)
            | Self::Unknown(_) => None,
            Self::Element { comment, .. } | Self::Rule { comment, .. } => comment.as_ref(),
        }
    }
}

impl Difference {
    /// What a plan does about it: `add`, `remove`, `change`.
    pub fn planned(&self) -> &'static str {
        match self {
            Self::Missing => "add",
            Self::Extra => "remove",
            Self::Different(_) => "change",
        }
    }

    /// What a kernel that drifted has of it: `missing`, `extra`, `different`.
    pub fn found(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Different(_) => "different",
        }
    }
}

/// `rule inet palisade pl_input: tcp dport 22 accept comment "hosts.ferm:12"`, without what is to be done about it.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.object.kind(), self.table)?;
        if let Some(name) = self.object.name() {
            write!(f, " {name}")?;
        }
        if let Some(detail) = self.object.detail() {
            write!(f, ": {detail}")?;
        }
        match &self.difference {
            Difference::Different(how) => write!(f, " [{how}]"),
            Difference::Missing | Difference::Extra => Ok(()),
        }
    }
}
