//! A kernel in memory: it keeps state and refuses what nf_tables refuses, with the same error numbers.
//!
//! It knows tables with owners, references, types and overlaps of elements, jump depth and loops, and which
//! expression a hook allows. Several sockets can share one network namespace, as processes do. It forwards no
//! packets: what a ruleset means is the simulator's business.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::namespace::Namespace;
use super::{Features, Guard, Kernel, KernelError, Rejection};
use crate::observed::{KernelGeneration, Observed};
use crate::plan::Op;
use crate::ruleset::{Name, Ruleset, TableKey};

mod elements;
mod errno;
mod hooks;
mod namespace;
mod reach;
mod references;
mod rules;

/// One socket of a fake network namespace.
#[derive(Debug)]
pub struct Fake {
    namespace: Arc<Mutex<Namespace>>,
    /// Tells the owners of tables apart, as the port of a netlink socket does.
    port: u32,
}

impl Fake {
    /// A new, empty network namespace of a kernel with these features.
    pub fn new(features: Features) -> Self {
        Self { namespace: Arc::new(Mutex::new(Namespace::new(features))), port: 1 }
    }

    /// An empty namespace of a kernel that can do everything.
    pub fn current() -> Self {
        Self::new(Features { owner: true, persist: true, ack_on_end: true })
    }

    /// Another socket in the same network namespace; a process of its own, as far as owners go.
    #[must_use]
    pub fn socket(&self) -> Self {
        let port = self.namespace().next_port();
        Self { namespace: Arc::clone(&self.namespace), port }
    }

    /// Packets pass a named counter. Nothing happens if there is none.
    pub fn count(&self, table: &TableKey, counter: &Name, packets: u64, bytes: u64) {
        let mut namespace = self.namespace();
        let table = namespace.state.tables.get_mut(table);
        if let Some(counter) = table.and_then(|table| table.counters.get_mut(counter)) {
            counter.packets += packets;
            counter.bytes += bytes;
        }
    }

    /// Everything there is, with handles and counters.
    pub fn state(&self) -> Observed {
        self.namespace().state.clone()
    }

    /// Everything there is, as a ruleset to compare with a desired one: without what the kernel adds, and without
    /// rules that palisade cannot describe.
    pub fn ruleset(&self) -> Ruleset {
        self.state().to_ruleset()
    }

    /// Somebody changes the state past all checks, as a stranger with nft could have before; a commit of its own.
    pub fn tamper(&self, change: impl FnOnce(&mut Observed)) {
        self.namespace().tamper(change);
    }

    fn namespace(&self) -> MutexGuard<'_, Namespace> {
        self.namespace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kernel for Fake {
    fn features(&self) -> Features {
        self.namespace().features
    }

    fn generation(&mut self) -> Result<KernelGeneration, KernelError> {
        Ok(self.namespace().state.generation)
    }

    fn observe(&mut self, tables: &[TableKey]) -> Result<Observed, KernelError> {
        let namespace = self.namespace();
        let state = &namespace.state;
        let asked = tables.iter().filter_map(|key| Some((key.clone(), state.tables.get(key)?.clone())));
        Ok(Observed { generation: state.generation, tables: asked.collect() })
    }

    fn commit(&mut self, ops: &[Op], guard: Guard) -> Result<(), KernelError> {
        self.namespace().commit(self.port, ops, guard)
    }

    fn check(&mut self, ops: &[Op]) -> Result<(), KernelError> {
        self.namespace().check(self.port, ops)
    }
}

/// The kernel closes the socket: an owned table becomes an orphan if it persists, and goes otherwise.
impl Drop for Fake {
    fn drop(&mut self) {
        self.namespace().close(self.port);
    }
}

fn rejection(index: usize, op: &Op, errno: errno::Errno) -> Rejection {
    Rejection { op: index, what: op.to_string().into(), errno: errno.number(), offset: None, message: None }
}
