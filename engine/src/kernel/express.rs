//! Instructions as libnftnl's expressions.

use super::ffi::attribute as attr;
use super::ffi::{Expr, Object as _, TooLong};
use super::wire::{Base, Comparison, Extension, Instruction, Load, Log, ObjectKind, Register, Span};
use crate::ruleset::{BytesBase, Connections, Limit, LogLevel, Name, PerElement, SetOperation, Verdict};

/// `NFT_*` verdict codes, negative ones as two's complement (`nf_tables.h`, `netfilter.h`).
const NF_DROP: u32 = 0;
const NF_ACCEPT: u32 = 1;
const NFT_CONTINUE: u32 = u32::MAX;
const NFT_JUMP: u32 = u32::MAX - 2;
const NFT_GOTO: u32 = u32::MAX - 3;
const NFT_RETURN: u32 = u32::MAX - 4;

/// `NFT_BITWISE_BOOL` and `NFT_BITWISE_RSHIFT`.
pub(super) const BITWISE_BOOL: u32 = 0;
pub(super) const BITWISE_RSHIFT: u32 = 2;

/// `NFT_BYTEORDER_HTON`.
pub(super) const BYTEORDER_HTON: u32 = 1;

/// `NFT_EXTHDR_F_PRESENT`.
pub(super) const EXTHDR_PRESENT: u32 = 1;

/// The place that is noted where only the presence counts.
pub(super) const PRESENCE: (u32, u32) = (0, 1);

/// `NFT_PAYLOAD_CSUM_NONE` and `NFT_PAYLOAD_CSUM_INET`.
pub(super) const CHECKSUM_NONE: u32 = 0;
pub(super) const CHECKSUM_INET: u32 = 1;

/// `NFT_RANGE_EQ` and `NFT_RANGE_NEQ`.
pub(super) const RANGE_EQ: u32 = 0;
pub(super) const RANGE_NEQ: u32 = 1;

/// `NFT_LOOKUP_F_INV`.
pub(super) const LOOKUP_INVERTED: u32 = 1;

/// `NFT_QUOTA_F_INV`.
pub(super) const QUOTA_OVER: u32 = 1;

/// `NFT_LIMIT_PKT_BYTES` and `NFT_LIMIT_F_INV`.
pub(super) const LIMIT_BYTES: u32 = 1;
pub(super) const LIMIT_OVER: u32 = 1;

/// `NFT_CONNLIMIT_F_INV`.
pub(super) const CONNLIMIT_OVER: u32 = 1;

/// `NFT_NG_INCREMENTAL`.
pub(super) const NUMGEN_INCREMENTAL: u32 = 0;

/// A set by its name, and by its number in the batch if it is anonymous.
#[derive(Clone, Debug)]
pub(super) struct SetHandle {
    pub(super) name: Name,
    pub(super) id: Option<u32>,
}

/// Builds the expression of an instruction; `set` is what a lookup asks.
///
/// # Errors
/// [`TooLong`] if a value is longer than libnftnl holds.
pub(super) fn express(instruction: &Instruction, set: Option<&SetHandle>) -> Result<Expr, TooLong> {
    Ok(match instruction {
        Instruction::Meta { key, to } => meta(*key, Access::Load(*to)),
        Instruction::MetaSet { key, from } => meta(*key, Access::Store(*from)),
        Instruction::Payload { base, offset, length, to } => payload(*base, *offset, *length, *to),
        Instruction::PayloadSet { base, offset, length, from, checksum_at } => {
            payload_set(*base, *offset, *length, *from, *checksum_at)
        }
        Instruction::Ct { key, direction, to } => ct(*key, *direction, Access::Load(*to)),
        Instruction::CtSet { key, direction, from } => ct(*key, *direction, Access::Store(*from)),
        Instruction::Fib { result, flags, to } => fib(*result, *flags, *to),
        Instruction::Compare { from, operator, data } => compare(*from, *operator, data)?,
        Instruction::Range { from, negated, low, high } => range(*from, *negated, low, high)?,
        Instruction::Bitwise { register, mask, xor } => bitwise(*register, mask, xor)?,
        Instruction::ShiftRight { register, length, bits } => shift_right(*register, *length, *bits)?,
        Instruction::HostToNetwork { register, length, size } => host_to_network(*register, *length, *size),
        Instruction::Lookup { from, negated, set: _ } => {
            let mut expr = lookup(*from, set)?;
            set_flags(u32::from(*negated) * LOOKUP_INVERTED, |flags| expr.set_u32(&attr::LOOKUP_FLAGS, flags));
            expr
        }
        Instruction::VerdictMap { from, map: _ } => {
            let mut expr = lookup(*from, set)?;
            // Register 0 is the verdict's.
            expr.set_u32(&attr::LOOKUP_DREG, 0);
            expr
        }
        Instruction::Immediate { to, data } => {
            let mut expr = Expr::new(c"immediate");
            expr.set_u32(&attr::IMMEDIATE_DREG, to.number());
            expr.set_bytes(&attr::IMMEDIATE_DATA, data)?;
            expr
        }
        Instruction::Verdict(verdict) => immediate_verdict(verdict)?,
        Instruction::Counter => Expr::new(c"counter"),
        Instruction::Object { kind, name } => {
            let mut expr = Expr::new(c"objref");
            expr.set_u32(&attr::OBJREF_TYPE, object_number(*kind));
            expr.set_text(&attr::OBJREF_NAME, name.as_str())?;
            expr
        }
        Instruction::Quota { bytes, over } => quota(*bytes, *over),
        Instruction::Limit(rate) => limit(rate),
        Instruction::Log(instruction) => log(instruction)?,
        Instruction::Reject { kind, code } => {
            let mut expr = Expr::new(c"reject");
            expr.set_u32(&attr::REJECT_TYPE, *kind);
            expr.set_u8(&attr::REJECT_CODE, *code);
            expr
        }
        Instruction::Nat { kind, family, addresses, ports, flags } => {
            nat(*kind, *family, addresses.as_ref(), ports.as_ref(), *flags)
        }
        Instruction::Masquerade { ports, flags } => masquerade(ports.as_ref(), *flags),
        Instruction::Redirect { ports, flags } => redirect(ports.as_ref(), *flags),
        Instruction::Notrack => Expr::new(c"notrack"),
        Instruction::Route { key, to } => route(*key, *to),
        Instruction::Socket { key, to } => socket(*key, *to),
        Instruction::Extension { extension: kind, number, load, to } => extension(*kind, *number, *load, *to),
        Instruction::TcpOptionSet { kind, offset, length, from } => write_tcp_option(*kind, *offset, *length, *from),
        Instruction::TcpOptionStrip { kind } => strip_tcp_option(*kind),
        Instruction::Tproxy { family, address, port } => tproxy(*family, *address, *port),
        Instruction::Synproxy { segment_size, window_scale, flags } => synproxy(*segment_size, *window_scale, *flags),
        Instruction::Queue { first, total, flags } => queue(*first, *total, *flags),
        Instruction::Duplicate { address } => duplicate(*address),
        Instruction::Number { modulus, to } => number(*modulus, *to),
        Instruction::Dynset { operation, from, set, timeout_ms, per_element } => {
            let mut expr = dynset(*operation, *from, set)?;
            if let Some(timeout) = timeout_ms {
                expr.set_u64(&attr::DYNSET_TIMEOUT, *timeout);
            }
            if let Some(each) = per_element {
                expr.nest(of_element(each));
            }
            expr
        }
    })
}

fn quota(bytes: u64, over: bool) -> Expr {
    let mut expr = Expr::new(c"quota");
    expr.set_u64(&attr::QUOTA_BYTES, bytes);
    expr.set_u32(&attr::QUOTA_FLAGS, if over { QUOTA_OVER } else { 0 });
    expr
}

/// What happens to a value that rules can both read and write.
#[derive(Clone, Copy)]
enum Access {
    Load(Register),
    Store(Register),
}

fn meta(key: u32, access: Access) -> Expr {
    let mut expr = Expr::new(c"meta");
    expr.set_u32(&attr::META_KEY, key);
    match access {
        Access::Load(to) => expr.set_u32(&attr::META_DREG, to.number()),
        Access::Store(from) => expr.set_u32(&attr::META_SREG, from.number()),
    }
    expr
}

fn payload(base: Base, offset: u32, length: u32, to: Register) -> Expr {
    let mut expr = Expr::new(c"payload");
    expr.set_u32(&attr::PAYLOAD_DREG, to.number());
    expr.set_u32(&attr::PAYLOAD_BASE, base_number(base));
    expr.set_u32(&attr::PAYLOAD_OFFSET, offset);
    expr.set_u32(&attr::PAYLOAD_LEN, length);
    expr
}

fn payload_set(base: Base, offset: u32, length: u32, from: Register, checksum_at: Option<u32>) -> Expr {
    let mut expr = Expr::new(c"payload");
    expr.set_u32(&attr::PAYLOAD_SREG, from.number());
    expr.set_u32(&attr::PAYLOAD_BASE, base_number(base));
    expr.set_u32(&attr::PAYLOAD_OFFSET, offset);
    expr.set_u32(&attr::PAYLOAD_LEN, length);
    expr.set_u32(&attr::PAYLOAD_CSUM_TYPE, if checksum_at.is_some() { CHECKSUM_INET } else { CHECKSUM_NONE });
    expr.set_u32(&attr::PAYLOAD_CSUM_OFFSET, checksum_at.unwrap_or(0));
    expr.set_u32(&attr::PAYLOAD_FLAGS, 0);
    expr
}

fn ct(key: u32, direction: Option<u8>, access: Access) -> Expr {
    let mut expr = Expr::new(c"ct");
    expr.set_u32(&attr::CT_KEY, key);
    match access {
        Access::Load(to) => expr.set_u32(&attr::CT_DREG, to.number()),
        Access::Store(from) => expr.set_u32(&attr::CT_SREG, from.number()),
    }
    if let Some(direction) = direction {
        expr.set_u8(&attr::CT_DIRECTION, direction);
    }
    expr
}

fn fib(result: u32, flags: u32, to: Register) -> Expr {
    let mut expr = Expr::new(c"fib");
    expr.set_u32(&attr::FIB_RESULT, result);
    expr.set_u32(&attr::FIB_FLAGS, flags);
    expr.set_u32(&attr::FIB_DREG, to.number());
    expr
}

fn compare(from: Register, operator: Comparison, data: &[u8]) -> Result<Expr, TooLong> {
    let mut expr = Expr::new(c"cmp");
    expr.set_u32(&attr::CMP_SREG, from.number());
    expr.set_u32(&attr::CMP_OP, comparison_number(operator));
    expr.set_bytes(&attr::CMP_DATA, data)?;
    Ok(expr)
}

fn range(from: Register, negated: bool, low: &[u8], high: &[u8]) -> Result<Expr, TooLong> {
    let mut expr = Expr::new(c"range");
    expr.set_u32(&attr::RANGE_SREG, from.number());
    expr.set_u32(&attr::RANGE_OP, if negated { RANGE_NEQ } else { RANGE_EQ });
    expr.set_bytes(&attr::RANGE_FROM, low)?;
    expr.set_bytes(&attr::RANGE_TO, high)?;
    Ok(expr)
}

fn shift_right(register: Register, length: u32, bits: u32) -> Result<Expr, TooLong> {
    let mut expr = Expr::new(c"bitwise");
    expr.set_u32(&attr::BITWISE_SREG, register.number());
    expr.set_u32(&attr::BITWISE_DREG, register.number());
    expr.set_u32(&attr::BITWISE_OP, BITWISE_RSHIFT);
    expr.set_u32(&attr::BITWISE_LEN, length);
    expr.set_bytes(&attr::BITWISE_DATA, &bits.to_ne_bytes())?;
    Ok(expr)
}

fn host_to_network(register: Register, length: u32, size: u32) -> Expr {
    let mut expr = Expr::new(c"byteorder");
    expr.set_u32(&attr::BYTEORDER_SREG, register.number());
    expr.set_u32(&attr::BYTEORDER_DREG, register.number());
    expr.set_u32(&attr::BYTEORDER_OP, BYTEORDER_HTON);
    expr.set_u32(&attr::BYTEORDER_LEN, length);
    expr.set_u32(&attr::BYTEORDER_SIZE, size);
    expr
}

fn immediate_verdict(verdict: &Verdict) -> Result<Expr, TooLong> {
    let mut expr = Expr::new(c"immediate");
    expr.set_u32(&attr::IMMEDIATE_DREG, 0);
    let (code, chain) = verdict_number(verdict);
    expr.set_u32(&attr::IMMEDIATE_VERDICT, code);
    if let Some(chain) = chain {
        expr.set_text(&attr::IMMEDIATE_CHAIN, chain.as_str())?;
    }
    Ok(expr)
}

fn nat(kind: u32, family: u32, addresses: Option<&Span>, ports: Option<&Span>, flags: u32) -> Expr {
    let mut expr = Expr::new(c"nat");
    expr.set_u32(&attr::NAT_TYPE, kind);
    expr.set_u32(&attr::NAT_FAMILY, family);
    for (span, low, high) in
        [(addresses, &attr::NAT_ADDR_MIN, &attr::NAT_ADDR_MAX), (ports, &attr::NAT_PROTO_MIN, &attr::NAT_PROTO_MAX)]
    {
        set_span(span, |number| expr.set_u32(low, number));
        set_span_end(span, |number| expr.set_u32(high, number));
    }
    set_flags(flags, |flags| expr.set_u32(&attr::NAT_FLAGS, flags));
    expr
}

fn masquerade(ports: Option<&Span>, flags: u32) -> Expr {
    let mut expr = Expr::new(c"masq");
    set_span(ports, |number| expr.set_u32(&attr::MASQ_PROTO_MIN, number));
    set_span_end(ports, |number| expr.set_u32(&attr::MASQ_PROTO_MAX, number));
    set_flags(flags, |flags| expr.set_u32(&attr::MASQ_FLAGS, flags));
    expr
}

fn redirect(ports: Option<&Span>, flags: u32) -> Expr {
    let mut expr = Expr::new(c"redir");
    set_span(ports, |number| expr.set_u32(&attr::REDIR_PROTO_MIN, number));
    set_span_end(ports, |number| expr.set_u32(&attr::REDIR_PROTO_MAX, number));
    set_flags(flags, |flags| expr.set_u32(&attr::REDIR_FLAGS, flags));
    expr
}

fn route(key: u32, to: Register) -> Expr {
    let mut expr = Expr::new(c"rt");
    expr.set_u32(&attr::RT_KEY, key);
    expr.set_u32(&attr::RT_DREG, to.number());
    expr
}

fn socket(key: u32, to: Register) -> Expr {
    let mut expr = Expr::new(c"socket");
    expr.set_u32(&attr::SOCKET_KEY, key);
    expr.set_u32(&attr::SOCKET_DREG, to.number());
    expr
}

fn duplicate(address: Register) -> Expr {
    let mut expr = Expr::new(c"dup");
    expr.set_u32(&attr::DUP_ADDRESS, address.number());
    expr
}

fn extension(extension: Extension, number: u8, load: Load, to: Register) -> Expr {
    let mut expr = Expr::new(c"exthdr");
    expr.set_u8(&attr::EXTHDR_TYPE, number);
    let (offset, length) = match load {
        Load::Part { offset, length } => (offset, length),
        Load::Presence => {
            expr.set_u32(&attr::EXTHDR_FLAGS, EXTHDR_PRESENT);
            PRESENCE
        }
    };
    expr.set_u32(&attr::EXTHDR_OFFSET, offset);
    expr.set_u32(&attr::EXTHDR_LEN, length);
    expr.set_u32(&attr::EXTHDR_OP, extension_number(extension));
    expr.set_u32(&attr::EXTHDR_DREG, to.number());
    expr
}

fn write_tcp_option(kind: u8, offset: u32, length: u32, from: Register) -> Expr {
    let mut expr = Expr::new(c"exthdr");
    expr.set_u8(&attr::EXTHDR_TYPE, kind);
    expr.set_u32(&attr::EXTHDR_OFFSET, offset);
    expr.set_u32(&attr::EXTHDR_LEN, length);
    expr.set_u32(&attr::EXTHDR_OP, extension_number(Extension::TcpOption));
    expr.set_u32(&attr::EXTHDR_SREG, from.number());
    expr
}

fn strip_tcp_option(kind: u8) -> Expr {
    let mut expr = Expr::new(c"exthdr");
    expr.set_u8(&attr::EXTHDR_TYPE, kind);
    expr.set_u32(&attr::EXTHDR_OP, extension_number(Extension::TcpOption));
    expr
}

fn synproxy(segment_size: u16, window_scale: u8, flags: u32) -> Expr {
    let mut expr = Expr::new(c"synproxy");
    expr.set_u16(&attr::SYNPROXY_MSS, segment_size);
    expr.set_u8(&attr::SYNPROXY_WSCALE, window_scale);
    expr.set_u32(&attr::SYNPROXY_FLAGS, flags);
    expr
}

fn queue(first: u16, total: u16, flags: u16) -> Expr {
    let mut expr = Expr::new(c"queue");
    expr.set_u16(&attr::QUEUE_NUM, first);
    expr.set_u16(&attr::QUEUE_TOTAL, total);
    if flags != 0 {
        expr.set_u16(&attr::QUEUE_FLAGS, flags);
    }
    expr
}

fn tproxy(family: u32, address: Option<Register>, port: Option<Register>) -> Expr {
    let mut expr = Expr::new(c"tproxy");
    expr.set_u32(&attr::TPROXY_FAMILY, family);
    for (register, attribute) in [(address, &attr::TPROXY_ADDRESS), (port, &attr::TPROXY_PORT)] {
        if let Some(register) = register {
            expr.set_u32(attribute, register.number());
        }
    }
    expr
}

fn dynset(operation: SetOperation, from: Register, set: &Name) -> Result<Expr, TooLong> {
    let mut expr = Expr::new(c"dynset");
    expr.set_u32(&attr::DYNSET_SREG, from.number());
    expr.set_u32(&attr::DYNSET_OP, operation_number(operation));
    expr.set_text(&attr::DYNSET_SET, set.as_str())?;
    Ok(expr)
}

fn bitwise(register: Register, mask: &[u8], xor: &[u8]) -> Result<Expr, TooLong> {
    let mut expr = Expr::new(c"bitwise");
    expr.set_u32(&attr::BITWISE_SREG, register.number());
    expr.set_u32(&attr::BITWISE_DREG, register.number());
    expr.set_u32(&attr::BITWISE_OP, BITWISE_BOOL);
    expr.set_u32(&attr::BITWISE_LEN, u32::try_from(mask.len()).map_err(|_| TooLong)?);
    expr.set_bytes(&attr::BITWISE_MASK, mask)?;
    expr.set_bytes(&attr::BITWISE_XOR, xor)?;
    Ok(expr)
}

fn lookup(from: Register, set: Option<&SetHandle>) -> Result<Expr, TooLong> {
    let mut expr = Expr::new(c"lookup");
    expr.set_u32(&attr::LOOKUP_SREG, from.number());
    if let Some(SetHandle { name, id }) = set {
        expr.set_text(&attr::LOOKUP_SET, name.as_str())?;
        if let Some(id) = id {
            expr.set_u32(&attr::LOOKUP_SET_ID, *id);
        }
    }
    Ok(expr)
}

fn limit(Limit { rate, per, burst, bytes, over }: &Limit) -> Expr {
    let mut expr = Expr::new(c"limit");
    expr.set_u64(&attr::LIMIT_RATE, *rate);
    expr.set_u64(&attr::LIMIT_UNIT, per.seconds());
    expr.set_u32(&attr::LIMIT_BURST, *burst);
    expr.set_u32(&attr::LIMIT_TYPE, if *bytes { LIMIT_BYTES } else { 0 });
    expr.set_u32(&attr::LIMIT_FLAGS, if *over { LIMIT_OVER } else { 0 });
    expr
}

fn of_element(each: &PerElement) -> Expr {
    match each {
        PerElement::Limit(rate) => limit(rate),
        PerElement::Connections(Connections { count, over }) => {
            let mut expr = Expr::new(c"connlimit");
            expr.set_u32(&attr::CONNLIMIT_COUNT, *count);
            expr.set_u32(&attr::CONNLIMIT_FLAGS, if *over { CONNLIMIT_OVER } else { 0 });
            expr
        }
    }
}

fn number(modulus: u32, to: Register) -> Expr {
    let mut expr = Expr::new(c"numgen");
    expr.set_u32(&attr::NUMGEN_DREG, to.number());
    expr.set_u32(&attr::NUMGEN_MODULUS, modulus);
    expr.set_u32(&attr::NUMGEN_TYPE, NUMGEN_INCREMENTAL);
    expr
}

fn log(Log { prefix, group, snaplen, queue_threshold, level, flags }: &Log) -> Result<Expr, TooLong> {
    let mut expr = Expr::new(c"log");
    if let Some(prefix) = prefix {
        expr.set_text(&attr::LOG_PREFIX, prefix)?;
    }
    if let Some(group) = group {
        expr.set_u16(&attr::LOG_GROUP, *group);
    }
    if let Some(snaplen) = snaplen {
        expr.set_u32(&attr::LOG_SNAPLEN, *snaplen);
    }
    if let Some(threshold) = queue_threshold {
        expr.set_u16(&attr::LOG_QTHRESHOLD, *threshold);
    }
    if let Some(level) = level {
        expr.set_u32(&attr::LOG_LEVEL, level_number(*level));
    }
    set_flags(*flags, |flags| expr.set_u32(&attr::LOG_FLAGS, flags));
    Ok(expr)
}

fn set_span(span: Option<&Span>, set: impl FnOnce(u32)) {
    if let Some(span) = span {
        set(span.low.number());
    }
}

/// The kernel takes the lowest for the highest where that is not given.
fn set_span_end(span: Option<&Span>, set: impl FnOnce(u32)) {
    if let Some(span) = span.filter(|span| span.low != span.high) {
        set(span.high.number());
    }
}

fn set_flags(flags: u32, set: impl FnOnce(u32)) {
    if flags != 0 {
        set(flags);
    }
}

fn base_number(base: Base) -> u32 {
    match base {
        Base::Link => 0,
        Base::Network => 1,
        Base::Transport => 2,
    }
}

/// Every base of bytes.
pub(super) const BYTES_BASES: [BytesBase; 2] = [BytesBase::Network, BytesBase::Transport];

/// The base of bytes.
pub(super) fn bytes_base(base: BytesBase) -> Base {
    match base {
        BytesBase::Network => Base::Network,
        BytesBase::Transport => Base::Transport,
    }
}

/// The base of a number of the kernel's.
pub(super) fn base(number: u32) -> Option<Base> {
    [Base::Link, Base::Network, Base::Transport].into_iter().find(|base| base_number(*base) == number)
}

fn extension_number(extension: Extension) -> u32 {
    match extension {
        Extension::Ipv6 => 0,
        Extension::TcpOption => 1,
        Extension::SctpChunk => 3,
    }
}

/// The kind of extension of a number of the kernel's.
pub(super) fn extension_kind(number: u32) -> Option<Extension> {
    [Extension::Ipv6, Extension::TcpOption, Extension::SctpChunk]
        .into_iter()
        .find(|extension| extension_number(*extension) == number)
}

fn comparison_number(operator: Comparison) -> u32 {
    match operator {
        Comparison::Eq => 0,
        Comparison::Ne => 1,
        Comparison::AtMost => 3,
        Comparison::AtLeast => 5,
    }
}

/// The comparison of a number of the kernel's.
pub(super) fn comparison(number: u32) -> Option<Comparison> {
    [Comparison::Eq, Comparison::Ne, Comparison::AtMost, Comparison::AtLeast]
        .into_iter()
        .find(|operator| comparison_number(*operator) == number)
}

/// The kernel's number of a verdict, and where it jumps.
pub(super) fn verdict_number(verdict: &Verdict) -> (u32, Option<&Name>) {
    match verdict {
        Verdict::Accept => (NF_ACCEPT, None),
        Verdict::Drop => (NF_DROP, None),
        Verdict::Return => (NFT_RETURN, None),
        Verdict::Continue => (NFT_CONTINUE, None),
        Verdict::Jump(chain) => (NFT_JUMP, Some(chain)),
        Verdict::Goto(chain) => (NFT_GOTO, Some(chain)),
    }
}

/// The verdict of a number of the kernel's.
pub(super) fn verdict(number: u32, chain: Option<Name>) -> Option<Verdict> {
    match (number, chain) {
        (NFT_JUMP, Some(chain)) => Some(Verdict::Jump(chain)),
        (NFT_GOTO, Some(chain)) => Some(Verdict::Goto(chain)),
        (number, None) => [Verdict::Accept, Verdict::Drop, Verdict::Return, Verdict::Continue]
            .into_iter()
            .find(|verdict| verdict_number(verdict).0 == number),
        (_, Some(_)) => None,
    }
}

/// `NFT_OBJECT_*`.
pub(super) fn object_number(kind: ObjectKind) -> u32 {
    match kind {
        ObjectKind::Counter => 1,
        ObjectKind::Quota => 2,
        ObjectKind::Helper => 3,
    }
}

/// The kind of object of a number of the kernel's.
pub(super) fn object_kind(number: u32) -> Option<ObjectKind> {
    [ObjectKind::Counter, ObjectKind::Quota, ObjectKind::Helper].into_iter().find(|kind| object_number(*kind) == number)
}

fn operation_number(operation: SetOperation) -> u32 {
    match operation {
        SetOperation::Add => 0,
        SetOperation::Update => 1,
        SetOperation::Delete => 2,
    }
}

/// The set operation of a number of the kernel's.
pub(super) fn operation(number: u32) -> Option<SetOperation> {
    [SetOperation::Add, SetOperation::Update, SetOperation::Delete]
        .into_iter()
        .find(|operation| operation_number(*operation) == number)
}

fn level_number(level: LogLevel) -> u32 {
    match level {
        LogLevel::Emerg => 0,
        LogLevel::Alert => 1,
        LogLevel::Crit => 2,
        LogLevel::Err => 3,
        LogLevel::Warn => 4,
        LogLevel::Notice => 5,
        LogLevel::Info => 6,
        LogLevel::Debug => 7,
        LogLevel::Audit => 8,
    }
}

/// The log level of a number of the kernel's.
pub(super) fn level(number: u32) -> Option<LogLevel> {
    [
        LogLevel::Emerg,
        LogLevel::Alert,
        LogLevel::Crit,
        LogLevel::Err,
        LogLevel::Warn,
        LogLevel::Notice,
        LogLevel::Info,
        LogLevel::Debug,
        LogLevel::Audit,
    ]
    .into_iter()
    .find(|level| level_number(*level) == number)
}
