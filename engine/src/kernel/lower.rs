//! What a rule means in instructions: the same that nft emits for the rule's text, in the same order.

use std::collections::BTreeMap;

use super::clock;
use super::field::{self, Context, Dependency, Network, Source};
use super::hint::{Choice, Hint};
use super::wire::{Comparison, Instruction, Log, ObjectKind, Register, Span};
use super::{part, proxy, queue, rewrite};
use crate::ruleset::{
    Assign, AssignTarget, DataType, Datum, DynamicSet, Expr, Family, Field, HelperNetwork, Interval, Limit,
    Log as LogExpr, LogLevel, MapData, Match, Name, Nat, NatKind, Operator, PerElement, RejectWith, Sample,
    SegmentSize, SetCt, SetMeta, SetRef, SetSpec, Value, ZoneDirection,
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

/// `NF_NAT_RANGE_*`: the flags that a user can ask for.
pub(super) const NAT_FLAGS: u32 = 4 | 8 | 16 | Nat::PREFIX;

/// `NF_NAT_RANGE_PROTO_SPECIFIED`: set where ports are given.
const NAT_PORTS: u32 = 2;

pub(super) const NFPROTO_INET: u32 = 1;
pub(super) const NFPROTO_IPV4: u32 = 2;
pub(super) const NFPROTO_IPV6: u32 = 10;

/// `NFT_REJECT_*`.
pub(super) const REJECT_ICMP: u32 = 0;
pub(super) const REJECT_TCP_RESET: u32 = 1;
pub(super) const REJECT_ICMPX: u32 = 2;

/// `NFT_NAT_*`.
pub(super) const NAT_SOURCE: u32 = 0;
pub(super) const NAT_DESTINATION: u32 = 1;

/// `NFT_RT_TCPMSS`.
pub(super) const ROUTE_SEGMENT_SIZE: u32 = 3;

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

    fn log(&mut self, log: &LogExpr) -> Result<(), Refusal> {
        let LogExpr { prefix, group, snaplen, queue_threshold, level, flags } = log;
        if group.is_some() && (level.is_some() || *flags != 0) {
            return Err(Refusal("level and flags are for the kernel's log, not for a group"));
        }
        if group.is_none() && (snaplen.is_some() || queue_threshold.is_some()) {
            return Err(Refusal("snaplen and queue-threshold want a log group"));
        }
        for (choice, is_default) in [
            (Choice::LogLevel, *level == Some(LogLevel::Warn)),
            (Choice::LogSnaplen, *snaplen == Some(0)),
            (Choice::LogThreshold, *queue_threshold == Some(0)),
        ] {
            if is_default {
                self.hint(choice);
            }
        }
        self.push(Instruction::Log(Log {
            prefix: prefix.clone(),
            group: *group,
            snaplen: snaplen.filter(|bytes| *bytes != 0),
            queue_threshold: queue_threshold.filter(|packets| *packets != 0),
            level: level.filter(|level| *level != LogLevel::Warn),
            flags: *flags,
        }));
        Ok(())
    }

    fn reject(&mut self, with: RejectWith) {
        let (kind, code) = match with {
            RejectWith::TcpReset => (REJECT_TCP_RESET, 0),
            RejectWith::Icmp(code) | RejectWith::Icmpv6(code) => (REJECT_ICMP, code),
            RejectWith::Icmpx(code) => (REJECT_ICMPX, code),
        };
        self.push(Instruction::Reject { kind, code });
    }

    fn nat(&mut self, Nat { kind, addresses, ports, flags }: &Nat) -> Result<(), Refusal> {
        if flags & !NAT_FLAGS != 0 {
            return Err(Refusal("unknown flags of address translation"));
        }
        let is_network = addresses.is_some_and(|addresses| {
            !addresses.is_single() && matches!(crate::interval::value(addresses), Value::Prefix(..))
        });
        if flags & Nat::PREFIX != 0 && (!is_network || ports.is_some()) {
            return Err(Refusal("a prefix is replaced by that of a network, without ports"));
        }
        let family = match addresses.map(|addresses| addresses.data_type()) {
            Some(DataType::Ipv4Addr) => NFPROTO_IPV4,
            Some(DataType::Ipv6Addr) => NFPROTO_IPV6,
            Some(_) => return Err(Refusal("what addresses are translated to are no addresses")),
            None => match self.surroundings.family {
                Family::Ip => NFPROTO_IPV4,
                Family::Ip6 => NFPROTO_IPV6,
                Family::Inet | Family::Arp | Family::Bridge => NFPROTO_INET,
            },
        };
        if ports.is_some_and(|ports| ports.data_type() != DataType::InetService) {
            return Err(Refusal("what ports are translated to are no ports"));
        }
        let mut index = 0;
        let address_span = self.span(*addresses, &mut index)?;
        let ports = self.span(*ports, &mut index)?;
        let flags = flags | if ports.is_some() { NAT_PORTS } else { 0 };
        let nat = |kind| Instruction::Nat { kind, family, addresses: address_span, ports, flags };
        let instruction = match kind {
            NatKind::Source => nat(NAT_SOURCE),
            NatKind::Destination => nat(NAT_DESTINATION),
            NatKind::Masquerade if address_span.is_none() => Instruction::Masquerade { ports, flags },
            NatKind::Redirect if address_span.is_none() => Instruction::Redirect { ports, flags },
            NatKind::Masquerade | NatKind::Redirect => {
                return Err(Refusal("masquerade and redirect choose the address themselves"));
            }
        };
        self.push(instruction);
        Ok(())
    }

    /// Puts the ends of a range into the next registers.
    fn span(&mut self, range: Option<Interval>, index: &mut u8) -> Result<Option<Span>, Refusal> {
        let Some(range) = range else { return Ok(None) };
        let mut put = |datum: Datum| {
            let to = Register::wide(*index).ok_or(Refusal("address translation takes four values"))?;
            *index += 1;
            self.lowered.instructions.push(Instruction::Immediate { to, data: datum.kernel_bytes() });
            Ok::<_, Refusal>(to)
        };
        let low = put(range.low())?;
        let high = if range.is_single() { low } else { put(range.high())? };
        Ok(Some(Span { low, high }))
    }

    fn assign(&mut self, Assign { target, source, mask, xor }: Assign) {
        let register = Register::FIRST;
        if mask == 0 {
            if source != target {
                self.hint(Choice::OtherSource);
            }
            self.push(Instruction::Immediate { to: register, data: xor.to_ne_bytes().to_vec() });
        } else {
            self.push(match source {
                AssignTarget::Mark => Instruction::Meta { key: field::meta::MARK, to: register },
                AssignTarget::CtMark => Instruction::Ct { key: field::ct::MARK, direction: None, to: register },
            });
            if (mask, xor) != (u32::MAX, 0) {
                let (mask, xor) = (mask.to_ne_bytes().to_vec(), xor.to_ne_bytes().to_vec());
                self.push(Instruction::Bitwise { register, mask, xor });
            }
        }
        self.push(match target {
            AssignTarget::Mark => Instruction::MetaSet { key: field::meta::MARK, from: register },
            AssignTarget::CtMark => Instruction::CtSet { key: field::ct::MARK, direction: None, from: register },
        });
    }

    fn segment_size(&mut self, size: SegmentSize) {
        let register = Register::FIRST;
        match size {
            SegmentSize::Bytes(size) => {
                self.push(Instruction::Immediate { to: register, data: size.to_be_bytes().into() });
            }
            SegmentSize::RouteMtu => {
                self.push(Instruction::Route { key: ROUTE_SEGMENT_SIZE, to: register });
                self.push(Instruction::HostToNetwork { register, length: 2, size: 2 });
            }
        }
        self.push(write_segment_size(register));
    }

    fn zone(&mut self, direction: Option<ZoneDirection>, zone: u16) {
        let from = Register::FIRST;
        let direction = direction.map(direction_number);
        self.push(Instruction::Immediate { to: from, data: zone.to_ne_bytes().into() });
        self.push(Instruction::CtSet { key: field::ct::ZONE, direction, from });
    }

    fn dynamic_set(&mut self, dynamic: &DynamicSet) -> Result<(), Refusal> {
        let DynamicSet { operation, set, key, masks, timeout, per_element } = dynamic;
        if let Some(PerElement::Limit(limit)) = per_element {
            check_limit(limit)?;
        }
        let timeout_ms = timeout.map(milliseconds).transpose()?;
        if masks.keys().any(|field| key.iter().filter(|of_key| *of_key == field).count() != 1) {
            return Err(Refusal("a mask is of a field that the key has once"));
        }
        self.key(key, masks, None)?;
        let (operation, set, per_element) = (*operation, set.clone(), *per_element);
        self.push(Instruction::Dynset { operation, from: Register::FIRST, set, timeout_ms, per_element });
        Ok(())
    }

    fn sample(&mut self, sample: Sample) -> Result<(), Refusal> {
        let from = Register::FIRST;
        let (load, operator, data) = match sample {
            Sample::Random { most } => {
                let load = Instruction::Meta { key: field::meta::RANDOM, to: from };
                (load, Comparison::AtMost, most.to_be_bytes())
            }
            Sample::Nth { every, packet } if packet < every => {
                (Instruction::Number { modulus: every, to: from }, Comparison::Eq, packet.to_ne_bytes())
            }
            Sample::Nth { .. } => return Err(Refusal("one of so many packets is none of them")),
        };
        self.push(load);
        self.push(Instruction::Compare { from, operator, data: data.to_vec() });
        Ok(())
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

/// What has to be matched before an expression.
pub(super) fn missing_for(context: Context, expr: &Expr) -> Vec<Dependency> {
    match expr {
        Expr::Match(expr) => context.missing_for(&[expr.field]),
        Expr::Lookup(lookup) => context.missing_for(&lookup.key),
        Expr::VerdictMap(map) => context.missing_for(&map.key),
        Expr::DynamicSet(dynamic) => context.missing_for(&dynamic.key),
        Expr::Exists(exists) => part::missing_for(context, *exists),
        Expr::Reject(RejectWith::TcpReset) | Expr::SegmentSize(_) => context.missing_for_tcp(),
        Expr::SetHeader(write) => {
            context.missing_for_network(if write.field.is_v4() { Network::Ip } else { Network::Ip6 })
        }
        Expr::Reject(RejectWith::Icmp(_)) => context.missing_for_network(Network::Ip),
        Expr::Reject(RejectWith::Icmpv6(_)) => context.missing_for_network(Network::Ip6),
        Expr::Reject(RejectWith::Icmpx(_))
        | Expr::Bytes(_)
        | Expr::Counter
        | Expr::NamedCounter(_)
        | Expr::Quota(_)
        | Expr::NamedQuota(_)
        | Expr::Limit(_)
        | Expr::Log(_)
        | Expr::Verdict(_)
        | Expr::Nat(_)
        | Expr::Notrack
        | Expr::SetCt(_)
        | Expr::StripOption(_)
        | Expr::Tproxy(_)
        | Expr::Synproxy(_)
        | Expr::Queue(_)
        | Expr::Duplicate(_)
        | Expr::Sample(_)
        | Expr::Clock(_)
        | Expr::SetMeta(_)
        | Expr::Assign(_) => Vec::new(),
    }
}

/// What an expression establishes for those after it.
pub(super) fn established_by(expr: &Expr) -> Option<Dependency> {
    match expr {
        Expr::Match(Match { field, mask, operator, value }) => established_by_match(*field, *mask, *operator, value),
        Expr::Exists(_)
        | Expr::Bytes(_)
        | Expr::Lookup(_)
        | Expr::VerdictMap(_)
        | Expr::Counter
        | Expr::NamedCounter(_)
        | Expr::Quota(_)
        | Expr::NamedQuota(_)
        | Expr::Limit(_)
        | Expr::Log(_)
        | Expr::Verdict(_)
        | Expr::Reject(_)
        | Expr::Nat(_)
        | Expr::Notrack
        | Expr::Sample(_)
        | Expr::Clock(_)
        | Expr::Assign(_)
        | Expr::SegmentSize(_)
        | Expr::StripOption(_)
        | Expr::Tproxy(_)
        | Expr::Synproxy(_)
        | Expr::Queue(_)
        | Expr::Duplicate(_)
        | Expr::SetHeader(_)
        | Expr::SetCt(_)
        | Expr::SetMeta(_)
        | Expr::DynamicSet(_) => None,
    }
}

fn established_by_match(field: Field, mask: Option<Datum>, operator: Operator, value: &Value) -> Option<Dependency> {
    match (mask, operator, value) {
        (None, Operator::Eq, Value::One(value)) => Dependency::from_field(field, value.bytes()),
        (Some(_) | None, Operator::Eq | Operator::Ne, Value::One(_) | Value::Range(_) | Value::Prefix(..)) => None,
    }
}

/// Whether one mask and one value, equally wide, are read as a prefix: of hardware addresses, and of IP addresses if it
/// is not of whole bytes, for then it takes no mask.
pub(super) fn reads_as_prefix(mask: &Datum, value: &Datum) -> bool {
    let is_network = matches!(mask.data_type(), DataType::Ipv4Addr | DataType::Ipv6Addr);
    let is_read = |bits: u8| mask.data_type() == DataType::EtherAddr || is_network && !bits.is_multiple_of(8);
    masked(value, mask) == *value && prefix_length(mask).is_some_and(is_read)
}

/// How many bits of a mask are set, if they are the first ones and neither none nor all.
pub(super) fn prefix_length(mask: &Datum) -> Option<u8> {
    let width = u32::try_from(mask.data_type().width()).ok()? * 8;
    let bits = mask.to_u128() << (128 - width);
    let length = bits.leading_ones();
    (length > 0 && length < width && bits.count_ones() == length).then_some(())?;
    u8::try_from(length).ok()
}

/// A mask of the first bits.
pub(super) fn prefix_mask(data_type: DataType, bits: u8) -> Datum {
    let width = data_type.width() * 8;
    let ones = u128::MAX.checked_shr(u32::from(bits)).map_or(u128::MAX, |rest| !rest);
    Datum::from_u128(data_type, ones >> (128 - width))
}

/// The bits of a value that a mask has, too.
pub(super) fn masked(value: &Datum, mask: &Datum) -> Datum {
    Datum::from_u128(value.data_type(), value.to_u128() & mask.to_u128())
}

/// A value as the register holds it after it was loaded from this source.
pub(super) fn register_bytes(source: Source, value: &Datum) -> Result<Vec<u8>, Refusal> {
    match source {
        Source::Bits(_, _, length, mask, shift) => {
            let shifted = value.to_u128() << shift;
            if shifted & !u128::from(mask) != 0 {
                return Err(Refusal("a value has more bits than the field"));
            }
            Ok(low_bytes(u64::try_from(shifted).unwrap_or(0), length))
        }
        Source::Meta(_)
        | Source::Payload(..)
        | Source::Ct(..)
        | Source::Fib(..)
        | Source::Extension(..)
        | Source::Route(_)
        | Source::Socket(_) => Ok(value.kernel_bytes()),
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

fn check_limit(limit: &Limit) -> Result<(), Refusal> {
    // The kernel replaces it by a default of its own.
    if limit.burst == 0 && !limit.bytes { Err(Refusal("a limit of packets wants a burst")) } else { Ok(()) }
}

fn check_prefix(data_type: DataType, bits: u8) -> Result<(), Refusal> {
    if bits == 0 || usize::from(bits) >= data_type.width() * 8 {
        return Err(Refusal("a prefix has at least one bit and fewer than its type"));
    }
    Ok(())
}

/// A duration in the kernel's unit.
pub(super) fn milliseconds(duration: std::time::Duration) -> Result<u64, Refusal> {
    let whole = u64::try_from(duration.as_millis()).map_err(|_| Refusal("a timeout is too long"))?;
    if whole == 0 || !duration.subsec_nanos().is_multiple_of(1_000_000) {
        return Err(Refusal("a timeout is of whole milliseconds"));
    }
    Ok(whole)
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

/// The lowest `length` bytes of a number, big-endian.
pub(super) fn low_bytes(number: u64, length: u32) -> Vec<u8> {
    let length = usize::try_from(length).unwrap_or(0);
    number.to_be_bytes().iter().copied().skip(size_of::<u64>().saturating_sub(length)).collect()
}

fn equality(operator: Operator) -> Comparison {
    match operator {
        Operator::Eq => Comparison::Eq,
        Operator::Ne => Comparison::Ne,
    }
}

/// The instructions that tell a packet something.
pub(super) fn meta_instructions(set: SetMeta) -> [Instruction; 2] {
    let from = Register::FIRST;
    let (key, data) = match set {
        SetMeta::Priority(class) => (field::meta::PRIORITY, class.to_ne_bytes().to_vec()),
        SetMeta::Trace => (field::meta::NFTRACE, vec![1]),
    };
    [Instruction::Immediate { to: from, data }, Instruction::MetaSet { key, from }]
}

/// `NFPROTO_*` of a helper.
pub(super) fn helper_network(network: HelperNetwork) -> u16 {
    match network {
        HelperNetwork::Ip => 2,
        HelperNetwork::Ip6 => 10,
    }
}

/// `IP_CT_DIR_*`.
pub(super) fn direction_number(direction: ZoneDirection) -> u8 {
    match direction {
        ZoneDirection::Original => 0,
        ZoneDirection::Reply => 1,
    }
}

/// Writes the maximum segment size: two bytes behind the kind and the length of TCP's option 2.
pub(super) fn write_segment_size(from: Register) -> Instruction {
    Instruction::TcpOptionSet { kind: 2, offset: 2, length: 2, from }
}

/// Turns one number of so many bytes.
pub(super) fn host_to_network(register: Register, width: usize) -> Instruction {
    let width = u32::try_from(width).unwrap_or(0);
    Instruction::HostToNetwork { register, length: width, size: width }
}
