//! What rules do, in instructions.

use super::{Lowering, Refusal, milliseconds};
use crate::kernel::field;
use crate::kernel::hint::Choice;
use crate::kernel::wire::{Comparison, Instruction, Log, Register, Span};
use crate::ruleset::{
    Assign, AssignTarget, DataType, Datum, DynamicSet, Family, HelperNetwork, Interval, Limit, Log as LogExpr,
    LogLevel, Nat, NatKind, PerElement, RejectWith, Sample, SegmentSize, SetMeta, Value, ZoneDirection,
};

/// `NF_NAT_RANGE_*`: the flags that a user can ask for.
pub(in crate::kernel) const NAT_FLAGS: u32 = 4 | 8 | 16 | Nat::PREFIX;
/// `NF_NAT_RANGE_PROTO_SPECIFIED`: set where ports are given.
const NAT_PORTS: u32 = 2;
pub(in crate::kernel) const NFPROTO_INET: u32 = 1;
pub(in crate::kernel) const NFPROTO_IPV4: u32 = 2;
pub(in crate::kernel) const NFPROTO_IPV6: u32 = 10;
/// `NFT_REJECT_*`.
pub(in crate::kernel) const REJECT_ICMP: u32 = 0;
pub(in crate::kernel) const REJECT_TCP_RESET: u32 = 1;
pub(in crate::kernel) const REJECT_ICMPX: u32 = 2;
/// `NFT_NAT_*`.
pub(in crate::kernel) const NAT_SOURCE: u32 = 0;
pub(in crate::kernel) const NAT_DESTINATION: u32 = 1;
/// `NFT_RT_TCPMSS`.
pub(in crate::kernel) const ROUTE_SEGMENT_SIZE: u32 = 3;

impl Lowering<'_> {
    pub(super) fn log(&mut self, log: &LogExpr) -> Result<(), Refusal> {
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

    pub(super) fn reject(&mut self, with: RejectWith) {
        let (kind, code) = match with {
            RejectWith::TcpReset => (REJECT_TCP_RESET, 0),
            RejectWith::Icmp(code) | RejectWith::Icmpv6(code) => (REJECT_ICMP, code),
            RejectWith::Icmpx(code) => (REJECT_ICMPX, code),
        };
        self.push(Instruction::Reject { kind, code });
    }

    pub(super) fn nat(&mut self, Nat { kind, addresses, ports, flags }: &Nat) -> Result<(), Refusal> {
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
    pub(super) fn span(&mut self, range: Option<Interval>, index: &mut u8) -> Result<Option<Span>, Refusal> {
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

    pub(super) fn assign(&mut self, Assign { target, source, mask, xor }: Assign) {
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

    pub(super) fn segment_size(&mut self, size: SegmentSize) {
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

    pub(super) fn zone(&mut self, direction: Option<ZoneDirection>, zone: u16) {
        let from = Register::FIRST;
        let direction = direction.map(direction_number);
        self.push(Instruction::Immediate { to: from, data: zone.to_ne_bytes().into() });
        self.push(Instruction::CtSet { key: field::ct::ZONE, direction, from });
    }

    pub(super) fn dynamic_set(&mut self, dynamic: &DynamicSet) -> Result<(), Refusal> {
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

    pub(super) fn sample(&mut self, sample: Sample) -> Result<(), Refusal> {
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
}

pub(super) fn check_limit(limit: &Limit) -> Result<(), Refusal> {
    // The kernel replaces it by a default of its own.
    if limit.burst == 0 && !limit.bytes { Err(Refusal("a limit of packets wants a burst")) } else { Ok(()) }
}

/// The instructions that tell a packet something.
pub(in crate::kernel) fn meta_instructions(set: SetMeta) -> [Instruction; 2] {
    let from = Register::FIRST;
    let (key, data) = match set {
        SetMeta::Priority(class) => (field::meta::PRIORITY, class.to_ne_bytes().to_vec()),
        SetMeta::Trace => (field::meta::NFTRACE, vec![1]),
    };
    [Instruction::Immediate { to: from, data }, Instruction::MetaSet { key, from }]
}

/// `NFPROTO_*` of a helper.
pub(in crate::kernel) fn helper_network(network: HelperNetwork) -> u16 {
    match network {
        HelperNetwork::Ip => 2,
        HelperNetwork::Ip6 => 10,
    }
}

/// `IP_CT_DIR_*`.
pub(in crate::kernel) fn direction_number(direction: ZoneDirection) -> u8 {
    match direction {
        ZoneDirection::Original => 0,
        ZoneDirection::Reply => 1,
    }
}

/// Writes the maximum segment size: two bytes behind the kind and the length of TCP's option 2.
pub(in crate::kernel) fn write_segment_size(from: Register) -> Instruction {
    Instruction::TcpOptionSet { kind: 2, offset: 2, length: 2, from }
}

/// Turns one number of so many bytes.
pub(in crate::kernel) fn host_to_network(register: Register, width: usize) -> Instruction {
    let width = u32::try_from(width).unwrap_or(0);
    Instruction::HostToNetwork { register, length: width, size: width }
}
