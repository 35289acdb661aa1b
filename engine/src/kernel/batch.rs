//! A batch: operations as one contiguous run of messages, and which message came from which operation.
//!
//! Invariant: a batch is one buffer and is sent by one call. Two datagrams would be two half transactions, of which
//! the kernel silently drops the first.

use std::num::NonZeroU32;

use super::express::{SetHandle, express, object_number};
use super::ffi::attribute as attr;
use super::ffi::{self, Buffer, Header, Object as _, TooLong};
use super::hint;
use super::lift::lift;
use super::lower::{Lowered, Refusal, Surroundings, helper_network, lower};
use super::message::{self, APPEND, CREATE, EXCLUSIVE, family_number, kind};
use super::set_object::{self, ElementUse, SetPlace};
use super::userdata::{self, Userdata};
use super::wire::{Instruction, ObjectKind};
use crate::kernel::Guard;
use crate::observed::TableFlags;
use crate::plan::{Op, OpKind, RulePosition};
use crate::ruleset::{
    BaseChain, ChainType, Comment, Element, ElementKey, Expr, Family, Field, Helper, Hook, Name, Quota, Rule, SetRef,
    SetSpec, TableKey,
};

/// `NFT_TABLE_F_*`.
pub(super) const TABLE_OWNER: u32 = 2;
pub(super) const TABLE_PERSIST: u32 = 4;

/// `NF_ACCEPT`, the policy of every base chain.
const POLICY_ACCEPT: u32 = 1;

/// `NFT_QUOTA_F_INV`.
const QUOTA_OVER: u32 = 1;

/// Whether the kernel carries a batch out, or checks it and forgets it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    /// Committed, with an acknowledgement of the whole where the kernel gives one.
    Commit { ack: bool },
    /// Checked only.
    None,
}

/// A batch that can be sent.
#[derive(Debug)]
pub(super) struct Batch {
    buffer: Buffer,
    first_seq: u32,
    /// For each message from the begin on, the operation that it came from.
    owners: Vec<Option<usize>>,
    next_set_id: u32,
}

/// An operation that cannot be said to the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RefusedOp {
    pub(super) op: usize,
    pub(super) refusal: Refusal,
}

impl Batch {
    /// Encodes operations.
    ///
    /// # Errors
    /// The first operation that cannot be encoded.
    pub(super) fn new(
        ops: &[Op],
        first_seq: u32,
        guard: Guard,
        ending: Ending,
        has_intervals: &dyn Fn(&TableKey, &Name) -> bool,
    ) -> Result<Self, RefusedOp> {
        let mut batch = Self { buffer: Buffer::default(), first_seq, owners: Vec::new(), next_set_id: 1 };
        let generation = match guard {
            Guard::None => None,
            Guard::Generation(generation) => Some(generation.0),
        };
        batch.push_bytes(&message::begin(first_seq, generation));
        for (op, Op { table, kind }) in ops.iter().enumerate() {
            let has_intervals = |name: &Name| has_intervals(table, name);
            let surroundings = Surroundings { family: table.family, has_intervals: &has_intervals };
            let mut encoding = Encoding { batch: &mut batch, op, table, surroundings };
            encoding.op(kind).map_err(|refusal| RefusedOp { op, refusal })?;
        }
        match ending {
            Ending::Commit { ack } => {
                let flags = if ack { message::ACK } else { 0 };
                batch.push_bytes(&message::end(batch.next_seq(), flags));
            }
            Ending::None => {}
        }
        Ok(batch)
    }

    /// What is sent.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.buffer.as_bytes()
    }

    /// The number after the last message's.
    pub(super) fn next_seq(&self) -> u32 {
        self.first_seq.wrapping_add(u32::try_from(self.owners.len()).unwrap_or(u32::MAX))
    }

    /// Which part of the batch a message of this number is; nothing if it is not of this batch.
    pub(super) fn part(&self, seq: u32) -> Option<Part> {
        let index = usize::try_from(seq.wrapping_sub(self.first_seq)).ok()?;
        match (index, self.owners.get(index)?) {
            (_, Some(op)) => Some(Part::Op(*op)),
            (0, None) => Some(Part::Begin),
            (_, None) => Some(Part::End),
        }
    }

    fn push_bytes(&mut self, message: &[u8]) {
        self.buffer.push_bytes(message);
        self.owners.push(None);
    }
}

/// A part of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// The begin, which carries the guard.
    Begin,
    /// A message of this operation.
    Op(usize),
    /// The end.
    End,
}

/// Encodes one operation.
struct Encoding<'a> {
    batch: &'a mut Batch,
    op: usize,
    table: &'a TableKey,
    surroundings: Surroundings<'a>,
}

impl Encoding<'_> {
    fn op(&mut self, kind: &OpKind) -> Result<(), Refusal> {
        match kind {
            OpKind::AddTable { flags, comment } => self.add_table(*flags, comment.as_ref())?,
            OpKind::DeleteTable => self.push_table(kind::DELETE_TABLE, 0, &self.bare_table()?),
            OpKind::AddCounter { name, comment } => self.add_counter(name, comment.as_ref())?,
            OpKind::AddQuota { name, quota } => self.add_quota(name, *quota)?,
            OpKind::DeleteCounter(name) => self.delete_object(name, ObjectKind::Counter)?,
            OpKind::AddHelper { name, helper } => self.add_helper(name, helper)?,
            OpKind::DeleteHelper(name) => self.delete_object(name, ObjectKind::Helper)?,
            OpKind::DeleteQuota(name) => self.delete_object(name, ObjectKind::Quota)?,
            OpKind::AddSet { name, spec } => self.add_set(name, spec)?,
            OpKind::DeleteSet(name) => {
                let mut set = set_object::bare(SetPlace { table: &self.table.name, set: &named(name) })?;
                self.push_set(kind::DELETE_SET, 0, &mut set);
            }
            OpKind::AddElements { set, spec, elements } => {
                self.elements(set, spec, elements, ElementUse::Add)?;
            }
            OpKind::DeleteElements { set, spec, elements } => {
                self.elements(set, spec, elements, ElementUse::Delete)?;
            }
            OpKind::AddChain { name, base, comment } => self.add_chain(name, *base, comment.as_ref())?,
            OpKind::DeleteChain(name) => {
                let header = self.header(kind::DELETE_CHAIN, 0);
                self.batch.buffer.push_chain(&header, &self.bare_chain(name)?);
                self.own(1);
            }
            OpKind::FlushChain(chain) => {
                let mut rule = self.bare_rule(chain)?;
                self.push_rule(kind::DELETE_RULE, 0, &mut rule);
            }
            OpKind::AddRule { chain, position, rule } => self.add_rule(chain, *position, rule)?,
            OpKind::DeleteRule { chain, handle } => {
                let mut rule = self.bare_rule(chain)?;
                rule.set_u64(&attr::RULE_HANDLE, handle.0);
                self.push_rule(kind::DELETE_RULE, 0, &mut rule);
            }
        }
        Ok(())
    }

    fn add_table(&mut self, flags: TableFlags, comment: Option<&Comment>) -> Result<(), Refusal> {
        let mut table = self.bare_table()?;
        let TableFlags { owner, persist } = flags;
        table
            .set_u32(&attr::TABLE_FLAGS, if owner { TABLE_OWNER } else { 0 } | if persist { TABLE_PERSIST } else { 0 });
        if comment.is_some() {
            table.set_bytes(&attr::TABLE_USERDATA, Userdata::of_comment(comment).as_bytes())?;
        }
        self.push_table(kind::NEW_TABLE, CREATE, &table);
        Ok(())
    }

    fn bare_table(&self) -> Result<ffi::Table, TooLong> {
        let mut table = ffi::Table::new();
        table.set_text(&attr::TABLE_NAME, self.table.name.as_str())?;
        Ok(table)
    }

    fn add_counter(&mut self, name: &Name, comment: Option<&Comment>) -> Result<(), Refusal> {
        let mut object = self.bare_object(name, ObjectKind::Counter)?;
        if comment.is_some() {
            object.set_bytes(&attr::OBJECT_USERDATA, Userdata::of_comment(comment).as_bytes())?;
        }
        self.push_object(kind::NEW_OBJECT, CREATE | EXCLUSIVE, &object);
        Ok(())
    }

    fn add_quota(&mut self, name: &Name, Quota { bytes, over }: Quota) -> Result<(), Refusal> {
        let mut object = self.bare_object(name, ObjectKind::Quota)?;
        object.set_u64(&attr::QUOTA_OBJECT_BYTES, bytes);
        object.set_u32(&attr::QUOTA_OBJECT_FLAGS, if over { QUOTA_OVER } else { 0 });
        self.push_object(kind::NEW_OBJECT, CREATE | EXCLUSIVE, &object);
        Ok(())
    }

    fn add_helper(&mut self, name: &Name, helper: &Helper) -> Result<(), Refusal> {
        let Helper { kind: helper_kind, network, transport } = helper;
        let mut object = self.bare_object(name, ObjectKind::Helper)?;
        object.set_text(&attr::HELPER_OBJECT_KIND, helper_kind)?;
        object.set_u16(&attr::HELPER_OBJECT_NETWORK, helper_network(*network));
        object.set_u8(&attr::HELPER_OBJECT_TRANSPORT, transport.number());
        self.push_object(kind::NEW_OBJECT, CREATE | EXCLUSIVE, &object);
        Ok(())
    }

    fn delete_object(&mut self, name: &Name, object: ObjectKind) -> Result<(), Refusal> {
        let object = self.bare_object(name, object)?;
        self.push_object(kind::DELETE_OBJECT, 0, &object);
        Ok(())
    }

    fn bare_object(&self, name: &Name, kind: ObjectKind) -> Result<ffi::StatefulObject, TooLong> {
        let mut object = ffi::StatefulObject::new();
        object.set_text(&attr::OBJECT_TABLE, self.table.name.as_str())?;
        object.set_text(&attr::OBJECT_NAME, name.as_str())?;
        object.set_u32(&attr::OBJECT_TYPE, object_number(kind));
        Ok(object)
    }

    fn add_set(&mut self, name: &Name, spec: &SetSpec) -> Result<(), Refusal> {
        let place = SetPlace { table: &self.table.name, set: &SetHandle { name: name.clone(), id: self.set_id() } };
        let mut set = set_object::set(place, spec, &set_object::layout(spec, None), None)?;
        self.push_set(kind::NEW_SET, CREATE | EXCLUSIVE, &mut set);
        Ok(())
    }

    fn elements(
        &mut self,
        set: &Name,
        spec: &SetSpec,
        elements: &[(ElementKey, Element)],
        usage: ElementUse,
    ) -> Result<(), Refusal> {
        let elements = elements.iter().map(|(key, element)| (key, element));
        self.push_elements(&named(set), spec, None, elements, usage)
    }

    fn push_elements<'e>(
        &mut self,
        set: &SetHandle,
        spec: &SetSpec,
        key: Option<&[Field]>,
        elements: impl Iterator<Item = (&'e ElementKey, &'e Element)>,
        usage: ElementUse,
    ) -> Result<(), Refusal> {
        let (kind, flags) = match usage {
            ElementUse::Add => (kind::NEW_ELEMENTS, CREATE),
            ElementUse::Delete => (kind::DELETE_ELEMENTS, 0),
        };
        let place = SetPlace { table: &self.table.name, set };
        set_object::elements(place, spec, &set_object::layout(spec, key), elements, usage, |object| {
            let header = self.header(kind, flags);
            let n_messages = self.batch.buffer.push_elements(&header, object);
            self.own(n_messages);
        })
    }

    fn add_chain(&mut self, name: &Name, base: Option<BaseChain>, comment: Option<&Comment>) -> Result<(), Refusal> {
        let mut chain = self.bare_chain(name)?;
        if let Some(BaseChain { chain_type, hook, priority }) = base {
            let number = hook_number(self.table.family, hook).ok_or(Refusal("ARP has no such hook"))?;
            chain.set_u32(&attr::CHAIN_HOOK, number);
            // Negative priorities travel as two's complement.
            chain.set_u32(&attr::CHAIN_PRIORITY, u32::from_ne_bytes(priority.0.to_ne_bytes()));
            chain.set_u32(&attr::CHAIN_POLICY, POLICY_ACCEPT);
            chain.set_text(&attr::CHAIN_TYPE, chain_type_name(chain_type))?;
        }
        if comment.is_some() {
            chain.set_bytes(&attr::CHAIN_USERDATA, Userdata::of_comment(comment).as_bytes())?;
        }
        let header = self.header(kind::NEW_CHAIN, CREATE);
        self.batch.buffer.push_chain(&header, &chain);
        self.own(1);
        Ok(())
    }

    fn bare_chain(&self, name: &Name) -> Result<ffi::Chain, TooLong> {
        let mut chain = ffi::Chain::new();
        chain.set_text(&attr::CHAIN_TABLE, self.table.name.as_str())?;
        chain.set_text(&attr::CHAIN_NAME, name.as_str())?;
        Ok(chain)
    }

    fn add_rule(&mut self, chain: &Name, position: RulePosition, rule: &Rule) -> Result<(), Refusal> {
        let lowered = lower(&rule.exprs, self.surroundings)?;
        let mut object = self.bare_rule(chain)?;
        let userdata = rule_userdata(rule, &lowered, self.surroundings)?;
        if !userdata.as_bytes().is_empty() {
            object.set_bytes(&attr::RULE_USERDATA, userdata.as_bytes())?;
        }
        let mut keys = rule.exprs.iter().filter_map(anonymous_key);
        for instruction in &lowered.instructions {
            let mut handle = None;
            if let Instruction::Lookup { set, .. } | Instruction::VerdictMap { map: set, .. } = instruction {
                handle = Some(self.set_handle(set, &mut keys)?);
            }
            object
                .push(express(instruction, handle.as_ref())?)
                .map_err(|TooLong| Refusal("a rule has more than 128 instructions"))?;
        }
        let flags = match position {
            RulePosition::Last => CREATE | APPEND,
            RulePosition::Before(handle) => {
                object.set_u64(&attr::RULE_POSITION, handle.0);
                CREATE
            }
        };
        self.push_rule(kind::NEW_RULE, flags, &mut object);
        Ok(())
    }

    /// What a lookup names. An anonymous set is created before the rule that it belongs to.
    fn set_handle<'k>(
        &mut self,
        set: &SetRef,
        keys: &mut impl Iterator<Item = &'k [Field]>,
    ) -> Result<SetHandle, Refusal> {
        let (spec, elements) = match set {
            SetRef::Named(name) => return Ok(named(name)),
            SetRef::Anonymous { spec, elements } => (spec, elements),
        };
        let key = keys.next();
        let pattern = if spec.data == crate::ruleset::MapData::Nothing { "__set%d" } else { "__map%d" };
        let name = pattern.parse().map_err(|_| Refusal("a pattern is a name"))?;
        let handle = SetHandle { name, id: self.set_id() };
        let layout = set_object::layout(spec, key);
        let mut n_elements = 0;
        for (key, element) in elements {
            if element.timeout.is_some() {
                return Err(Refusal("elements of an anonymous set have no timeout"));
            }
            n_elements += 1 + usize::from(super::element::encode(spec, &layout, key, element)?.1.is_some());
        }
        let place = SetPlace { table: &self.table.name, set: &handle };
        let mut object = set_object::set(place, spec, &layout, Some(n_elements))?;
        self.push_set(kind::NEW_SET, CREATE, &mut object);
        self.push_elements(&handle, spec, key, elements.iter(), ElementUse::Add)?;
        Ok(handle)
    }

    fn bare_rule(&self, chain: &Name) -> Result<ffi::Rule, TooLong> {
        let mut rule = ffi::Rule::new();
        rule.set_text(&attr::RULE_TABLE, self.table.name.as_str())?;
        rule.set_text(&attr::RULE_CHAIN, chain.as_str())?;
        Ok(rule)
    }

    /// A number that no other set of the batch has.
    fn set_id(&mut self) -> Option<u32> {
        let id = self.batch.next_set_id;
        self.batch.next_set_id = id.wrapping_add(1);
        NonZeroU32::new(id).map(NonZeroU32::get)
    }

    fn push_table(&mut self, kind: u16, flags: u16, table: &ffi::Table) {
        let header = self.header(kind, flags);
        self.batch.buffer.push_table(&header, table);
        self.own(1);
    }

    fn push_object(&mut self, kind: u16, flags: u16, object: &ffi::StatefulObject) {
        let header = self.header(kind, flags);
        self.batch.buffer.push_object(&header, object);
        self.own(1);
    }

    fn push_set(&mut self, kind: u16, flags: u16, set: &mut ffi::Set) {
        let header = self.header(kind, flags);
        self.batch.buffer.push_set(&header, set);
        self.own(1);
    }

    fn push_rule(&mut self, kind: u16, flags: u16, rule: &mut ffi::Rule) {
        let header = self.header(kind, flags);
        self.batch.buffer.push_rule(&header, rule);
        self.own(1);
    }

    fn header(&self, kind: u16, flags: u16) -> Header {
        Header { kind, family: family_number(self.table.family), flags, seq: self.batch.next_seq() }
    }

    /// Notes that the last messages are of this operation.
    fn own(&mut self, n_messages: u32) {
        let n_messages = usize::try_from(n_messages).unwrap_or(0);
        self.batch.owners.extend(std::iter::repeat_n(Some(self.op), n_messages));
    }
}

fn named(name: &Name) -> SetHandle {
    SetHandle { name: name.clone(), id: None }
}

/// Comment and, where the instructions would be read as another rule, hints.
fn rule_userdata(rule: &Rule, lowered: &Lowered, surroundings: Surroundings<'_>) -> Result<Userdata, Refusal> {
    let mut userdata = Userdata::default();
    userdata.push_comment(userdata::COMMENT, rule.comment.as_ref());
    let reads_back = |hints| lift(&lowered.instructions, hints, surroundings).is_ok_and(|exprs| exprs == rule.exprs);
    if !lowered.hints.is_empty() && !reads_back(&[]) {
        userdata.push_bytes(userdata::RULE_HINTS, &hint::encode(&lowered.hints))?;
    }
    Ok(userdata)
}

/// The fields that an anonymous set is asked for, in the order of the instructions.
fn anonymous_key(expr: &Expr) -> Option<&[Field]> {
    expr.looked_up().filter(|(_, set)| anonymous(set)).map(|(key, _)| key)
}

fn anonymous(set: &SetRef) -> bool {
    match set {
        SetRef::Anonymous { .. } => true,
        SetRef::Named(_) => false,
    }
}

/// The name of a chain type.
pub(super) fn chain_type_name(chain_type: ChainType) -> &'static str {
    match chain_type {
        ChainType::Filter => "filter",
        ChainType::Nat => "nat",
        ChainType::Route => "route",
    }
}

/// The number of a hook in tables of this family: `NF_INET_*`, which bridge tables share, or `NF_ARP_*`.
pub(super) fn hook_number(family: Family, hook: Hook) -> Option<u32> {
    match (family == Family::Arp, hook) {
        (true, Hook::Input) => Some(0),
        (true, Hook::Output) => Some(1),
        (true, Hook::Prerouting | Hook::Forward | Hook::Postrouting) => None,
        (false, Hook::Prerouting) => Some(0),
        (false, Hook::Input) => Some(1),
        (false, Hook::Forward) => Some(2),
        (false, Hook::Output) => Some(3),
        (false, Hook::Postrouting) => Some(4),
    }
}
