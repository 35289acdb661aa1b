//! What arrives in a namespace, seen before anything there could filter it.

use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmsg};
use socket2::{Domain, Protocol, Socket, Type};

use super::LabError;
use super::namespace::Namespace;

/// `ETH_P_ALL`.
const EVERY_PROTOCOL: u16 = 3;
/// `PACKET_OUTGOING`: what the namespace itself sends.
const OUTGOING: u8 = 4;
/// Longest packet that is kept, in bytes.
const PACKET_MAX: usize = 2048;
/// How long a packet may take on a machine that is busy.
const SETTLE: Duration = Duration::from_secs(10);
/// Between two looks at what has come.
const PAUSE: Duration = Duration::from_millis(1);

/// Everything that arrives in a namespace from when it was opened.
#[derive(Debug)]
pub struct Capture {
    socket: Socket,
    seen: Vec<Vec<u8>>,
}

impl Capture {
    /// Starts to look.
    ///
    /// # Errors
    /// [`LabError::Io`].
    pub fn open(namespace: &Namespace) -> Result<Self, LabError> {
        let open = || -> io::Result<Socket> {
            let protocol = Protocol::from(i32::from(EVERY_PROTOCOL.to_be()));
            let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let socket = namespace
            .run(open)?
            .map_err(|source| LabError::io(format!("capturing in {}", namespace.label()), source))?;
        Ok(Self { socket, seen: Vec::new() })
    }

    /// Whether a packet with these bytes in it has arrived so far.
    ///
    /// # Errors
    /// [`LabError::Io`].
    pub fn has(&mut self, bytes: &[u8]) -> Result<bool, LabError> {
        self.drain().map_err(|source| LabError::io("capturing", source))?;
        Ok(self.seen.iter().any(|packet| packet.windows(bytes.len()).any(|window| window == bytes)))
    }

    /// Waits until a packet with these bytes in it arrives. What the same sender sent before it by the same way has
    /// then arrived too, or never will.
    ///
    /// # Errors
    /// [`LabError::Silent`] if none does.
    pub fn wait_for(&mut self, bytes: &[u8]) -> Result<(), LabError> {
        let start = Instant::now();
        while !self.has(bytes)? {
            if start.elapsed() > SETTLE {
                return Err(LabError::Silent(String::from_utf8_lossy(bytes).into()));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        loop {
            let mut buffer = [0; PACKET_MAX];
            let mut slices = [IoSliceMut::new(&mut buffer)];
            let flags = MsgFlags::MSG_DONTWAIT;
            let message = match recvmsg::<SockaddrStorage>(self.socket.as_raw_fd(), &mut slices, None, flags) {
                Ok(message) => (message.bytes, message.address),
                Err(Errno::EAGAIN) => return Ok(()),
                Err(Errno::EINTR | Errno::ENETDOWN) => continue,
                Err(errno) => return Err(errno.into()),
            };
            let (length, from) = message;
            let link = from.as_ref().and_then(SockaddrStorage::as_link_addr);
            if link.is_none_or(|link| link.pkttype() != OUTGOING) {
                self.seen.extend(buffer.get(..length).map(<[u8]>::to_vec));
            }
        }
    }
}
