//! The state of a network namespace, and commits to it.

use std::collections::BTreeMap;

use super::errno::Errno;
use super::references::References;
use super::{elements, hooks, reach, rejection, rules};
use crate::kernel::{Features, Guard, KernelError, Rejection};
use crate::observed::{KernelGeneration, Observed, ObservedTable, TableFlags};
use crate::plan::model::{self, NextHandle};
use crate::plan::{Op, OpKind};
use crate::ruleset::TableKey;

#[derive(Clone, Debug)]
pub(super) struct Namespace {
    pub(super) features: Features,
    pub(super) state: Observed,
    references: BTreeMap<TableKey, References>,
    owners: BTreeMap<TableKey, u32>,
    next_handle: NextHandle,
    last_port: u32,
}

/// Whether a batch has its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Validation {
    /// It has: the way of packets is walked from every base chain.
    Full,
    /// It has not: only each operation by itself is checked.
    PerOperation,
}

impl Namespace {
    pub(super) fn new(features: Features) -> Self {
        Self {
            features,
            state: Observed { generation: KernelGeneration(1), tables: BTreeMap::new() },
            references: BTreeMap::new(),
            owners: BTreeMap::new(),
            next_handle: NextHandle(1),
            last_port: 1,
        }
    }

    pub(super) fn next_port(&mut self) -> u32 {
        self.last_port += 1;
        self.last_port
    }

    pub(super) fn commit(&mut self, port: u32, ops: &[Op], guard: Guard) -> Result<(), KernelError> {
        if ops.is_empty() {
            return Ok(());
        }
        match guard {
            Guard::Generation(seen) if seen != self.state.generation => return Err(KernelError::Conflict { seen }),
            Guard::Generation(_) | Guard::None => {}
        }
        let mut after = self.attempt(port, ops, Validation::Full)?;
        after.state.generation = after.state.generation.following();
        *self = after;
        Ok(())
    }

    pub(super) fn check(&self, port: u32, ops: &[Op]) -> Result<(), KernelError> {
        self.attempt(port, ops, Validation::PerOperation).map(drop)
    }

    pub(super) fn close(&mut self, port: u32) {
        let owned: Vec<TableKey> =
            self.owners.iter().filter(|(_, owner)| **owner == port).map(|(key, _)| key.clone()).collect();
        for key in owned {
            self.owners.remove(&key);
            match self.state.tables.get_mut(&key) {
                Some(table) if table.flags.persist => table.flags.owner = false,
                Some(_) | None => {
                    self.state.tables.remove(&key);
                    self.references.remove(&key);
                }
            }
            self.state.generation = self.state.generation.following();
        }
    }

    pub(super) fn tamper(&mut self, change: impl FnOnce(&mut Observed)) {
        change(&mut self.state);
        self.references = self.state.tables.iter().map(|(key, table)| (key.clone(), References::of(table))).collect();
        self.state.generation = self.state.generation.following();
    }

    /// The namespace after a batch; every operation that is refused is reported, as the kernel does.
    fn attempt(&self, port: u32, ops: &[Op], validation: Validation) -> Result<Self, KernelError> {
        let mut after = self.clone();
        let mut rejections = Vec::new();
        for (index, op) in ops.iter().enumerate() {
            match after.carry_out(port, op) {
                Ok(()) => {}
                Err(Errno::NotPermitted) => return Err(KernelError::Denied(Some(op.to_string().into()))),
                Err(errno) => rejections.push(rejection(index, op, errno)),
            }
        }
        if rejections.is_empty() && validation == Validation::Full && after.validate(ops).is_err() {
            rejections.extend(self.first_invalid(port, ops));
        }
        if rejections.is_empty() { Ok(after) } else { Err(KernelError::Rejected(rejections)) }
    }

    /// The operation after which packets could loop, fall too deep or meet an expression out of place: the kernel
    /// starts over and walks the chains after each operation.
    fn first_invalid(&self, port: u32, ops: &[Op]) -> Option<Rejection> {
        let mut after = self.clone();
        ops.iter().enumerate().find_map(|(index, op)| {
            let result = after.carry_out(port, op).and_then(|()| after.validate(std::slice::from_ref(op)));
            result.err().map(|errno| rejection(index, op, errno))
        })
    }

    fn validate(&self, ops: &[Op]) -> Result<(), Errno> {
        let mut keys: Vec<&TableKey> = ops.iter().map(|op| &op.table).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter()
            .filter_map(|key| Some((key, self.state.tables.get(key)?)))
            .try_for_each(|(key, table)| reach::validate(key.family, table))
    }

    fn carry_out(&mut self, port: u32, op: &Op) -> Result<(), Errno> {
        if self.owners.get(&op.table).is_some_and(|owner| *owner != port) {
            return Err(Errno::NotPermitted);
        }
        match &op.kind {
            OpKind::AddTable { flags, .. } => self.admit_table(port, &op.table, *flags)?,
            OpKind::DeleteTable => {
                self.owners.remove(&op.table);
                self.references.remove(&op.table);
            }
            OpKind::AddCounter { .. }
            | OpKind::DeleteCounter(_)
            | OpKind::AddQuota { .. }
            | OpKind::DeleteQuota(_)
            | OpKind::AddHelper { .. }
            | OpKind::DeleteHelper(_)
            | OpKind::AddSet { .. }
            | OpKind::DeleteSet(_)
            | OpKind::AddElements { .. }
            | OpKind::DeleteElements { .. }
            | OpKind::AddChain { .. }
            | OpKind::DeleteChain(_)
            | OpKind::FlushChain(_)
            | OpKind::AddRule { .. }
            | OpKind::DeleteRule { .. } => {
                let table = self.state.tables.get(&op.table).ok_or(Errno::NotFound)?;
                let references = self.references.entry(op.table.clone()).or_default();
                admit(op, table, references)?;
                references.follow(table, &op.kind);
            }
        }
        Ok(model::carry_out(&mut self.state, op, &mut self.next_handle)?)
    }

    /// What the kernel says of the flags of a table that is created or exists: it can be claimed if it persists and
    /// has no owner, and nothing else about them can change.
    fn admit_table(&mut self, port: u32, key: &TableKey, flags: TableFlags) -> Result<(), Errno> {
        if flags.owner && !self.features.owner || flags.persist && !self.features.persist {
            return Err(Errno::NotSupported);
        }
        if let Some(table) = self.state.tables.get(key)
            && table.flags != flags
        {
            let claims = flags.owner && table.flags == TableFlags { owner: false, persist: true };
            if !claims || !flags.persist {
                return Err(Errno::NotSupported);
            }
        }
        if flags.owner {
            self.owners.insert(key.clone(), port);
        }
        Ok(())
    }
}

/// Whether the kernel takes an operation, existence of its own object aside.
fn admit(op: &Op, table: &ObservedTable, references: &References) -> Result<(), Errno> {
    let busy = |n: usize| if n == 0 { Ok(()) } else { Err(Errno::Busy) };
    match &op.kind {
        OpKind::DeleteCounter(name) => busy(references.counter(name)),
        OpKind::DeleteHelper(name) => busy(references.helper(name)),
        OpKind::DeleteQuota(name) => busy(references.quota(name)),
        OpKind::DeleteSet(name) => busy(references.set(name)),
        OpKind::DeleteChain(name) => busy(references.chain_from_outside(table, name)),
        OpKind::AddSet { spec, .. } => elements::admit_spec(spec),
        OpKind::AddElements { set, elements, .. } => elements::admit(table, set, elements),
        OpKind::DeleteElements { set, elements, .. } => elements::admit_deletion(table, set, elements),
        OpKind::AddChain { name, base: Some(base), .. } if !table.chains.contains_key(name) => {
            hooks::admit(op.table.family, *base)
        }
        OpKind::AddRule { rule, .. } => rules::admit(op.table.family, table, rule),
        OpKind::AddTable { .. }
        | OpKind::DeleteTable
        | OpKind::AddCounter { .. }
        | OpKind::AddQuota { .. }
        | OpKind::AddHelper { .. }
        | OpKind::AddChain { .. }
        | OpKind::FlushChain(_)
        | OpKind::DeleteRule { .. } => Ok(()),
    }
}
