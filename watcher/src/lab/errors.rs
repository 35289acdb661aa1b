//! ICMP errors from the queue in which the kernel keeps them, together with the packets that caused them.

use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd as _;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Socket};

/// More than the kernel's description of an error takes, in bytes.
const CONTROL_MAX: usize = 512;

/// Has the kernel keep all errors, not only those that it holds to be final.
pub(super) fn keep(socket: &Socket) -> io::Result<()> {
    if socket.domain()? == Domain::IPV4 {
        setsockopt(socket, sockopt::Ipv4RecvErr, &true)?;
    } else {
        setsockopt(socket, sockopt::Ipv6RecvErr, &true)?;
    }
    Ok(())
}

/// The next error, and how many bytes of the packet that caused it, from its transport header on, are in the buffer;
/// `None` if there is no error.
pub(super) fn next(socket: &Socket, buffer: &mut [u8]) -> io::Result<Option<(Errno, usize)>> {
    let mut control = [0; CONTROL_MAX];
    let mut slices = [IoSliceMut::new(buffer)];
    let message = match recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut slices,
        Some(&mut control),
        MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT,
    ) {
        Ok(message) => message,
        Err(Errno::EAGAIN) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    let errno = message.cmsgs()?.find_map(|control| {
        use ControlMessageOwned::{Ipv4RecvErr, Ipv6RecvErr};
        let (Ipv4RecvErr(error, _) | Ipv6RecvErr(error, _)) = control else { return None };
        i32::try_from(error.ee_errno).ok().map(Errno::from_raw)
    });
    Ok(Some((errno.unwrap_or(Errno::UnknownErrno), message.bytes)))
}
