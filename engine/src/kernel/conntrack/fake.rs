//! Connection tracking in memory: it keeps entries and does to them what ctnetlink does.

use std::collections::BTreeMap;

use super::{Bit, Change, Conntrack, ConntrackError, Entries, Entry, Filter, Flow, Marked, Tuple};

/// The entries of a fake network namespace, by their numbers.
#[derive(Debug, Default)]
pub struct Fake {
    entries: BTreeMap<u32, Entry>,
    /// Entries that show from the nth reading on, the first being 0: packets that were on their way.
    late: Vec<(usize, Entry)>,
    n_readings: usize,
    n_calls: usize,
}

impl Fake {
    /// A flow begins; returns its number.
    pub fn begin(&mut self, original: Tuple, reply: Tuple) -> u32 {
        let entry = self.make(original, reply);
        let id = entry.flow.id;
        self.entries.insert(id, entry);
        id
    }

    /// A flow whose first packet is still on its way: it shows from the nth reading on, counted from 0.
    pub fn begin_late(&mut self, reading: usize, original: Tuple, reply: Tuple) -> u32 {
        let entry = self.make(original, reply);
        let id = entry.flow.id;
        self.late.push((reading, entry));
        id
    }

    /// A flow ends.
    pub fn end(&mut self, id: u32) {
        self.entries.remove(&id);
    }

    /// Somebody else sets a flow's mark.
    pub fn set_mark(&mut self, id: u32, mark: u32) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.mark = mark;
        }
    }

    /// A flow's mark, while it lives.
    pub fn mark_of(&self, id: u32) -> Option<u32> {
        self.entries.get(&id).map(|entry| entry.mark)
    }

    /// How often marks were changed.
    pub fn n_calls(&self) -> usize {
        self.n_calls
    }

    fn make(&self, original: Tuple, reply: Tuple) -> Entry {
        let id = u32::try_from(self.entries.len() + self.late.len()).unwrap_or(u32::MAX) + 1;
        let flow = Flow { id, zone: 0, family: if original.source.is_ipv4() { 2 } else { 10 }, tuple: Box::default() };
        Entry { flow, original, reply, status: 0, mark: 0, timeout: 0 }
    }
}

impl Conntrack for Fake {
    fn count(&mut self) -> Result<usize, ConntrackError> {
        Ok(self.entries.len())
    }

    fn entries(&mut self, filter: &Filter, keep: &mut dyn FnMut(&Entry) -> bool) -> Result<Entries, ConntrackError> {
        let now = self.n_readings;
        self.n_readings += 1;
        let (arrived, late) = std::mem::take(&mut self.late).into_iter().partition(|(reading, _)| *reading <= now);
        self.late = late;
        let arrived: Vec<(usize, Entry)> = arrived;
        self.entries.extend(arrived.into_iter().map(|(_, entry)| (entry.flow.id, entry)));
        let wanted: Vec<&Entry> = self.entries.values().filter(|entry| filter.wants(entry)).collect();
        let n_read = wanted.len();
        Ok(Entries { kept: wanted.into_iter().filter(|entry| keep(entry)).cloned().collect(), n_read })
    }

    fn mark(&mut self, mask: u32, changes: &[Change]) -> Result<Marked, ConntrackError> {
        self.n_calls += 1;
        let mut marked = Marked::default();
        for Change { flow, bit } in changes {
            let Some(entry) = self.entries.get_mut(&flow.id) else {
                marked.n_gone += 1;
                continue;
            };
            entry.mark = match bit {
                Bit::Set => entry.mark | mask,
                Bit::Cleared => entry.mark & !mask,
            };
            marked.n_changed += 1;
        }
        Ok(marked)
    }
}
