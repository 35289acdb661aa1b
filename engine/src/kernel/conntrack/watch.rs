//! What becomes of flows while they live: new ones, and changes of those that there are, their marks among them.
//!
//! A kernel with `net.netfilter.nf_conntrack_events` at 2, the default since 5.19, tells only of flows that began after
//! somebody listened: the watch is opened before anything is relied on, and flows from before are asked for again.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::{ConntrackError, Entry, decode};
use crate::kernel::message::{Content, Messages, Subsystem};
use crate::kernel::socket::{Socket, denied_or_io};

/// `NFNLGRP_CONNTRACK_NEW`, `NFNLGRP_CONNTRACK_UPDATE`.
const GROUPS: [libc::c_int; 2] = [1, 2];

/// Room for notices that have not been listened to, in bytes: 30,000 new flows.
const BUFFER: usize = 16 << 20;

/// Listens to the flows of the network namespace that it was opened in.
#[derive(Debug)]
pub struct Watch {
    socket: Socket,
    ready: VecDeque<Notice>,
}

/// What was heard.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// A flow as it is now: it is new, or something of it changed.
    Flow(Entry),
    /// Some notices were missed, because they came faster than they were listened to: read the entries.
    Lost,
}

impl Watch {
    /// Listens from here on.
    ///
    /// # Errors
    /// [`ConntrackError::Denied`], [`ConntrackError::Io`].
    pub fn open() -> Result<Self, ConntrackError> {
        Self::with_buffer(BUFFER)
    }

    /// The same, with this many bytes for notices that have not been listened to; the kernel rounds up.
    ///
    /// # Errors
    /// As [`Watch::open`].
    pub fn with_buffer(bytes: usize) -> Result<Self, ConntrackError> {
        let socket = Socket::to(Subsystem::Conntrack, bytes)?;
        for group in GROUPS {
            socket.join(group)?;
        }
        Ok(Self { socket, ready: VecDeque::new() })
    }

    /// The next notice, or nothing if the kernel is silent for so long, rounded up to a millisecond.
    ///
    /// # Errors
    /// [`ConntrackError::Denied`], [`ConntrackError::Io`].
    pub fn next(&mut self, patience: Duration) -> Result<Option<Notice>, ConntrackError> {
        // Zero would be for ever.
        self.socket.set_patience(patience.max(Duration::from_millis(1)))?;
        loop {
            if let Some(notice) = self.ready.pop_front() {
                return Ok(Some(notice));
            }
            match self.socket.receive_datagram() {
                Ok(datagram) => self.ready.extend(flows(datagram)),
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => return Ok(None),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Ok(Some(Notice::Lost)),
                Err(error) => return Err(denied_or_io(error).into()),
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.descriptor()
    }
}

fn flows(datagram: &[u8]) -> impl Iterator<Item = Notice> + '_ {
    Messages::of(Subsystem::Conntrack, datagram).filter_map(|received| match received.content {
        Content::Object { family, attributes, .. } => decode::entry(family, attributes).map(Notice::Flow),
        Content::Done { .. } | Content::Error { .. } | Content::Other => None,
    })
}
