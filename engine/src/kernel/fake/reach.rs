//! The walk that the kernel makes from every base chain before it commits.

use std::collections::{BTreeMap, BTreeSet};

use super::errno::Errno;
use super::hooks;
use crate::observed::{ObservedChain, ObservedTable, RuleContent};
use crate::ruleset::{Element, Expr, Family, Name, SetRef};

/// Chains on one way, the base chain included (`NFT_JUMP_STACK_SIZE`). A goto counts as a jump does.
const DEPTH_MAX: usize = 16;

/// Refuses loops, ways that are too deep, and expressions that the hook they can be reached from does not allow.
pub(super) fn validate(family: Family, table: &ObservedTable) -> Result<(), Errno> {
    let mut walk = Walk { table, depths: BTreeMap::new(), open: BTreeSet::new() };
    for (name, chain) in &table.chains {
        let Some(base) = chain.base else { continue };
        if walk.depth(name, DEPTH_MAX)? > DEPTH_MAX {
            return Err(Errno::TooDeep);
        }
        for expr in reachable(table, name).into_iter().flat_map(exprs) {
            hooks::admit_expr(family, base, expr)?;
        }
    }
    Ok(())
}

struct Walk<'a> {
    table: &'a ObservedTable,
    /// The longest way from each chain that was walked, in chains, itself included.
    depths: BTreeMap<&'a Name, usize>,
    /// The chains of the way that is being walked.
    open: BTreeSet<&'a Name>,
}

impl<'a> Walk<'a> {
    /// Recursion ends at `left`, so that no ruleset is deeper than the stack.
    fn depth(&mut self, name: &'a Name, left: usize) -> Result<usize, Errno> {
        if let Some(depth) = self.depths.get(name) {
            return Ok(*depth);
        }
        let left = left.checked_sub(1).ok_or(Errno::TooDeep)?;
        if !self.open.insert(name) {
            return Err(Errno::TooDeep);
        }
        let mut deepest = 0;
        for target in self.table.chains.get(name).into_iter().flat_map(|chain| targets(self.table, chain)) {
            deepest = deepest.max(self.depth(target, left)?);
        }
        self.open.remove(name);
        self.depths.insert(name, deepest + 1);
        Ok(deepest + 1)
    }
}

fn reachable<'a>(table: &'a ObservedTable, from: &'a Name) -> Vec<&'a ObservedChain> {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    let mut chains = Vec::new();
    while let Some(name) = open.pop() {
        let Some(chain) = table.chains.get(name) else { continue };
        chains.push(chain);
        open.extend(targets(table, chain).filter(|target| seen.insert(*target)));
    }
    chains
}

fn exprs(chain: &ObservedChain) -> impl Iterator<Item = &Expr> {
    chain.rules.iter().flat_map(|rule| match &rule.content {
        RuleContent::Known(rule) => rule.exprs.as_slice(),
        RuleContent::Unknown(_) => &[],
    })
}

fn targets<'a>(table: &'a ObservedTable, chain: &'a ObservedChain) -> impl Iterator<Item = &'a Name> {
    exprs(chain).flat_map(|expr| targets_of(table, expr))
}

fn targets_of<'a>(table: &'a ObservedTable, expr: &'a Expr) -> Vec<&'a Name> {
    let elements = match expr.looked_up().map(|(_, set)| set) {
        Some(SetRef::Named(set)) => table.sets.get(set).map(|set| &set.elements),
        Some(SetRef::Anonymous { elements, .. }) => Some(elements),
        None => None,
    };
    let own = expr.target();
    own.into_iter()
        .chain(elements.into_iter().flat_map(|elements| elements.values()).filter_map(Element::target))
        .collect()
}
