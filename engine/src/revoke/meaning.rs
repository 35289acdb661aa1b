//! Whether two chains say the same, whatever they are called: names are made of the content, which includes the source
//! lines in comments, and counters are called after the policies.

use std::collections::BTreeMap;

use super::reach::elements;
use crate::ruleset::{ElementData, Expr, Name, Rule, SetRef, Table, Verdict};

/// Chains of two tables, compared.
pub(super) struct Meaning<'a> {
    before: &'a Table,
    after: &'a Table,
    compared: BTreeMap<(&'a Name, &'a Name), bool>,
}

impl<'a> Meaning<'a> {
    pub(super) fn new(before: &'a Table, after: &'a Table) -> Self {
        Self { before, after, compared: BTreeMap::new() }
    }

    /// Whether what two keys lead to is the same.
    pub(super) fn is_same_data(&mut self, before: &'a ElementData, after: &'a ElementData) -> bool {
        match (before, after) {
            (ElementData::Verdict(before), ElementData::Verdict(after)) => self.is_same_verdict(before, after),
            _ => before == after,
        }
    }

    fn is_same_verdict(&mut self, before: &'a Verdict, after: &'a Verdict) -> bool {
        match (before, after) {
            (Verdict::Jump(before), Verdict::Jump(after)) | (Verdict::Goto(before), Verdict::Goto(after)) => {
                self.is_same_chain(before, after)
            }
            _ => before == after,
        }
    }

    fn is_same_chain(&mut self, before: &'a Name, after: &'a Name) -> bool {
        // What bears the same name has the same hash.
        if before == after {
            return true;
        }
        if let Some(known) = self.compared.get(&(before, after)) {
            return *known;
        }
        // The kernel has no loops; should there be one, it is the same until something in it is not.
        self.compared.insert((before, after), true);
        let is_same = match (self.before.chains.get(before), self.after.chains.get(after)) {
            (Some(old), Some(new)) => self.is_same_rules(&old.rules, &new.rules),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.compared.insert((before, after), is_same);
        is_same
    }

    fn is_same_rules(&mut self, before: &'a [Rule], after: &'a [Rule]) -> bool {
        let is_same_rule = |(before, after): (&'a Rule, &'a Rule)| {
            before.exprs.len() == after.exprs.len()
                && before.exprs.iter().zip(&after.exprs).all(|(before, after)| self.is_same_expr(before, after))
        };
        before.len() == after.len() && before.iter().zip(after).all(is_same_rule)
    }

    fn is_same_expr(&mut self, before: &'a Expr, after: &'a Expr) -> bool {
        match (before, after) {
            (Expr::NamedCounter(_), Expr::NamedCounter(_)) | (Expr::Log(_), Expr::Log(_)) => true,
            (Expr::Lookup(before), Expr::Lookup(after)) => {
                before.key == after.key
                    && before.operator == after.operator
                    && self.is_same_set(&before.set, &after.set)
            }
            (Expr::VerdictMap(before), Expr::VerdictMap(after)) => {
                before.key == after.key && self.is_same_set(&before.map, &after.map)
            }
            (Expr::Verdict(before), Expr::Verdict(after)) => self.is_same_verdict(before, after),
            _ => before == after,
        }
    }

    fn is_same_set(&mut self, before: &'a SetRef, after: &'a SetRef) -> bool {
        // What of it changed in place is found elsewhere.
        if before == after {
            return true;
        }
        let before = elements(self.before, before);
        let after = elements(self.after, after);
        before.len() == after.len()
            && before
                .iter()
                .zip(after)
                .all(|((old_key, old), (new_key, new))| old_key == new_key && self.is_same_data(&old.data, &new.data))
    }
}
