//! Bytes that claim to be the kernel's, given to everything that reads such bytes.
//!
//! For whoever wants to show that no bytes do harm: the fuzz targets, and the test that replays what they found. What is
//! read must be sayable again, so each of these writes what it read and reads that.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use super::attribute::{self, Attributes};
use super::batch::{Batch, Ending};
use super::conntrack;
use super::decode::{self, DecodedSet};
use super::element;
use super::lower::Surroundings;
use super::message::{self, Content, Messages, kind};
use super::nflog::{self, LogNotice};
use super::{Guard, monitor, trace};
use crate::observed::RuleContent;
use crate::plan::{Op, OpKind, RulePosition};
use crate::ruleset::{Elements, Expr, Family, Lookup, Name, Rule, SetRef, SetSpec, TableKey, VerdictMap};

/// A datagram with objects of nf_tables. Returns how many of them were read.
///
/// # Errors
/// What was read and is another thing when it is written and read again.
pub fn dump(bytes: &[u8]) -> Result<usize, String> {
    let mut reading = Reading::default();
    let mut commit = BTreeSet::new();
    let ours = [TableKey::ours(Family::Inet)].into();
    // What traces say is only shown.
    reading.n_read += trace::steps(bytes).count();
    for received in Messages::new(bytes) {
        let Content::Object { kind, family, attributes } = received.content else { continue };
        drop(monitor::note(&ours, &mut commit, kind, family, attributes));
        if let Some(family) = message::family(family) {
            reading.object(kind, family, attributes)?;
        }
    }
    Ok(reading.n_read)
}

/// A datagram with packets that rules logged. Returns how many packets there are.
///
/// # Errors
/// What of a packet contradicts itself.
pub fn log(bytes: &[u8]) -> Result<usize, String> {
    let mut ready = VecDeque::new();
    nflog::notices(bytes, &mut nflog::Numbers::default(), &mut ready);
    let packets: Vec<_> = ready
        .into_iter()
        .filter_map(|notice| match notice {
            LogNotice::Packet(packet) => Some(packet),
            LogNotice::Lost(_) => None,
        })
        .collect();
    for packet in &packets {
        let Some(headers) = packet.headers else { continue };
        if headers.source.is_ipv4() != headers.destination.is_ipv4() {
            return Err(format!("two families in {headers:?}"));
        }
        if headers.source.is_ipv4() && headers.length > u32::from(u16::MAX) {
            return Err(format!("too long for IPv4: {headers:?}"));
        }
    }
    // A message has a header of 16 bytes, and one packet at most.
    if packets.len() * 16 > bytes.len() {
        return Err(format!("{} packets in {} bytes", packets.len(), bytes.len()));
    }
    Ok(packets.len())
}

/// A datagram with flows of connection tracking. Returns how many there are.
///
/// # Errors
/// A flow that is another one in the message that would change its mark.
pub fn flows(bytes: &[u8]) -> Result<usize, String> {
    let mut n_read = 0;
    for received in Messages::of(message::Subsystem::Conntrack, bytes) {
        let Content::Object { family, attributes, .. } = received.content else { continue };
        let Some(entry) = conntrack::decode::entry(family, attributes) else { continue };
        n_read += 1;
        let ends: [IpAddr; 2] = entry.ends();
        for bit in [conntrack::Bit::Set, conntrack::Bit::Cleared] {
            let (family_again, written) = conntrack::decode::change(&entry.flow, bit, 0x40);
            let mut message = written.clone();
            attribute::push(&mut message, 2, attributes.get(2).unwrap_or_default());
            let again = conntrack::decode::entry(family_again, Attributes::new(&message));
            let same = again.is_some_and(|again| {
                again.flow == entry.flow && again.original == entry.original && again.ends() == ends
            });
            if !same {
                return Err(format!("{entry:?} is changed by {written:x?}"));
            }
        }
    }
    Ok(n_read)
}

/// What was read so far of a datagram.
#[derive(Default)]
struct Reading {
    sets: BTreeMap<Name, DecodedSet>,
    elements: BTreeMap<Name, Elements>,
    n_read: usize,
}

impl Reading {
    fn object(&mut self, kind: u16, family: Family, attributes: Attributes<'_>) -> Result<(), String> {
        let is_read = match kind {
            kind::NEW_TABLE => decode::table(attributes).is_some(),
            kind::NEW_CHAIN => decode::chain(family, attributes).is_some(),
            kind::NEW_OBJECT => decode::object(attributes).is_some(),
            kind::NEW_FLOWTABLE => decode::flowtable(attributes).is_some(),
            kind::NEW_SET => self.set(attributes),
            kind::NEW_ELEMENTS => self.elements(attributes)?,
            kind::NEW_RULE => {
                drop(decode::counting_rule(attributes));
                self.rule(family, attributes)?
            }
            _ => false,
        };
        self.n_read += usize::from(is_read);
        Ok(())
    }

    fn set(&mut self, attributes: Attributes<'_>) -> bool {
        let Some((name, Ok(set))) = decode::set(attributes) else { return false };
        self.sets.insert(name, set);
        true
    }

    fn elements(&mut self, attributes: Attributes<'_>) -> Result<bool, String> {
        let Some(name) = attributes.get(message::OBJECT_NAME).map(decode::name) else { return Ok(false) };
        let Some(DecodedSet { spec, layout, is_anonymous }) = self.sets.get(&name) else { return Ok(false) };
        let mut wire = Vec::new();
        if decode::elements(attributes, spec, &mut wire).is_none() {
            return Ok(false);
        }
        let Some(read) = element::decode(spec, layout, &wire) else { return Ok(false) };
        let mut again = Vec::new();
        for (key, element) in &read {
            match element::encode(spec, layout, key, element) {
                Ok((start, end)) => again.extend(std::iter::once(start).chain(end)),
                Err(refusal) => return Err(format!("{key:?} of {spec:?} was read and cannot be written: {refusal:?}")),
            }
        }
        let read_again = element::decode(spec, layout, &again);
        if read_again.as_ref() != Some(&read) {
            return Err(format!("elements of {spec:?}: {read:?} became {read_again:?}"));
        }
        if *is_anonymous {
            self.elements.insert(name, read);
        }
        Ok(true)
    }

    fn rule(&self, family: Family, attributes: Attributes<'_>) -> Result<bool, String> {
        let has_intervals = |name: &Name| self.sets.get(name).is_some_and(|set| set.spec.intervals);
        let surroundings = Surroundings { family, has_intervals: &has_intervals };
        let Some((_, read)) = decode::rule(attributes, surroundings, &|name| self.find_set(name)) else {
            return Ok(false);
        };
        let RuleContent::Known(rule) = read.content else { return Ok(true) };
        drop(crate::render::rule(&rule));
        let kind = OpKind::AddRule { chain: Name::ours("chain"), position: RulePosition::Last, rule: rule.clone() };
        let ops = [Op { table: TableKey::ours(family), kind }];
        let batch = Batch::new(&ops, 1, Guard::None, Ending::None, &|_, name| has_intervals(name))
            .map_err(|refused| format!("{rule:?} was read and cannot be written: {refused:?}"))?;
        let again = reread(&batch, &rule, surroundings);
        if again.as_ref() != Some(&RuleContent::Known(rule.clone())) {
            return Err(format!("{rule:?} became {again:?}"));
        }
        Ok(true)
    }

    /// As a dump of a table finds the set of a rule, where a set of a rule that is not there could not be read.
    fn find_set(&self, name: &str) -> Option<SetRef> {
        let name: Name = name.parse().ok()?;
        match self.sets.get(&name) {
            Some(DecodedSet { spec, is_anonymous: true, .. }) => {
                let elements = self.elements.get(&name).cloned().unwrap_or_default();
                Some(SetRef::Anonymous { spec: SetSpec::clone(spec), elements })
            }
            Some(_) | None if name.as_str().starts_with("__") => None,
            Some(_) | None => Some(SetRef::Named(name)),
        }
    }
}

/// Reads the rule of a batch.
fn reread(batch: &Batch, rule: &Rule, surroundings: Surroundings<'_>) -> Option<RuleContent> {
    let sets = anonymous_sets(rule);
    let next = Cell::new(0);
    let find_set = |name: &str| {
        if !name.starts_with("__") {
            return Some(SetRef::Named(name.parse().ok()?));
        }
        let index = next.replace(next.get() + 1);
        sets.get(index).cloned()
    };
    Messages::new(batch.as_bytes()).find_map(|received| match received.content {
        Content::Object { kind: kind::NEW_RULE, attributes, .. } => {
            // The kernel numbers rules, and the message that makes one has no number.
            let mut message = Vec::new();
            attribute::push(&mut message, 2, b"pl_chain\0");
            attribute::push(&mut message, 3, &7_u64.to_be_bytes());
            attribute::push(&mut message, 4, attributes.get(4).unwrap_or_default());
            if let Some(userdata) = attributes.get(7) {
                attribute::push(&mut message, 7, userdata);
            }
            decode::rule(Attributes::new(&message), surroundings, &find_set).map(|(_, rule)| rule.content)
        }
        Content::Object { .. } | Content::Done { .. } | Content::Error { .. } | Content::Other => None,
    })
}

fn anonymous_sets(rule: &Rule) -> Vec<SetRef> {
    let mut sets = Vec::new();
    for expr in &rule.exprs {
        if let Expr::Lookup(Lookup { set, .. }) | Expr::VerdictMap(VerdictMap { map: set, .. }) = expr
            && matches!(set, SetRef::Anonymous { .. })
        {
            sets.push(set.clone());
        }
    }
    sets
}
