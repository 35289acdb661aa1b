//! What instructions say in the ruleset's terms: the inverse of [`super::lower`].
//!
//! Whatever is read is lowered again and compared, so a rule that was read means exactly its instructions, and
//! anything that palisade would not have written is left unread.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each reader takes few of many instructions; that every expression has a reader is held by ExprKind"
)]

mod statement;

use std::collections::BTreeMap;

use super::clock;
use super::field::{self, Context, Dependency, Source};
use super::hint::{Choice, Hint};
use super::lower::{self, Surroundings};
use super::wire::{Comparison, Instruction, ObjectKind, Register};
use super::{part, proxy, queue, rewrite};
use crate::ruleset::every::every;
use crate::ruleset::{DataType, Datum, Expr, Field, Interval, Lookup, Match, Operator, Quota, Value, VerdictMap};

/// Lifts the instructions of a rule.
///
/// # Errors
/// Words for the first instruction that could not be read.
pub(super) fn lift(
    instructions: &[Instruction],
    hints: &[Hint],
    surroundings: Surroundings<'_>,
) -> Result<Vec<Expr>, Box<str>> {
    let context = Context::new(surroundings.family);
    let mut lifting = Lifting { instructions, hints, context, at: 0, exprs: Vec::new() };
    while lifting.at < instructions.len() {
        let at = lifting.at;
        if lifting.next().is_none() {
            return Err(unreadable(instructions.get(at)));
        }
    }
    match lower::lower(&lifting.exprs, surroundings) {
        Ok(lowered) if lowered.instructions == instructions => Ok(lifting.exprs),
        Ok(lowered) => {
            let same = lowered.instructions.iter().zip(instructions).take_while(|(a, b)| a == b).count();
            Err(unreadable(instructions.get(same)))
        }
        Err(refusal) => Err(refusal.0.into()),
    }
}

fn unreadable(instruction: Option<&Instruction>) -> Box<str> {
    match instruction {
        Some(instruction) => format!("a rule that palisade never writes, with {instruction:?}").into(),
        None => "a rule that palisade never writes, without an end".into(),
    }
}

/// Kinds of expressions, one for each variant of [`Expr`]: what drives the reading.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ExprKind {
    Match,
    Exists,
    Bytes,
    Lookup,
    VerdictMap,
    Counter,
    NamedCounter,
    Quota,
    NamedQuota,
    Limit,
    Log,
    Verdict,
    Reject,
    Nat,
    Notrack,
    Sample,
    Clock,
    Assign,
    SegmentSize,
    StripOption,
    Tproxy,
    Synproxy,
    Queue,
    Duplicate,
    SetHeader,
    SetCt,
    SetMeta,
    DynamicSet,
}

every! { pub(super) ExprKind {
    Match Exists Bytes Lookup VerdictMap Counter NamedCounter Quota NamedQuota Limit Log Verdict Reject Nat Notrack
    Sample Clock Assign SegmentSize StripOption Tproxy Synproxy Queue Duplicate SetHeader SetCt SetMeta DynamicSet
} }

// A new variant of `Expr` does not compile until it has a kind, and a kind not until it can be read.
const _: fn(&Expr) -> ExprKind = |expr| match expr {
    Expr::Match(_) => ExprKind::Match,
    Expr::Exists(_) => ExprKind::Exists,
    Expr::Bytes(_) => ExprKind::Bytes,
    Expr::Lookup(_) => ExprKind::Lookup,
    Expr::VerdictMap(_) => ExprKind::VerdictMap,
    Expr::Counter => ExprKind::Counter,
    Expr::NamedCounter(_) => ExprKind::NamedCounter,
    Expr::Quota(_) => ExprKind::Quota,
    Expr::NamedQuota(_) => ExprKind::NamedQuota,
    Expr::Limit(_) => ExprKind::Limit,
    Expr::Log(_) => ExprKind::Log,
    Expr::Verdict(_) => ExprKind::Verdict,
    Expr::Reject(_) => ExprKind::Reject,
    Expr::Nat(_) => ExprKind::Nat,
    Expr::Notrack => ExprKind::Notrack,
    Expr::Sample(_) => ExprKind::Sample,
    Expr::Clock(_) => ExprKind::Clock,
    Expr::Assign(_) => ExprKind::Assign,
    Expr::SegmentSize(_) => ExprKind::SegmentSize,
    Expr::StripOption(_) => ExprKind::StripOption,
    Expr::Tproxy(_) => ExprKind::Tproxy,
    Expr::Synproxy(_) => ExprKind::Synproxy,
    Expr::Queue(_) => ExprKind::Queue,
    Expr::Duplicate(_) => ExprKind::Duplicate,
    Expr::SetHeader(_) => ExprKind::SetHeader,
    Expr::SetCt(_) => ExprKind::SetCt,
    Expr::SetMeta(_) => ExprKind::SetMeta,
    Expr::DynamicSet(_) => ExprKind::DynamicSet,
};

struct Lifting<'a> {
    instructions: &'a [Instruction],
    hints: &'a [Hint],
    context: Context,
    at: usize,
    exprs: Vec<Expr>,
}

/// Reads at one place of the instructions, knowing what has been established there.
#[derive(Clone, Copy)]
struct Reader<'a> {
    instructions: &'a [Instruction],
    hints: &'a [Hint],
    context: Context,
    at: usize,
}

impl Lifting<'_> {
    /// Reads one expression and the comparisons that nft puts before it.
    fn next(&mut self) -> Option<()> {
        let mut reader =
            Reader { instructions: self.instructions, hints: self.hints, context: self.context, at: self.at };
        let mut dependencies = Vec::new();
        while let Some(dependency) = reader.dependency() {
            dependencies.push((dependency, reader.at));
            reader.context.establish(dependency);
            reader.at += 2;
        }
        let expr = (reader.at < self.instructions.len()).then(|| reader.expr()).flatten();
        if expr.is_none() && dependencies.is_empty() {
            return None;
        }
        self.divide(&dependencies, expr.as_ref().map(|(expr, _)| expr))?;
        self.at = reader.at;
        self.context = reader.context;
        if let Some((expr, end)) = expr {
            if let Some(dependency) = lower::established_by(&expr) {
                self.context.establish(dependency);
            }
            self.exprs.push(expr);
            self.at = end;
        }
        Some(())
    }

    /// Decides which comparisons were written, and adds those: as few as possible, such that the rest is exactly
    /// what the expression that follows brings with it.
    fn divide(&mut self, dependencies: &[(Dependency, usize)], expr: Option<&Expr>) -> Option<()> {
        let mut context = self.context;
        for n_written in 0..=dependencies.len() {
            let (written, silent) = dependencies.split_at_checked(n_written)?;
            let needed = expr.map_or_else(Vec::new, |expr| lower::missing_for(context, expr));
            let is_exact = silent.iter().map(|(dependency, _)| *dependency).eq(needed);
            if is_exact && !silent.iter().any(|(_, at)| is_hinted(self.hints, Choice::Written, *at)) {
                for (dependency, _) in written {
                    let (field, value) = dependency.field()?;
                    self.exprs.push(Match::eq(field, Datum::number(field.data_type(), value)));
                }
                return Some(());
            }
            if let Some((dependency, _)) = silent.first() {
                context.establish(*dependency);
            }
        }
        None
    }
}

fn is_hinted(hints: &[Hint], choice: Choice, at: usize) -> bool {
    hints.iter().any(|hint| hint.choice == choice && usize::from(hint.at) == at)
}

impl<'a> Reader<'a> {
    fn peek(&self, ahead: usize) -> Option<&'a Instruction> {
        self.instructions.get(self.at + ahead)
    }

    fn dependency(&self) -> Option<Dependency> {
        let Instruction::Compare { from: Register::FIRST, operator: Comparison::Eq, data } = self.peek(1)? else {
            return None;
        };
        Dependency::of(self.peek(0)?, data).filter(|dependency| self.context.knows(*dependency))
    }

    fn expr(&self) -> Option<(Expr, usize)> {
        ExprKind::ALL.iter().find_map(|kind| {
            let mut reader = *self;
            let expr = reader.expr_of(*kind)?;
            Some((expr, reader.at))
        })
    }

    fn expr_of(&mut self, kind: ExprKind) -> Option<Expr> {
        match kind {
            ExprKind::Match => self.compare().map(Expr::Match),
            ExprKind::Exists => {
                let (exists, length) = part::read_presence(self.instructions.get(self.at..)?)?;
                self.at += length;
                Some(Expr::Exists(exists))
            }
            ExprKind::Bytes => {
                is_hinted(self.hints, Choice::Bytes, self.at).then_some(())?;
                let (bytes, length) = part::read_bytes(self.instructions.get(self.at..)?)?;
                self.at += length;
                Some(Expr::Bytes(bytes))
            }
            ExprKind::Lookup => self.lookup().map(Expr::Lookup),
            ExprKind::VerdictMap => self.verdict_map().map(Expr::VerdictMap),
            ExprKind::Counter => self.take(|instruction| match instruction {
                Instruction::Counter => Some(Expr::Counter),
                _ => None,
            }),
            ExprKind::NamedCounter => self.take(|instruction| match instruction {
                Instruction::Object { kind: ObjectKind::Counter, name } => Some(Expr::NamedCounter(name.clone())),
                _ => None,
            }),
            ExprKind::Quota => self.take(|instruction| match instruction {
                Instruction::Quota { bytes, over } => Some(Expr::Quota(Quota { bytes: *bytes, over: *over })),
                _ => None,
            }),
            ExprKind::NamedQuota => self.take(|instruction| match instruction {
                Instruction::Object { kind: ObjectKind::Quota, name } => Some(Expr::NamedQuota(name.clone())),
                _ => None,
            }),
            ExprKind::Limit => self.take(|instruction| match instruction {
                Instruction::Limit(limit) => Some(Expr::Limit(*limit)),
                _ => None,
            }),
            ExprKind::Log => self.log().map(Expr::Log),
            ExprKind::Verdict => self.take(|instruction| match instruction {
                Instruction::Verdict(verdict) => Some(Expr::Verdict(verdict.clone())),
                _ => None,
            }),
            ExprKind::Reject => self.reject().map(Expr::Reject),
            ExprKind::Nat => self.nat().map(Expr::Nat),
            ExprKind::Notrack => {
                self.take(|instruction| (*instruction == Instruction::Notrack).then_some(Expr::Notrack))
            }
            ExprKind::Sample => self.sample().map(Expr::Sample),
            ExprKind::Clock => {
                let (moment, length) = clock::read(self.instructions.get(self.at..)?)?;
                self.at += length;
                Some(Expr::Clock(moment))
            }
            ExprKind::Assign => self.assign().map(Expr::Assign),
            ExprKind::SegmentSize => self.segment_size().map(Expr::SegmentSize),
            ExprKind::StripOption => self.take(|instruction| match instruction {
                Instruction::TcpOptionStrip { kind } => Some(Expr::StripOption(*kind)),
                _ => None,
            }),
            ExprKind::Tproxy => {
                let (tproxy, length) = proxy::read_tproxy(self.instructions.get(self.at..)?)?;
                self.at += length;
                Some(Expr::Tproxy(tproxy))
            }
            ExprKind::Synproxy => self.take(proxy::read_synproxy).map(Expr::Synproxy),
            ExprKind::Queue => self.take(queue::read).map(Expr::Queue),
            ExprKind::Duplicate => {
                let (address, length) = proxy::read_duplicate(self.instructions.get(self.at..)?)?;
                self.at += length;
                Some(Expr::Duplicate(address))
            }
            ExprKind::SetHeader => {
                let (write, length) = rewrite::read(self.instructions.get(self.at..)?)?;
                self.at += length;
                Some(Expr::SetHeader(write))
            }
            ExprKind::SetMeta => self.set_meta().map(Expr::SetMeta),
            ExprKind::SetCt => self.set_ct().map(Expr::SetCt),
            ExprKind::DynamicSet => self.dynamic_set().map(Expr::DynamicSet),
        }
    }

    /// Reads one instruction and goes on to the next.
    fn take<T>(&mut self, read: impl FnOnce(&'a Instruction) -> Option<T>) -> Option<T> {
        let value = read(self.peek(0)?)?;
        self.at += 1;
        Some(value)
    }

    fn compare(&mut self) -> Option<Match> {
        if let Some(expr) = self.shortened() {
            return Some(expr);
        }
        let (field, source) = self.load(Register::FIRST)?;
        let data_type = field.data_type();
        let first_mask = self.at;
        let mut masks = Vec::new();
        while let Some(mask) = self.take(|instruction| bitwise_mask(instruction, Register::FIRST)) {
            masks.push(datum(source, data_type, mask, Order::Register)?);
        }
        let is_turned = self.take(|instruction| matches!(instruction, Instruction::HostToNetwork { .. }).then_some(()));
        let order = if is_turned.is_some() { Order::Network } else { Order::Register };
        let (operator, value) = self.value(source, data_type, order)?;
        let (mask, value) = match (masks.as_slice(), value) {
            ([], value) => (None, value),
            ([mask], Value::One(value)) => {
                let is_other = is_hinted(self.hints, Choice::OtherMask, first_mask);
                match lower::prefix_length(mask) {
                    Some(bits) if lower::reads_as_prefix(mask, &value) != is_other => {
                        (None, Value::Prefix(value, bits))
                    }
                    Some(_) | None => (Some(*mask), Value::One(value)),
                }
            }
            ([mask], value @ Value::Range(_)) => (Some(*mask), value),
            ([mask, prefix], Value::One(value)) => (Some(*mask), Value::Prefix(value, lower::prefix_length(prefix)?)),
            _ => return None,
        };
        Some(Match { field, mask, operator, value })
    }

    /// A field of which only the first bytes are loaded or compared.
    fn shortened(&mut self) -> Option<Match> {
        let load = self.peek(0)?;
        let Instruction::Compare { from: Register::FIRST, operator, data } = self.peek(1)? else { return None };
        let fields = self.fields().filter(|field| data.len() < field.data_type().width());
        let field = match load {
            Instruction::Payload { base, offset, length, to: Register::FIRST } => {
                // A whole field that begins here is what is meant.
                let is_whole = |field: &Field| field::source(*field) == Source::Payload(*base, *offset, *length);
                if self.fields().any(|field| is_whole(&field)) {
                    return None;
                }
                fields.into_iter().find(|field| {
                    matches!(field::source(*field), Source::Payload(b, o, l) if (b, o) == (*base, *offset) && l > *length)
                })?
            }
            load => fields.into_iter().find(|field| field::source(*field).load(Register::FIRST) == *load)?,
        };
        let bits = u8::try_from(data.len() * 8).ok()?;
        let value = Value::Prefix(Datum::from_bytes(field.data_type(), data), bits);
        self.at += 2;
        Some(Match { field, mask: None, operator: equality(*operator)?, value })
    }

    /// The comparison that ends a match.
    fn value(&mut self, source: Source, data_type: DataType, order: Order) -> Option<(Operator, Value)> {
        let read = |bytes: &[u8]| datum(source, data_type, bytes, order);
        match (self.peek(0)?, self.peek(1)) {
            (
                Instruction::Compare { operator: Comparison::AtLeast, data: low, .. },
                Some(Instruction::Compare { operator: Comparison::AtMost, data: high, .. }),
            ) => {
                self.at += 2;
                Some((Operator::Eq, Value::Range(Interval::new(read(low)?, read(high)?)?)))
            }
            (Instruction::Range { negated: true, low, high, .. }, _) => {
                self.at += 1;
                Some((Operator::Ne, Value::Range(Interval::new(read(low)?, read(high)?)?)))
            }
            (Instruction::Compare { operator, data, .. }, _) => {
                self.at += 1;
                Some((equality(*operator)?, Value::One(read(data)?)))
            }
            _ => None,
        }
    }

    fn lookup(&mut self) -> Option<Lookup> {
        let key = self.key()?;
        self.take(|instruction| match instruction {
            Instruction::Lookup { from: Register::FIRST, negated, set } => {
                let operator = if *negated { Operator::Ne } else { Operator::Eq };
                Some(Lookup { key, operator, set: set.clone() })
            }
            _ => None,
        })
    }

    fn verdict_map(&mut self) -> Option<VerdictMap> {
        let key = self.key()?;
        self.take(|instruction| match instruction {
            Instruction::VerdictMap { from: Register::FIRST, map } => Some(VerdictMap { key, map: map.clone() }),
            _ => None,
        })
    }

    /// Fields side by side, with whatever turns them into what a set holds.
    fn key(&mut self) -> Option<Vec<Field>> {
        self.masked_key().filter(|(_, masks)| masks.is_empty()).map(|(fields, _)| fields)
    }

    /// The same, with the masks of fields.
    fn masked_key(&mut self) -> Option<(Vec<Field>, BTreeMap<Field, Datum>)> {
        let mut fields = Vec::new();
        let mut masks = BTreeMap::new();
        let mut register = Some(Register::FIRST);
        while let Some(to) = register
            && let Some((field, source)) = self.load(to)
        {
            while self.take(|instruction| is_conversion(instruction, to).then_some(())).is_some() {}
            if let Some(mask) = self.take(|instruction| bitwise_mask(instruction, to)) {
                masks.insert(field, datum(source, field.data_type(), mask, Order::Register)?);
            }
            fields.push(field);
            register = to.after(field.data_type().width());
        }
        (!fields.is_empty()).then_some((fields, masks))
    }

    /// A whole field that is loaded into this register, without the bits that are not its own.
    fn load(&mut self, to: Register) -> Option<(Field, Source)> {
        let load = self.peek(0)?;
        let after = self.peek(1).and_then(|instruction| bitwise_mask(instruction, to));
        let own_bits = |source: Source| match source {
            Source::Bits(_, _, length, mask, _) => Some(lower::low_bytes(u64::from(mask), length)),
            _ => None,
        };
        // Fields of bits may lie in the same bytes.
        let is_loaded =
            |source: Source| source.load(to) == *load && own_bits(source).is_none_or(|own| after == Some(&own));
        let field = self.fields().find(|field| is_loaded(field::source(*field)))?;
        let source = field::source(field);
        self.at += 1 + usize::from(own_bits(source).is_some());
        Some((field, source))
    }

    /// The fields that can be meant here.
    fn fields(&self) -> impl Iterator<Item = Field> {
        let context = self.context;
        let is_any_transport = is_hinted(self.hints, Choice::AnyTransport, self.at);
        let is_bytes = is_hinted(self.hints, Choice::Bytes, self.at);
        let is_meant = move |field: &Field| {
            !is_bytes && context.allows(*field) && (!is_any_transport || field::is_generic(*field))
        };
        Field::ALL.iter().copied().filter(is_meant)
    }
}

/// The order of the bytes in a register.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Order {
    /// As they were loaded.
    Register,
    /// Turned to the network's.
    Network,
}

/// The value that these bytes of a register are; the inverse of [`lower::register_bytes`].
fn datum(source: Source, data_type: DataType, bytes: &[u8], order: Order) -> Option<Datum> {
    match (source, order) {
        (Source::Bits(_, _, length, _, shift), _) => {
            let whole = usize::try_from(length).ok()? == bytes.len();
            let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            whole.then(|| Datum::number(data_type, u32::try_from(number >> shift).unwrap_or(0)))
        }
        _ if bytes.len() != data_type.width() => None,
        (_, Order::Register) => Some(Datum::from_kernel_bytes(data_type, bytes)),
        (_, Order::Network) => Some(Datum::from_bytes(data_type, bytes)),
    }
}

fn bitwise_mask(instruction: &Instruction, register: Register) -> Option<&Vec<u8>> {
    match instruction {
        Instruction::Bitwise { register: at, mask, xor } if *at == register && xor.iter().all(|byte| *byte == 0) => {
            Some(mask)
        }
        _ => None,
    }
}

fn is_conversion(instruction: &Instruction, at: Register) -> bool {
    match instruction {
        Instruction::ShiftRight { register, .. } | Instruction::HostToNetwork { register, .. } => *register == at,
        _ => false,
    }
}

fn equality(operator: Comparison) -> Option<Operator> {
    match operator {
        Comparison::Eq => Some(Operator::Eq),
        Comparison::Ne => Some(Operator::Ne),
        Comparison::AtMost | Comparison::AtLeast => None,
    }
}
