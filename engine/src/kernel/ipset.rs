//! The names of the sets of the ipset program, without what is in them.

use std::ops::ControlFlow;

use super::KernelError;
use super::attribute::push;
use super::message::{DUMP, Subsystem, request_to};
use super::socket::Socket;

/// `IPSET_CMD_LIST`.
const LIST: u16 = 7;

/// `IPSET_ATTR_PROTOCOL` and its oldest version in use, `IPSET_ATTR_SETNAME`, `IPSET_ATTR_FLAGS`.
const PROTOCOL: u16 = 1;
const PROTOCOL_VERSION: u8 = 6;
const NAME: u16 = 2;
const FLAGS: u16 = 6;

/// `IPSET_FLAG_LIST_SETNAME`: names only.
const NAMES_ONLY: u32 = 1 << 1;

/// `NLA_F_NET_BYTEORDER`, which ipset wants to be said of its numbers.
const NETWORK_ORDER: u16 = 1 << 14;

/// Bytes that the kernel keeps for us; a dump comes in pieces.
const BUFFER: usize = 1 << 20;

/// At most so many of the names of this network namespace's sets; none where the kernel has no ipset.
///
/// # Errors
/// [`KernelError::Denied`], [`KernelError::Io`].
pub fn ipset_names(most: usize) -> Result<Vec<Box<str>>, KernelError> {
    let mut socket = Socket::to(Subsystem::Ipset, BUFFER)?;
    let seq = socket.number(1);
    let mut attributes = Vec::new();
    push(&mut attributes, PROTOCOL, &[PROTOCOL_VERSION]);
    push(&mut attributes, FLAGS | NETWORK_ORDER, &NAMES_ONLY.to_be_bytes());
    let request = request_to(Subsystem::Ipset, LIST, DUMP, 0, seq, &attributes);
    let mut names = Vec::new();
    let asked = socket.ask_some(seq, &request, |_, _, attributes| {
        names.extend(attributes.text(NAME).map(Box::from));
        if names.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    match asked {
        Ok(_) => Ok(names),
        // A kernel without ipset, or one that is too new for this version of its protocol: nothing to be named either way.
        Err(KernelError::Io(error)) if error.raw_os_error() == Some(libc::EINVAL) => Ok(names),
        Err(error) => Err(error),
    }
}
