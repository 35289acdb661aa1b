//! What rules do, out of instructions.

use std::time::Duration;

use super::{Reader, is_hinted};
use crate::kernel::field::{self, Network};
use crate::kernel::hint::Choice;
use crate::kernel::lower::{
    self, NAT_DESTINATION, NAT_FLAGS, NAT_SOURCE, NFPROTO_IPV4, NFPROTO_IPV6, REJECT_ICMP, REJECT_ICMPX,
    REJECT_TCP_RESET, ROUTE_SEGMENT_SIZE,
};
use crate::kernel::wire::{Comparison, Instruction, ObjectKind, Register, Span};
use crate::ruleset::{
    Assign, AssignTarget, DataType, Datum, DynamicSet, Interval, Log, LogLevel, Nat, NatKind, RejectWith, Sample,
    SegmentSize, SetCt, SetMeta, ZoneDirection,
};

impl Reader<'_> {
    pub(super) fn dynamic_set(&mut self) -> Option<DynamicSet> {
        let (key, masks) = self.masked_key()?;
        self.take(|instruction| match instruction {
            Instruction::Dynset { operation, from: Register::FIRST, set, timeout_ms, per_element } => {
                Some(DynamicSet {
                    operation: *operation,
                    set: set.clone(),
                    key,
                    masks,
                    timeout: timeout_ms.map(Duration::from_millis),
                    per_element: *per_element,
                })
            }
            _ => None,
        })
    }

    pub(super) fn sample(&mut self) -> Option<Sample> {
        let load = self.peek(0)?;
        let Instruction::Compare { from: Register::FIRST, operator, data } = self.peek(1)? else { return None };
        let data = data.as_slice().try_into().ok()?;
        let sample = match (load, operator) {
            (Instruction::Meta { key: field::meta::RANDOM, to: Register::FIRST }, Comparison::AtMost) => {
                Sample::Random { most: u32::from_be_bytes(data) }
            }
            (Instruction::Number { modulus, to: Register::FIRST }, Comparison::Eq) => {
                Sample::Nth { every: *modulus, packet: u32::from_ne_bytes(data) }
            }
            _ => return None,
        };
        self.at += 2;
        Some(sample)
    }

    pub(super) fn log(&mut self) -> Option<Log> {
        let at = self.at;
        let is_written = |choice| is_hinted(self.hints, choice, at);
        let log = match self.peek(0)? {
            Instruction::Log(log) => Log {
                prefix: log.prefix.clone(),
                group: log.group,
                snaplen: log.snaplen.or(is_written(Choice::LogSnaplen).then_some(0)),
                queue_threshold: log.queue_threshold.or(is_written(Choice::LogThreshold).then_some(0)),
                level: log.level.or(is_written(Choice::LogLevel).then_some(LogLevel::Warn)),
                flags: log.flags,
            },
            _ => return None,
        };
        self.at += 1;
        Some(log)
    }

    pub(super) fn reject(&mut self) -> Option<RejectWith> {
        let context = self.context;
        self.take(|instruction| match instruction {
            Instruction::Reject { kind: REJECT_TCP_RESET, code: 0 } => Some(RejectWith::TcpReset),
            Instruction::Reject { kind: REJECT_ICMP, code } => match context.network()? {
                Network::Ip => Some(RejectWith::Icmp(*code)),
                Network::Ip6 => Some(RejectWith::Icmpv6(*code)),
                Network::Arp | Network::Vlan => None,
            },
            Instruction::Reject { kind: REJECT_ICMPX, code } => Some(RejectWith::Icmpx(*code)),
            _ => None,
        })
    }

    pub(super) fn nat(&mut self) -> Option<Nat> {
        let mut constants: Vec<(Register, &[u8])> = Vec::new();
        while let Some(constant) = self.take(|instruction| match instruction {
            Instruction::Immediate { to, data } => Some((*to, data.as_slice())),
            _ => None,
        }) {
            constants.push(constant);
        }
        let interval = |span: Option<Span>, data_type: DataType| -> Option<Option<Interval>> {
            let Some(span) = span else { return Some(None) };
            let end = |register| {
                let (_, bytes) = constants.iter().find(|(to, _)| *to == register)?;
                (bytes.len() == data_type.width()).then(|| Datum::from_kernel_bytes(data_type, bytes))
            };
            Interval::new(end(span.low)?, end(span.high)?).map(Some)
        };
        let (kind, addresses, ports, flags) = self.take(|instruction| match instruction {
            Instruction::Nat { kind, family, addresses, ports, flags } => {
                let kind = match *kind {
                    NAT_SOURCE => NatKind::Source,
                    NAT_DESTINATION => NatKind::Destination,
                    _ => return None,
                };
                let addresses = match (*family, addresses) {
                    (_, None) => None,
                    (NFPROTO_IPV4, addresses) => interval(*addresses, DataType::Ipv4Addr)?,
                    (NFPROTO_IPV6, addresses) => interval(*addresses, DataType::Ipv6Addr)?,
                    (_, Some(_)) => return None,
                };
                Some((kind, addresses, *ports, *flags))
            }
            Instruction::Masquerade { ports, flags } => Some((NatKind::Masquerade, None, *ports, *flags)),
            Instruction::Redirect { ports, flags } => Some((NatKind::Redirect, None, *ports, *flags)),
            _ => None,
        })?;
        Some(Nat { kind, addresses, ports: interval(ports, DataType::InetService)?, flags: flags & NAT_FLAGS })
    }

    pub(super) fn segment_size(&mut self) -> Option<SegmentSize> {
        let size = match self.peek(0)? {
            Instruction::Immediate { to: Register::FIRST, data } => {
                SegmentSize::Bytes(u16::from_be_bytes(data.as_slice().try_into().ok()?))
            }
            Instruction::Route { key: ROUTE_SEGMENT_SIZE, to: Register::FIRST } => {
                matches!(self.peek(1)?, Instruction::HostToNetwork { .. }).then_some(())?;
                self.at += 1;
                SegmentSize::RouteMtu
            }
            _ => return None,
        };
        self.at += 1;
        self.take(|instruction| (*instruction == lower::write_segment_size(Register::FIRST)).then_some(size))
    }

    pub(super) fn set_meta(&mut self) -> Option<SetMeta> {
        let constant = self.take(|instruction| match instruction {
            Instruction::Immediate { to: Register::FIRST, data } => Some(data),
            _ => None,
        })?;
        let set = self.take(|instruction| match instruction {
            Instruction::MetaSet { key: field::meta::PRIORITY, .. } => Some(SetMeta::Priority(number(constant)?)),
            Instruction::MetaSet { key: field::meta::NFTRACE, .. } => Some(SetMeta::Trace),
            _ => None,
        })?;
        let is_same = lower::meta_instructions(set).iter().eq(self.instructions.get(self.at - 2..self.at)?);
        is_same.then_some(set)
    }

    pub(super) fn set_ct(&mut self) -> Option<SetCt> {
        if let Some(name) = self.take(|instruction| match instruction {
            Instruction::Object { kind: ObjectKind::Helper, name } => Some(name.clone()),
            _ => None,
        }) {
            return Some(SetCt::Helper(name));
        }
        let zone = self.take(|instruction| match instruction {
            Instruction::Immediate { to: Register::FIRST, data } => data.as_slice().try_into().ok(),
            _ => None,
        });
        let zone = u16::from_ne_bytes(zone?);
        self.take(|instruction| match instruction {
            Instruction::CtSet { key: field::ct::ZONE, direction, from: Register::FIRST } => {
                let known = [None, Some(ZoneDirection::Original), Some(ZoneDirection::Reply)];
                let direction = known.into_iter().find(|known| known.map(lower::direction_number) == *direction)?;
                Some(SetCt::Zone { direction, zone })
            }
            _ => None,
        })
    }

    pub(super) fn assign(&mut self) -> Option<Assign> {
        let at = self.at;
        let (source, (mask, xor)) = match self.peek(0)? {
            Instruction::Immediate { to: Register::FIRST, data } => (None, (0, number(data)?)),
            Instruction::Meta { key: field::meta::MARK, to: Register::FIRST } => {
                (Some(AssignTarget::Mark), (u32::MAX, 0))
            }
            Instruction::Ct { key: field::ct::MARK, direction: None, to: Register::FIRST } => {
                (Some(AssignTarget::CtMark), (u32::MAX, 0))
            }
            _ => return None,
        };
        self.at += 1;
        let change = self.take(|instruction| match instruction {
            Instruction::Bitwise { register: Register::FIRST, mask, xor } => Some((number(mask)?, number(xor)?)),
            _ => None,
        });
        let target = self.take(|instruction| match instruction {
            Instruction::MetaSet { key: field::meta::MARK, from: Register::FIRST } => Some(AssignTarget::Mark),
            Instruction::CtSet { key: field::ct::MARK, direction: None, from: Register::FIRST } => {
                Some(AssignTarget::CtMark)
            }
            _ => None,
        })?;
        let other = match target {
            AssignTarget::Mark => AssignTarget::CtMark,
            AssignTarget::CtMark => AssignTarget::Mark,
        };
        let constant_source = if is_hinted(self.hints, Choice::OtherSource, at) { other } else { target };
        let (mask, xor) = change.unwrap_or((mask, xor));
        Some(Assign { target, source: source.unwrap_or(constant_source), mask, xor })
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_ne_bytes)
}
