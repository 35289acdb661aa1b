//! Connection tracking by netlink.

use std::io;

use super::decode;
use super::{Change, Conntrack, ConntrackError, Entries, Entry, Filter, Marked};
use crate::kernel::KernelError;
use crate::kernel::message::{ACK, DUMP, Subsystem, request_to};
use crate::kernel::socket::{Socket, Wholeness};

/// `IPCTNL_MSG_CT_NEW`, which without `NLM_F_CREATE` changes what is there, `IPCTNL_MSG_CT_GET`, and
/// `IPCTNL_MSG_CT_GET_STATS`.
const NEW: u16 = 0;
const GET: u16 = 1;
const GET_STATS: u16 = 5;

/// How often a reading starts again. Each attempt at 100,000 entries takes a quarter of a second.
const ATTEMPTS_MAX: u32 = 5;

/// Changes in one call, of 130 bytes each. Every one may be answered with an error.
const CHANGES_AT_ONCE: usize = 500;

/// How much the kernel may answer before it drops answers, in bytes: a dump in pieces, or the errors of one call.
const BUFFER: usize = 8 << 20;

/// Connection tracking of the network namespace that it was opened in.
#[derive(Debug)]
pub struct Ctnetlink {
    socket: Socket,
}

impl Ctnetlink {
    /// Opens connection tracking of the calling thread's network namespace.
    ///
    /// # Errors
    /// [`ConntrackError::Denied`], [`ConntrackError::Io`].
    pub fn open() -> Result<Self, ConntrackError> {
        Ok(Self { socket: Socket::to(Subsystem::Conntrack, BUFFER)? })
    }

    fn read(
        &mut self,
        filter: &Filter,
        keep: &mut dyn FnMut(&Entry) -> bool,
    ) -> Result<(Entries, Wholeness), KernelError> {
        let seq = self.socket.number(1);
        let (family, attributes) = decode::question(filter);
        let request = request_to(Subsystem::Conntrack, GET, DUMP, family, seq, &attributes);
        let mut entries = Entries::default();
        let wholeness = self.socket.ask(seq, &request, |_, family, attributes| {
            let Some(entry) = decode::entry(family, attributes) else { return };
            entries.n_read += 1;
            if filter.wants(&entry) && keep(&entry) {
                entries.kept.push(entry);
            }
        })?;
        Ok((entries, wholeness))
    }

    fn change(&mut self, mask: u32, changes: &[Change]) -> Result<Marked, ConntrackError> {
        let n_messages = u32::try_from(changes.len()).unwrap_or(u32::MAX);
        let first = self.socket.number(n_messages);
        let mut batch = Vec::new();
        for (seq, Change { flow, bit }) in (first..).zip(changes) {
            let (family, attributes) = decode::change(flow, *bit, mask);
            // Nothing is acknowledged: silence means that it was done.
            batch.extend(request_to(Subsystem::Conntrack, NEW, 0, family, seq, &attributes));
            batch.resize(batch.len().next_multiple_of(4), 0);
        }
        let answer = self.socket.transact(&batch)?;
        let mut marked = Marked { n_changed: changes.len(), n_gone: 0 };
        for failure in &answer.failures {
            match failure.errno {
                libc::ENOENT => marked.n_gone += 1,
                libc::EPERM | libc::EACCES => return Err(ConntrackError::Denied),
                errno => return Err(io::Error::from_raw_os_error(errno).into()),
            }
        }
        marked.n_changed = marked.n_changed.saturating_sub(marked.n_gone);
        Ok(marked)
    }
}

impl Conntrack for Ctnetlink {
    fn count(&mut self) -> Result<usize, ConntrackError> {
        let seq = self.socket.number(1);
        let request = request_to(Subsystem::Conntrack, GET_STATS, ACK, 0, seq, &[]);
        let mut count = None;
        self.socket.ask(seq, &request, |_, _, attributes| count = count.or(decode::count(attributes)))?;
        let count = count.ok_or_else(|| io::Error::other("no count of entries came back"))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn entries(&mut self, filter: &Filter, keep: &mut dyn FnMut(&Entry) -> bool) -> Result<Entries, ConntrackError> {
        for _ in 0..ATTEMPTS_MAX {
            match self.read(filter, keep) {
                Ok((entries, Wholeness::Whole)) => return Ok(entries),
                Ok((_, Wholeness::Interrupted)) => {}
                Err(KernelError::Io(error)) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ConntrackError::Unsteady { attempts: ATTEMPTS_MAX })
    }

    fn mark(&mut self, mask: u32, changes: &[Change]) -> Result<Marked, ConntrackError> {
        let mut all = Marked::default();
        for some in changes.chunks(CHANGES_AT_ONCE) {
            let Marked { n_changed, n_gone } = self.change(mask, some)?;
            all.n_changed += n_changed;
            all.n_gone += n_gone;
        }
        Ok(all)
    }
}

impl From<KernelError> for ConntrackError {
    fn from(error: KernelError) -> Self {
        match error {
            KernelError::Denied(_) => Self::Denied,
            KernelError::Io(error) => Self::Io(error),
            KernelError::Conflict { .. }
            | KernelError::Rejected(_)
            | KernelError::Unknown
            | KernelError::Moving { .. }
            | KernelError::TooLarge { .. }
            | KernelError::Malformed(_) => Self::Io(io::Error::other(error)),
        }
    }
}
