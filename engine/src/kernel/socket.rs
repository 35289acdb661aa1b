//! The netlink socket: one question or one batch at a time.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use libc::{EAGAIN, EINTR, EMSGSIZE, ENOBUFS, MSG_DONTWAIT};

use super::KernelError;
use super::ffi;
use super::message::{Content, Messages, Subsystem};

/// How much the kernel may answer before it drops answers, in bytes: a batch with 64,000 refused operations.
const RECEIVE_BUFFER: usize = 64 << 20;

/// How much is received at once, in bytes; the kernel sends dumps in pieces of at most 32 KiB.
const PIECE: usize = 256 << 10;

/// How long the kernel may be silent within an answer. It answers while it is asked, so silence is a lost answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Attempts at a call that signals interrupt.
const INTERRUPTIONS_MAX: u32 = 1_000;

/// `NETLINK_CAP_ACK` and `NETLINK_EXT_ACK` of linux/netlink.h.
const CAP_ACK: libc::c_int = libc::NETLINK_CAP_ACK;
const EXT_ACK: libc::c_int = libc::NETLINK_EXT_ACK;

/// A socket to nf_tables, or to another subsystem of netfilter.
#[derive(Debug)]
pub(super) struct Socket {
    mnl: ffi::Socket,
    subsystem: Subsystem,
    buffer: Vec<u8>,
    /// The largest message that the kernel takes, in bytes, as far as asked for.
    send_room: usize,
    seq: u32,
}

/// One error of the kernel's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Failure {
    /// Number of the message.
    pub(super) seq: u32,
    /// Positive.
    pub(super) errno: i32,
    /// Where in the message.
    pub(super) offset: Option<u32>,
    /// In the kernel's words.
    pub(super) message: Option<Box<str>>,
}

/// What came back after a batch.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Answer {
    /// Errors, in the order of the messages.
    pub(super) failures: Vec<Failure>,
    /// Messages that were acknowledged.
    pub(super) acks: Vec<u32>,
    /// Whether the kernel dropped some of what it had to say.
    pub(super) is_incomplete: bool,
}

impl Socket {
    /// Opens one.
    ///
    /// # Errors
    /// [`KernelError::Io`].
    pub(super) fn open() -> Result<Self, KernelError> {
        Self::with_buffer(RECEIVE_BUFFER)
    }

    /// Opens one for which the kernel keeps this many bytes at most.
    ///
    /// # Errors
    /// [`KernelError::Io`].
    pub(super) fn with_buffer(bytes: usize) -> Result<Self, KernelError> {
        Self::to(Subsystem::Nftables, bytes)
    }

    /// The same, to this subsystem.
    ///
    /// # Errors
    /// [`KernelError::Io`].
    pub(super) fn to(subsystem: Subsystem, bytes: usize) -> Result<Self, KernelError> {
        let mnl = ffi::Socket::open(libc::NETLINK_NETFILTER)?;
        let this = Self { mnl, subsystem, buffer: vec![0; PIECE], send_room: 0, seq: 1 };
        ffi::set_netlink_option(this.descriptor(), CAP_ACK, 1)?;
        ffi::set_netlink_option(this.descriptor(), EXT_ACK, 1)?;
        this.set_patience(PATIENCE)?;
        // Without the right to force it, the system's maximum has to do: then answers may be lost, which is noticed.
        if this.force(libc::SO_RCVBUFFORCE, bytes).is_err() {
            this.force(libc::SO_RCVBUF, bytes)?;
        }
        Ok(this)
    }

    /// For waiting on it.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.mnl.as_fd()
    }

    /// The port that the kernel knows it by.
    pub(super) fn port(&self) -> u32 {
        self.mnl.port()
    }

    /// Numbers for this many messages, that no earlier message had.
    pub(super) fn number(&mut self, n_messages: u32) -> u32 {
        let first = self.seq;
        // Zero is the kernel's own.
        self.seq = first.checked_add(n_messages).unwrap_or(1);
        first
    }

    /// How long a receive waits.
    ///
    /// # Errors
    /// [`KernelError::Io`].
    pub(super) fn set_patience(&self, patience: Duration) -> Result<(), KernelError> {
        Ok(ffi::set_receive_timeout(self.descriptor(), patience)?)
    }

    /// Joins a multicast group.
    ///
    /// # Errors
    /// [`KernelError::Io`], [`KernelError::Denied`].
    pub(super) fn join(&self, group: libc::c_int) -> Result<(), KernelError> {
        ffi::set_netlink_option(self.descriptor(), libc::NETLINK_ADD_MEMBERSHIP, group).map_err(denied_or_io)
    }

    /// Sends a batch and takes what the kernel says to it. The kernel is done when the call that sends returns.
    ///
    /// # Errors
    /// [`KernelError::TooLarge`], [`KernelError::Denied`], [`KernelError::Io`]; nothing was done then.
    pub(super) fn transact(&mut self, batch: &[u8]) -> Result<Answer, KernelError> {
        self.discard()?;
        self.send(batch)?;
        let mut answer = Answer::default();
        loop {
            match self.receive(MSG_DONTWAIT) {
                Ok(length) => {
                    for received in Messages::of(self.subsystem, self.buffer.get(..length).unwrap_or(&[])) {
                        match received.content {
                            Content::Error { errno: 0, .. } => answer.acks.push(received.seq),
                            Content::Error { errno, offset, message } => answer.failures.push(Failure {
                                seq: received.seq,
                                errno,
                                offset,
                                message: message.map(Into::into),
                            }),
                            Content::Object { .. } | Content::Done { .. } | Content::Other => {}
                        }
                    }
                }
                Err(error) if error.raw_os_error() == Some(ENOBUFS) => answer.is_incomplete = true,
                Err(error) if error.raw_os_error() == Some(EAGAIN) => return Ok(answer),
                // The batch is with the kernel, so what became of it is open.
                Err(_) => {
                    answer.is_incomplete = true;
                    return Ok(answer);
                }
            }
        }
    }

    /// Asks, and hands every object of the answer to `each`, until the answer ends: with the end of a dump, or with
    /// an acknowledgement. Returns whether the answer is of one piece.
    ///
    /// # Errors
    /// The kernel's errno as [`KernelError::Io`], [`KernelError::Denied`].
    pub(super) fn ask(
        &mut self,
        seq: u32,
        request: &[u8],
        mut each: impl FnMut(u16, u8, super::attribute::Attributes<'_>),
    ) -> Result<Wholeness, KernelError> {
        self.ask_some(seq, request, |kind, family, attributes| {
            each(kind, family, attributes);
            ControlFlow::Continue(())
        })
    }

    /// The same until `each` has enough: the answer then counts as interrupted, and the socket is of no more use, because
    /// its rest would have to be read first.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) fn ask_some(
        &mut self,
        seq: u32,
        request: &[u8],
        mut each: impl FnMut(u16, u8, super::attribute::Attributes<'_>) -> ControlFlow<()>,
    ) -> Result<Wholeness, KernelError> {
        self.discard()?;
        self.send(request)?;
        let mut wholeness = Wholeness::Whole;
        loop {
            let length = self.receive(0).map_err(denied_or_io)?;
            for received in Messages::of(self.subsystem, self.buffer.get(..length).unwrap_or(&[])) {
                if received.seq != seq {
                    continue;
                }
                if received.is_interrupted {
                    wholeness = Wholeness::Interrupted;
                }
                match received.content {
                    Content::Object { kind, family, attributes } => {
                        if each(kind, family, attributes).is_break() {
                            return Ok(Wholeness::Interrupted);
                        }
                    }
                    Content::Done { errno: 0 } | Content::Error { errno: 0, .. } => return Ok(wholeness),
                    // A dump that meets a commit may end this way, too.
                    Content::Done { errno: EINTR } | Content::Error { errno: EINTR, .. } => {
                        return Ok(Wholeness::Interrupted);
                    }
                    Content::Done { errno } | Content::Error { errno, .. } => {
                        return Err(denied_or_io(io::Error::from_raw_os_error(errno)));
                    }
                    Content::Other => {}
                }
            }
        }
    }

    /// Receives one datagram of the kernel's into the buffer.
    ///
    /// # Errors
    /// What recvfrom says, interruptions aside.
    fn receive(&mut self, flags: libc::c_int) -> io::Result<usize> {
        receive_from_kernel(self.mnl.as_fd(), &mut self.buffer, flags)
    }

    /// Receives one datagram of notifications.
    ///
    /// # Errors
    /// What recvfrom says, interruptions aside.
    pub(super) fn receive_datagram(&mut self) -> io::Result<&[u8]> {
        let length = self.receive(0)?;
        Ok(self.buffer.get(..length).unwrap_or(&[]))
    }

    /// Throws away what is left of an answer that was given up on.
    fn discard(&mut self) -> Result<(), KernelError> {
        loop {
            match self.receive(MSG_DONTWAIT) {
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(ENOBUFS) => {}
                Err(error) if error.raw_os_error() == Some(EAGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends all of it as one datagram.
    fn send(&mut self, bytes: &[u8]) -> Result<(), KernelError> {
        if bytes.len() > self.send_room {
            // Where forcing is not permitted, sending decides.
            if self.force(libc::SO_SNDBUFFORCE, bytes.len()).is_err() {
                self.force(libc::SO_SNDBUF, bytes.len())?;
            }
            self.send_room = bytes.len();
        }
        for _ in 0..INTERRUPTIONS_MAX {
            match self.mnl.send(bytes) {
                Ok(length) if length == bytes.len() => return Ok(()),
                Ok(_) => return Err(KernelError::TooLarge { bytes: bytes.len() }),
                Err(error) if error.raw_os_error() == Some(EINTR) => {}
                Err(error) if matches!(error.raw_os_error(), Some(EMSGSIZE | ENOBUFS)) => {
                    return Err(KernelError::TooLarge { bytes: bytes.len() });
                }
                Err(error) => return Err(denied_or_io(error)),
            }
        }
        Err(io::Error::from_raw_os_error(EINTR).into())
    }

    fn force(&self, option: libc::c_int, bytes: usize) -> Result<(), KernelError> {
        let value = libc::c_int::try_from(bytes).map_err(|_| KernelError::TooLarge { bytes })?;
        Ok(ffi::set_socket_option(self.descriptor(), option, value)?)
    }
}

/// Whether an answer shows one state, or a commit came in between.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wholeness {
    /// One state.
    Whole,
    /// To be asked again.
    Interrupted,
}

/// Permission is a case of its own.
pub(super) fn denied_or_io(error: io::Error) -> KernelError {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => KernelError::Denied(None),
        _ => KernelError::Io(error),
    }
}

/// Receives one datagram that the kernel itself has sent; others are passed over.
pub(super) fn receive_from_kernel(socket: BorrowedFd<'_>, buffer: &mut [u8], flags: libc::c_int) -> io::Result<usize> {
    let mut n_interruptions = 0;
    loop {
        match ffi::receive(socket, buffer, flags) {
            Ok(datagram) if datagram.sender == 0 => return Ok(datagram.length),
            Ok(_) => {}
            Err(error) if error.raw_os_error() == Some(EINTR) && n_interruptions < INTERRUPTIONS_MAX => {
                n_interruptions += 1;
            }
            Err(error) => return Err(error),
        }
    }
}
