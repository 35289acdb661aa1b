//! What a rule means in instructions: the same that nft emits for the rule's text, in the same order.

mod dependency;
mod operand;
mod statement;

use std::collections::BTreeMap;

use self::dependency::established_by_match;
pub(super) use self::dependency::{established_by, missing_for};
pub(super) use self::operand::{
    low_bytes, masked, milliseconds, prefix_length, prefix_mask, reads_as_prefix, register_bytes,
};
use self::statement::check_limit;
pub(super) use self::statement::{
    NAT_DESTINATION, NAT_FLAGS, NAT_SOURCE, NFPROTO_IPV4, NFPROTO_IPV6, REJECT_ICMP, REJECT_ICMPX, REJECT_TCP_RESET,
    ROUTE_SEGMENT_SIZE, direction_number, helper_network, host_to_network, meta_instructions, write_segment_size,
};
use super::clock;
use super::field::{self, Context, Dependency, Source};
use super::hint::{Choice, Hint};
use super::wire::{Comparison, Instruction, ObjectKind, Register};
use super::{part, proxy, queue, rewrite};
use crate::ruleset::{
    DataType, Datum, Expr, Family, Field, Interval, MapData, Match, Name, Operator, SetCt, SetRef, SetSpec, Value,
};

/// Why a rule or an element cannot be said in instructions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Refusal(pub(super) &'static str);

/// What lowering needs to know besides the rule.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// Of the table.
    pub(super) family: Family,
    /// Whether a named set holds ranges, which are kept in network order.
    pub(super) has_intervals: &'a dyn Fn(&Name) -> bool,
}

/// A rule in instructions.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Lowered {
    pub(super) instructions: Vec<Instruction>,
    /// Choices that the instructions may not show.
    pub(super) hints: Vec<Hint>,
}

/// Lowers the expressions of a rule.
///
/// # Errors
/// [`Refusal`] for what no instruction says.
pub(super) fn lower(exprs: &[Expr], surroundings: Surroundings<'_>) -> Result<Lowered, Refusal> {
    let mut lowering =
        Lowering { surroundings, context: Context::new(surroundings.family), lowered: Lowered::default() };
    for expr in exprs {
        lowering.expr(expr)?;
    }
    Ok(lowering.lowered)
}

struct Lowering<'a> {
    surroundings: Surroundings<'a>,
    context: Context,
    lowered: Lowered,
}

impl Lowering<'_> {
    fn expr(&mut self, expr: &Expr) -> Result<(), Refusal> {
        for dependency in missing_for(self.context, expr) {
            self.depend_on(dependency);
        }
        match expr {
            Expr::Match(expr) => self.compare(expr)?,
            Expr::Lookup(lookup) => {
                check_anonymous(&lookup.key, &lookup.set, &MapData::Nothing)?;
                self.key(&lookup.key, &BTreeMap::new(), Some(&lookup.set))?;
                let negated = lookup.operator == Operator::Ne;
                self.push(Instruction::Lookup { from: Register::FIRST, negated, set: lookup.set.clone() });
            }
            Expr::VerdictMap(map) => {
                check_anonymous(&map.key, &map.map, &MapData::Verdict)?;
                self.key(&map.key, &BTreeMap::new(), Some(&map.map))?;
                self.push(Instruction::VerdictMap { from: Register::FIRST, map: map.map.clone() });
            }
            Expr::Exists(exists) => part::presence(*exists).into_iter().for_each(|one| self.push(one)),
            Expr::Bytes(bytes) => {
                self.hint(Choice::Bytes);
                part::bytes(*bytes)?.into_iter().for_each(|one| self.push(one));
            }
            Expr::Counter => self.push(Instruction::Counter),
            Expr::NamedCounter(name) => self.object(ObjectKind::Counter, name),
            Expr::Quota(quota) => self.push(Instruction::Quota { bytes: quota.bytes, over: quota.over }),
            Expr::NamedQuota(name) => self.object(ObjectKind::Quota, name),
            Expr::Limit(limit) => {
                check_limit(limit)?;
                self.push(Instruction::Limit(*limit));
            }
            Expr::Log(log) => self.log(log)?,
            Expr::Verdict(verdict) => self.push(Instruction::Verdict(verdict.clone())),
            Expr::Reject(with) => self.reject(*with),
            Expr::Nat(nat) => self.nat(nat)?,
            Expr::Notrack => self.push(Instruction::Notrack),
            Expr::Sample(sample) => self.sample(*sample)?,
            Expr::Clock(moment) => clock::instructions(*moment)?.into_iter().for_each(|one| self.push(one)),
            Expr::Assign(assign) => self.assign(*assign),
            Expr::SegmentSize(size) => self.segment_size(*size),
            Expr::StripOption(kind) => self.push(Instruction::TcpOptionStrip { kind: *kind }),
            Expr::Tproxy(tproxy) => {
                proxy::tproxy(self.surroundings.family, *tproxy)?.into_iter().for_each(|one| self.push(one));
            }
            Expr::Synproxy(synproxy) => self.push(proxy::synproxy(*synproxy)),
            Expr::Queue(queue) => self.push(queue::instruction(*queue)?),
            Expr::Duplicate(address) => {
                proxy::duplicate(self.surroundings.family, *address)?.into_iter().for_each(|one| self.push(one));
            }
            Expr::SetHeader(write) => rewrite::instructions(*write).into_iter().for_each(|one| self.push(one)),
            Expr::SetCt(SetCt::Zone { direction, zone }) => self.zone(*direction, *zone),
            Expr::SetMeta(set) => meta_instructions(*set).into_iter().for_each(|one| self.push(one)),
            Expr::SetCt(SetCt::Helper(name)) => self.object(ObjectKind::Helper, name),
            Expr::DynamicSet(dynamic) => self.dynamic_set(dynamic)?,
        }
        if let Some(dependency) = established_by(expr) {
            self.context.establish(dependency);
        }
        Ok(())
    }

    fn depend_on(&mut self, dependency: Dependency) {
        let (source, data) = dependency.comparison();
        self.push(source.load(Register::FIRST));
        self.push(Instruction::Compare { from: Register::FIRST, operator: Comparison::Eq, data });
        self.context.establish(dependency);
    }

    fn compare(&mut self, Match { field, mask, operator, value }: &Match) -> Result<(), Refusal> {
        let data_type = field.data_type();
        if mask.is_some_and(|mask| mask.data_type() != data_type) || value_type(value) != data_type {
            return Err(Refusal("a value is not of the field's type"));
        }
        if established_by_match(*field, *mask, *operator, value).is_some() {
            self.hint(Choice::Written);
        }
        let source = field::source(*field);
        if let (Value::Prefix(prefix, bits), None) = (value, mask)
            && let Some(length) = whole_bytes(*bits)
            && let Some(load) = shortened(source, data_type, length)
        {
            check_prefix(data_type, *bits)?;
            self.hint_generic(*field);
            self.push(load);
            let data = prefix.bytes().iter().copied().take(length).collect();
            self.push(Instruction::Compare { from: Register::FIRST, operator: equality(*operator), data });
            return Ok(());
        }
        if data_type == DataType::Ifname && matches!(value, Value::Prefix(..)) && mask.is_none() {
            return Err(Refusal("the prefix of an interface name is not of whole bytes"));
        }
        self.load(*field, Register::FIRST);
        if let Some(mask) = mask {
            if matches!(value, Value::One(value) if reads_as_prefix(mask, value)) {
                self.hint(Choice::OtherMask);
            }
            self.bitwise(register_bytes(source, mask)?);
        }
        match value {
            Value::One(value) => {
                let data = register_bytes(source, value)?;
                self.push(Instruction::Compare { from: Register::FIRST, operator: equality(*operator), data });
            }
            Value::Range(range) => self.range(source, *range, *operator)?,
            Value::Prefix(prefix, bits) => {
                check_prefix(data_type, *bits)?;
                let bit_mask = prefix_mask(data_type, *bits);
                let value = masked(prefix, &bit_mask);
                if mask.is_none() && !reads_as_prefix(&bit_mask, &value) {
                    self.hint(Choice::OtherMask);
                }
                self.bitwise(register_bytes(source, &bit_mask)?);
                let data = register_bytes(source, &value)?;
                self.push(Instruction::Compare { from: Register::FIRST, operator: equality(*operator), data });
            }
        }
        Ok(())
    }

    fn range(&mut self, source: Source, range: Interval, operator: Operator) -> Result<(), Refusal> {
        let from = Register::FIRST;
        let is_host_order = range.data_type().is_host_order();
        if is_host_order {
            self.push(host_to_network(from, range.data_type().width()));
        }
        let end = |datum: Datum| {
            if is_host_order { Ok(datum.bytes().to_vec()) } else { register_bytes(source, &datum) }
        };
        let (low, high) = (end(range.low())?, end(range.high())?);
        match operator {
            Operator::Eq => {
                self.push(Instruction::Compare { from, operator: Comparison::AtLeast, data: low });
                self.push(Instruction::Compare { from, operator: Comparison::AtMost, data: high });
            }
            Operator::Ne => self.push(Instruction::Range { from, negated: true, low, high }),
        }
        Ok(())
    }

    /// Loads the fields of a key side by side, as the set that is asked keeps them.
    fn key(&mut self, fields: &[Field], masks: &BTreeMap<Field, Datum>, set: Option<&SetRef>) -> Result<(), Refusal> {
        let has_intervals = match set {
            Some(SetRef::Anonymous { spec, .. }) => spec.intervals,
            Some(SetRef::Named(name)) => (self.surroundings.has_intervals)(name),
            None => false,
        };
        let is_shifted_in_set = fields.len() == 1 && matches!(set, Some(SetRef::Anonymous { .. }));
        let mut register = Some(Register::FIRST);
        if fields.is_empty() {
            return Err(Refusal("a key has no fields"));
        }
        if !fields.iter().all(|field| self.context.allows(*field)) {
            return Err(Refusal("a key has fields of two protocols of one layer"));
        }
        for field in fields {
            let width = field.data_type().width();
            let to =
                register.filter(|register| register.holds(width)).ok_or(Refusal("a key has more than 64 bytes"))?;
            self.load(*field, to);
            match field::source(*field) {
                // Its type does not say by how much it is shifted there.
                _ if is_shifted_in_set && *field == Field::VlanPcp => {
                    return Err(Refusal("vlan pcp can be compared, but not be looked up in a set of its own"));
                }
                Source::Bits(_, _, 1, _, 0) => {}
                Source::Bits(_, _, 1, _, bits) if !is_shifted_in_set => {
                    self.push(Instruction::ShiftRight { register: to, length: 1, bits });
                }
                Source::Bits(..) if !is_shifted_in_set => {
                    return Err(Refusal("ip6 dscp and ecn can be compared, but not be part of a key"));
                }
                Source::Bits(..)
                | Source::Meta(_)
                | Source::Payload(..)
                | Source::Ct(..)
                | Source::Fib(..)
                | Source::Extension(..)
                | Source::Route(_)
                | Source::Socket(_) => {}
            }
            if has_intervals && field::is_host_order(*field) {
                self.push(host_to_network(to, width));
            }
            if let Some(mask) = masks.get(field) {
                self.mask_of_key(*field, mask, to)?;
            }
            register = to.after(width);
        }
        Ok(())
    }

    fn mask_of_key(&mut self, field: Field, mask: &Datum, register: Register) -> Result<(), Refusal> {
        // What is moved while it is loaded has a mask of its own.
        let is_plain = matches!(field::source(field), Source::Payload(..));
        if !is_plain || mask.data_type() != field.data_type() {
            return Err(Refusal("a mask of a key is of a whole field and of its type"));
        }
        let mask = mask.kernel_bytes();
        let xor = vec![0; mask.len()];
        self.push(Instruction::Bitwise { register, mask, xor });
        Ok(())
    }

    fn load(&mut self, field: Field, to: Register) {
        self.hint_generic(field);
        let source = field::source(field);
        self.push(source.load(to));
        if let Source::Bits(_, _, length, mask, _) = source {
            let mask = low_bytes(u64::from(mask), length);
            let xor = vec![0; mask.len()];
            self.push(Instruction::Bitwise { register: to, mask, xor });
        }
    }

    fn bitwise(&mut self, mask: Vec<u8>) {
        let xor = vec![0; mask.len()];
        self.push(Instruction::Bitwise { register: Register::FIRST, mask, xor });
    }

    fn object(&mut self, kind: ObjectKind, name: &Name) {
        self.push(Instruction::Object { kind, name: name.clone() });
    }

    fn push(&mut self, instruction: Instruction) {
        self.lowered.instructions.push(instruction);
    }

    /// Notes a choice at the instruction that comes next.
    fn hint(&mut self, choice: Choice) {
        // Longer rules are refused by the kernel, which takes 128 instructions.
        if let Ok(at) = u8::try_from(self.lowered.instructions.len()) {
            self.lowered.hints.push(Hint { choice, at });
        }
    }

    fn hint_generic(&mut self, field: Field) {
        if field::is_generic(field) {
            self.hint(Choice::AnyTransport);
        }
    }
}

/// The load of the first bytes of a field, or of all of it where the comparison is what is shorter.
fn shortened(source: Source, data_type: DataType, length: usize) -> Option<Instruction> {
    match source {
        // nft lists the first bytes of a hardware address as it cannot read them.
        Source::Payload(base, offset, _) if data_type != DataType::EtherAddr => {
            let length = u32::try_from(length).ok()?;
            Some(Instruction::Payload { base, offset, length, to: Register::FIRST })
        }
        Source::Meta(_) if data_type == DataType::Ifname => Some(source.load(Register::FIRST)),
        Source::Ct(..) if !data_type.is_host_order() => Some(source.load(Register::FIRST)),
        Source::Payload(..)
        | Source::Meta(_)
        | Source::Ct(..)
        | Source::Bits(..)
        | Source::Fib(..)
        | Source::Extension(..)
        | Source::Route(_)
        | Source::Socket(_) => None,
    }
}

/// Anonymous sets are of their rule's fields, and have only what a rule can say about them.
fn check_anonymous(key: &[Field], set: &SetRef, data: &MapData) -> Result<(), Refusal> {
    let SetRef::Anonymous { spec, elements: _ } = set else { return Ok(()) };
    let SetSpec { key: types, data: holds, intervals: _, dynamic, timeout, size, counters, comment } = spec;
    if !types.iter().copied().eq(key.iter().map(|field| field.data_type())) {
        return Err(Refusal("the set's key is not of the fields' types"));
    }
    if holds != data {
        return Err(Refusal("the set does not map to what the rule wants"));
    }
    if *dynamic || timeout.is_some() || size.is_some() || *counters || comment.is_some() {
        return Err(Refusal("an anonymous set has neither size, timeout, counters nor a comment, and is not dynamic"));
    }
    Ok(())
}

fn check_prefix(data_type: DataType, bits: u8) -> Result<(), Refusal> {
    if bits == 0 || usize::from(bits) >= data_type.width() * 8 {
        return Err(Refusal("a prefix has at least one bit and fewer than its type"));
    }
    Ok(())
}

fn value_type(value: &Value) -> DataType {
    match value {
        Value::One(value) | Value::Prefix(value, _) => value.data_type(),
        Value::Range(range) => range.data_type(),
    }
}

fn whole_bytes(bits: u8) -> Option<usize> {
    bits.is_multiple_of(8).then_some(usize::from(bits / 8))
}

fn equality(operator: Operator) -> Comparison {
    match operator {
        Operator::Eq => Comparison::Eq,
        Operator::Ne => Comparison::Ne,
    }
}
