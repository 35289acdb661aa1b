//! Chains, rules and expressions.

use super::bytes::{self, Answer};
use super::index::Indexes;
use super::packet::{Conntrack, Host};
use super::{Counted, Evaluation, Flow, Hit, Outcome, RuleRef, field, translate};
use crate::ruleset::{
    Assign, AssignTarget, Bytes, Connections, Datum, DynamicSet, ElementData, ElementKey, Elements, Exists, Expr,
    Field, HeaderField, Hook, Limit, Match, Name, Operator, PerElement, Quota, RejectWith, Rule, Sample, SegmentSize,
    SetHeader, SetOperation, SetRef, Table, TableKey, Value, Verdict,
};

/// Jumps that may be open at once (`NFT_JUMP_STACK_SIZE`); the kernel drops what goes deeper.
const JUMPS_MAX: usize = 16;

/// Chains entered for one packet. The kernel refuses loops when they are loaded; here they end in a drop.
const CHAINS_MAX: usize = 100_000;

/// TCP's number.
const TCP: u8 = 6;

/// TCP's option of the maximum segment size.
const MAXIMUM_SEGMENT_SIZE: u8 = 2;

/// TCP's flags of a segment that opens a connection, or answers.
const SYN_OR_ACK: u128 = 2 | 16;

/// One base chain of one table at work on a packet.
pub(super) struct Traversal<'a, 's> {
    pub(super) flow: &'a mut Flow,
    pub(super) host: &'a Host,
    pub(super) hook: Hook,
    pub(super) table_key: &'a TableKey,
    pub(super) table: &'a Table,
    pub(super) evaluation: &'a mut Evaluation,
    /// Conntrack has not looked yet.
    pub(super) is_early: bool,
    /// Of the table's sets; without one they are searched.
    pub(super) indexes: Option<&'a Indexes<'s>>,
}

/// How an expression leaves its rule.
enum Step {
    /// On to the next expression.
    Next,
    /// The rule does not match.
    Break,
    /// Nobody can say whether it does, and so it does not.
    Unknown,
    /// It decides.
    Verdict(Verdict),
    /// It decides, and the sender is told.
    Reject(RejectWith),
}

impl<'a> Traversal<'a, '_> {
    /// Runs a base chain to its end; its policy is accept.
    pub(super) fn base_chain(&mut self, name: &'a Name) -> Outcome {
        let mut callers: Vec<(&'a Name, usize)> = Vec::new();
        let (mut chain, mut index) = (name, 0);
        let mut n_entered = 0;
        loop {
            let rules = self.table.chains.get(chain).map_or(&[][..], |chain| chain.rules.as_slice());
            let Some(rule) = rules.get(index) else {
                // The end of a chain is a return; that of the base chain its policy.
                match callers.pop() {
                    Some(caller) => (chain, index) = caller,
                    None => return Outcome::Accept,
                }
                continue;
            };
            index += 1;
            let reference = RuleRef {
                table: self.table_key.clone(),
                chain: chain.clone(),
                index: index - 1,
                comment: rule.comment.clone(),
            };
            let verdict = match self.rule(rule, &reference) {
                Step::Next => {
                    self.evaluation.hits.push(Hit { rule: reference, verdict: None });
                    continue;
                }
                Step::Break | Step::Unknown => continue,
                Step::Reject(with) => {
                    self.evaluation.hits.push(Hit { rule: reference.clone(), verdict: Some(Verdict::Drop) });
                    self.evaluation.decided_by = Some(reference);
                    return Outcome::Reject(with);
                }
                Step::Verdict(verdict) => verdict,
            };
            self.evaluation.hits.push(Hit { rule: reference.clone(), verdict: Some(verdict.clone()) });
            match verdict {
                Verdict::Accept | Verdict::Drop => {
                    self.evaluation.decided_by = Some(reference);
                    return if verdict == Verdict::Accept { Outcome::Accept } else { Outcome::Drop };
                }
                Verdict::Continue => {}
                Verdict::Return => index = rules.len(),
                Verdict::Jump(_) | Verdict::Goto(_) if n_entered == CHAINS_MAX => {
                    self.evaluation.decided_by = Some(reference);
                    return Outcome::Drop;
                }
                Verdict::Jump(_) if callers.len() == JUMPS_MAX => {
                    self.evaluation.decided_by = Some(reference);
                    return Outcome::Drop;
                }
                Verdict::Jump(target) => {
                    n_entered += 1;
                    callers.push((chain, index));
                    (chain, index) = self.enter(&target, chain, rules.len());
                }
                Verdict::Goto(target) => {
                    n_entered += 1;
                    (chain, index) = self.enter(&target, chain, rules.len());
                }
            }
        }
    }

    /// The first rule of a chain; the end of the present one if there is no such chain.
    fn enter(&self, target: &Name, present: &'a Name, end: usize) -> (&'a Name, usize) {
        self.table.chains.get_key_value(target).map_or((present, end), |(name, _)| (name, 0))
    }

    /// Evaluates the expressions of a rule until one stops it.
    fn rule(&mut self, rule: &Rule, reference: &RuleRef) -> Step {
        for expr in &rule.exprs {
            match self.expr(expr, reference) {
                // `continue` is what every expression says that has nothing to say.
                Step::Next | Step::Verdict(Verdict::Continue) => {}
                Step::Unknown if self.flow.packet.granted.contains(reference) => {}
                Step::Unknown => {
                    self.evaluation.unknown.push(reference.clone());
                    return Step::Break;
                }
                step @ (Step::Break | Step::Verdict(_) | Step::Reject(_)) => return step,
            }
        }
        Step::Next
    }

    fn expr(&mut self, expr: &Expr, reference: &RuleRef) -> Step {
        match expr {
            Expr::Match(matching) => match self.load(matching.field) {
                Some(value) => going_on(compare(matching, value)),
                None => self.without(&[matching.field]),
            },
            Expr::Exists(Exists { part, operator }) => match field::has(*part, &self.flow.packet) {
                Some(has) => going_on(has == (*operator == Operator::Eq)),
                None => Step::Break,
            },
            Expr::Bytes(raw) => self.bytes(raw),
            Expr::Lookup(lookup) => match self.key(&lookup.key) {
                Some(key) => {
                    let is_in = self.find(&lookup.set, &key).is_some() || self.was_added(&lookup.set, &key);
                    going_on(is_in == (lookup.operator == Operator::Eq))
                }
                None => self.without(&lookup.key),
            },
            Expr::VerdictMap(map) => {
                let found = self.key(&map.key).and_then(|key| self.find(&map.map, &key));
                found.map_or(Step::Break, Step::Verdict)
            }
            Expr::Counter => {
                self.evaluation.counted.push(Counted::InRule(reference.clone()));
                Step::Next
            }
            Expr::NamedCounter(name) => {
                self.evaluation.counted.push(Counted::Named(self.table_key.clone(), name.clone()));
                Step::Next
            }
            Expr::Quota(Quota { over, .. }) | Expr::Limit(Limit { over, .. }) => going_on(!over),
            Expr::NamedQuota(name) => going_on(self.table.quotas.get(name).is_some_and(|quota| !quota.over)),
            Expr::Log(log) => {
                self.evaluation.logged.push(log.clone());
                Step::Next
            }
            Expr::Verdict(verdict) => Step::Verdict(verdict.clone()),
            Expr::Reject(with) => self.reject(*with),
            Expr::Nat(nat) => translate::apply(nat, self.flow, self.host, self.hook).map_or(Step::Next, Step::Verdict),
            Expr::Notrack => {
                // Too late once the packet has an entry.
                if self.is_early {
                    self.flow.packet.conntrack = Conntrack::Untracked;
                }
                Step::Next
            }
            // The first packet of all, and one for which the lowest number is drawn.
            Expr::Sample(sample) => going_on(match sample {
                Sample::Random { .. } => true,
                Sample::Nth { packet, .. } => *packet == 0,
            }),
            // Nobody says when the packet comes: at a moment that fits.
            Expr::Clock(_) => Step::Next,
            Expr::Assign(assign) => self.assign(*assign),
            // What is no segment does not come to it.
            Expr::SegmentSize(size) => self.segment_size(*size),
            // Every packet of TCP has a header.
            Expr::StripOption(kind) => {
                self.flow.packet.options.remove(kind);
                going_on(self.flow.packet.protocol() == TCP)
            }
            // Somebody listens.
            Expr::Tproxy(_) => Step::Next,
            // Of a connection that is opened with the client the first packet is answered, and sent to the server later.
            Expr::Synproxy(_) => match self.load(Field::TcpFlags) {
                Some(flags) if flags.to_u128() & SYN_OR_ACK != 0 => Step::Verdict(Verdict::Accept),
                Some(_) => Step::Next,
                None => Step::Break,
            },
            // A program listens, and lets it go on.
            Expr::Queue(_) => Step::Verdict(Verdict::Accept),
            // The copy is a packet of its own; what is set here no rule asks for.
            Expr::Duplicate(_) | Expr::SetMeta(_) => Step::Next,
            Expr::SetHeader(write) => self.set_header(*write),
            // Which zone a connection is of, and who reads it, is no question of this packet's.
            Expr::SetCt(_) => Step::Next,
            Expr::DynamicSet(dynamic) => self.dynamic_set(dynamic),
        }
    }

    fn bytes(&self, raw: &Bytes) -> Step {
        match bytes::compare(raw, &self.flow.packet) {
            Answer::Is(holds) => going_on(holds),
            Answer::Absent => Step::Break,
            Answer::Unknown => Step::Unknown,
        }
    }

    fn load(&self, field: Field) -> Option<Datum> {
        field::load(field, &self.flow.packet, self.host)
    }

    /// How a rule goes on without a field: the packet has none, or may have one.
    fn without(&self, fields: &[Field]) -> Step {
        if fields.iter().any(|field| field::is_untold(*field, &self.flow.packet)) { Step::Unknown } else { Step::Break }
    }

    fn key(&self, fields: &[Field]) -> Option<Vec<Datum>> {
        fields.iter().map(|field| self.load(*field)).collect()
    }

    /// What a key leads to: the verdict of a map, `continue` in a set.
    fn find(&self, set: &SetRef, key: &[Datum]) -> Option<Verdict> {
        let elements: &Elements = match set {
            SetRef::Named(name) => &self.table.sets.get(name)?.elements,
            SetRef::Anonymous { elements, .. } => elements,
        };
        let found = match (set, self.indexes) {
            (SetRef::Named(name), Some(indexes)) => indexes.find(name, key),
            (SetRef::Named(_) | SetRef::Anonymous { .. }, _) => {
                elements.iter().find(|(candidate, _)| candidate.contains(key)).map(|(_, element)| element)
            }
        };
        let element = found.or_else(|| elements.get(&ElementKey::CatchAll))?;
        Some(match &element.data {
            ElementData::Verdict(verdict) => verdict.clone(),
            ElementData::Nothing | ElementData::Value(_) | ElementData::Counter(_) => Verdict::Continue,
        })
    }

    fn was_added(&self, set: &SetRef, key: &[Datum]) -> bool {
        match set {
            SetRef::Named(name) => {
                let added = self.flow.added.get(&(self.table_key.clone(), name.clone()));
                added.is_some_and(|keys| keys.iter().any(|added| added == key))
            }
            SetRef::Anonymous { .. } => false,
        }
    }

    fn reject(&self, with: RejectWith) -> Step {
        let packet = &self.flow.packet;
        let applies = match with {
            RejectWith::TcpReset => packet.protocol() == 6,
            RejectWith::Icmp(_) => packet.source.is_ipv4(),
            RejectWith::Icmpv6(_) => packet.source.is_ipv6(),
            RejectWith::Icmpx(_) => true,
        };
        if applies { Step::Reject(with) } else { Step::Break }
    }

    fn assign(&mut self, assign: Assign) -> Step {
        let Assign { target, source, mask, xor } = assign;
        let packet = &mut self.flow.packet;
        let old = match source {
            // A constant asks for nothing.
            AssignTarget::Mark | AssignTarget::CtMark if mask == 0 => 0,
            AssignTarget::Mark => packet.mark,
            AssignTarget::CtMark => match field::entry(packet) {
                Some(entry) => entry.mark,
                None => return Step::Break,
            },
        };
        let new = old & mask ^ xor;
        match (target, &mut packet.conntrack) {
            (AssignTarget::Mark, _) => packet.mark = new,
            (AssignTarget::CtMark, Conntrack::Tracked(entry)) => entry.mark = new,
            (AssignTarget::CtMark, Conntrack::Untracked | Conntrack::Invalid) => {}
        }
        Step::Next
    }

    fn set_header(&mut self, SetHeader { field, value }: SetHeader) -> Step {
        let packet = &mut self.flow.packet;
        let value = value & field.largest();
        match field {
            field if field.is_v4() != packet.source.is_ipv4() => return Step::Break,
            HeaderField::IpDscp | HeaderField::Ip6Dscp => packet.dscp = value,
            HeaderField::IpTtl | HeaderField::Ip6Hoplimit => packet.ttl = value,
            HeaderField::IpEcn | HeaderField::Ip6Ecn => packet.ecn = value,
        }
        Step::Next
    }

    /// Lowers the size that a segment announces; what a route carries is more than any of them.
    fn segment_size(&mut self, size: SegmentSize) -> Step {
        let packet = &mut self.flow.packet;
        if let (SegmentSize::Bytes(most), Some(data)) = (size, packet.options.get_mut(&MAXIMUM_SEGMENT_SIZE))
            && let Some(announced) = data.first_chunk_mut()
            && u16::from_be_bytes(*announced) > most
        {
            *announced = most.to_be_bytes();
        }
        going_on(packet.protocol() == TCP)
    }

    fn dynamic_set(&mut self, dynamic: &DynamicSet) -> Step {
        let DynamicSet { operation, set, key, masks, timeout: _, per_element } = dynamic;
        let Some(mut values) = self.key(key) else { return Step::Break };
        for (field, value) in key.iter().zip(&mut values) {
            if let Some(mask) = masks.get(field) {
                *value = Datum::from_u128(value.data_type(), value.to_u128() & mask.to_u128());
            }
        }
        let key = values;
        let keys = self.flow.added.entry((self.table_key.clone(), set.clone())).or_default();
        match operation {
            SetOperation::Add | SetOperation::Update => {
                if !keys.contains(&key) {
                    keys.push(key);
                }
                // Within every limit, and the only connection.
                going_on(match per_element {
                    Some(PerElement::Limit(limit)) => !limit.over,
                    Some(PerElement::Connections(Connections { count, over })) => (*count == 0) == *over,
                    None => true,
                })
            }
            SetOperation::Delete => {
                keys.retain(|added| *added != key);
                Step::Next
            }
        }
    }
}

fn going_on(matches: bool) -> Step {
    if matches { Step::Next } else { Step::Break }
}

/// Whether a comparison holds for a value.
fn compare(matching: &Match, value: Datum) -> bool {
    let Match { field, mask, operator, value: wanted } = matching;
    let data_type = field.data_type();
    let all = Datum::max(data_type).to_u128();
    let value = value.to_u128() & mask.map_or(all, |mask| mask.to_u128());
    let is_equal = match wanted {
        Value::One(wanted) => value == wanted.to_u128(),
        Value::Range(range) => (range.low().to_u128()..=range.high().to_u128()).contains(&value),
        Value::Prefix(wanted, bits) => {
            let width = u32::try_from(data_type.width() * 8).unwrap_or(u128::BITS);
            let ignored = width.saturating_sub(u32::from(*bits));
            value.checked_shr(ignored) == wanted.to_u128().checked_shr(ignored)
        }
    };
    is_equal == (*operator == Operator::Eq)
}
