//! The flows that are cut, so that they stay so: whoever else sets conntrack marks can lose the bit.
//!
//! They are asked for by their bit, so that the kernel hands over no other flow, and a look costs one walk through its
//! table however many flows there are. Notices of changed marks are not listened to: with
//! `net.netfilter.nf_conntrack_events` at its default they tell nothing of flows that began before somebody listened, and
//! every new flow of a busy node would be told of.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Affected;
use crate::kernel::conntrack::{Bit, Change, Conntrack, ConntrackError, Entry, Filter, Flow, Tuple};

/// Most flows that are remembered, of about 150 bytes each: a client can begin as many as it likes.
const REMEMBERED_MAX: usize = 65_536;

/// Flows that are cut.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cut {
    /// By the kernel's number and the first packet.
    flows: BTreeMap<(u32, Tuple), Remembered>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Remembered {
    flow: Flow,
    /// The ends, as [`Entry::ends`] has them.
    ends: [IpAddr; 2],
}

impl Cut {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// The flows of these addresses have been judged: `found` are those of them that are cut.
    ///
    /// Where addresses were among them that no API has told about, every flow that can be cut was: one that is kept for
    /// nothing would be cut again although it is permitted.
    pub fn judged(&mut self, affected: &Affected, found: Self) {
        let was_judged = |known: &Remembered| known.ends.iter().any(|end| affected.contains(*end));
        self.flows.retain(|_, known| !affected.has_unknown() && !was_judged(known));
        self.flows.extend(found.flows);
        while self.flows.len() > REMEMBERED_MAX {
            self.flows.pop_last();
        }
    }

    /// Sets the bit again on those that have lost it, and forgets those that have ended; says how many had lost it. To be
    /// called as long as the ruleset is in force by which they were judged.
    ///
    /// # Errors
    /// [`ConntrackError`]; some may have got their bit again.
    pub fn look<C: Conntrack + ?Sized>(&mut self, conntrack: &mut C, bit: u32) -> Result<usize, ConntrackError> {
        let missing = self.missing(conntrack, bit)?;
        if missing.is_empty() {
            return Ok(0);
        }
        let set = |key| self.flows.get(key).map(|known| Change { flow: known.flow.clone(), bit: Bit::Set });
        let changes: Vec<Change> = missing.iter().filter_map(set).collect();
        let n_lost = conntrack.mark(bit, &changes)?.n_changed;
        for ended in self.missing(conntrack, bit)? {
            self.flows.remove(&ended);
        }
        Ok(n_lost)
    }

    /// Those that are not among the flows with the bit.
    fn missing<C: Conntrack + ?Sized>(&self, conntrack: &mut C, bit: u32) -> Result<Vec<(u32, Tuple)>, ConntrackError> {
        let filter = Filter { mark: Some((bit, bit)), ..Filter::default() };
        let read = conntrack.entries(&filter, &mut |entry| self.flows.contains_key(&key(entry)))?;
        let there: BTreeSet<_> = read.kept.iter().map(key).collect();
        Ok(self.flows.keys().filter(|flow| !there.contains(*flow)).copied().collect())
    }
}

impl<'e> FromIterator<&'e Entry> for Cut {
    fn from_iter<I: IntoIterator<Item = &'e Entry>>(entries: I) -> Self {
        let remembered = |entry: &Entry| Remembered { flow: entry.flow.clone(), ends: entry.ends() };
        Self { flows: entries.into_iter().map(|entry| (key(entry), remembered(entry))).collect() }
    }
}

fn key(entry: &Entry) -> (u32, Tuple) {
    (entry.flow.id, entry.original)
}
