//! Raw SCTP sockets: the kernel's IP, our own transport.

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd as _;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmsg};
use socket2::{Domain, Protocol, Socket, Type};

use super::errors;
use super::packet::{self, Sctp, SctpChunk};
use super::probe::patiently;

/// SCTP's protocol number.
const IPPROTO_SCTP: i32 = 132;
/// More than any packet of the laboratory has.
const PACKET_MAX: usize = 2048;

/// A raw socket of one family.
#[derive(Debug)]
pub(super) struct Raw {
    socket: Socket,
    version: Version,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Version {
    V4,
    V6,
}

/// What came in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arrival {
    /// A packet, and who sent it.
    Packet(IpAddr, Sctp),
    /// Somebody on the way refused the packet with these ports.
    Refused(u16, u16, Errno),
}

impl Raw {
    /// A socket that receives the SCTP packets of its namespace that are for this address, or for any.
    pub(super) fn open(address: IpAddr) -> io::Result<Self> {
        let (domain, version) = match address {
            IpAddr::V4(_) => (Domain::IPV4, Version::V4),
            IpAddr::V6(_) => (Domain::IPV6, Version::V6),
        };
        let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(IPPROTO_SCTP)))?;
        socket.set_nonblocking(true)?;
        errors::keep(&socket)?;
        if !address.is_unspecified() {
            socket.bind(&SocketAddr::new(address, 0).into())?;
        }
        Ok(Self { socket, version })
    }

    /// For waiting on it.
    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Sends a packet.
    pub(super) fn send(&self, to: IpAddr, packet: &Sctp) -> io::Result<()> {
        let bytes = packet.encode();
        let to = SocketAddr::new(to, 0).into();
        match patiently(|| self.socket.send_to(&bytes, &to)) {
            // An answer to an earlier packet is reported at the next send, which then sends nothing.
            Err(error) if error.raw_os_error() != Some(Errno::EPERM as i32) => {
                patiently(|| self.socket.send_to(&bytes, &to))
            }
            result => result,
        }
    }

    /// The next arrival; `None` if nothing more has come.
    pub(super) fn receive(&self) -> io::Result<Option<Arrival>> {
        loop {
            if let Some(refusal) = self.refusal()? {
                return Ok(Some(refusal));
            }
            let mut buffer = [0; PACKET_MAX];
            let received = recvmsg::<SockaddrStorage>(
                self.socket.as_raw_fd(),
                &mut [IoSliceMut::new(&mut buffer)],
                None,
                MsgFlags::MSG_DONTWAIT,
            )
            .map(|message| (message.bytes, message.address));
            let (length, from) = match received {
                Ok((length, address)) => (length, address.and_then(|address| ip_of(&address))),
                Err(Errno::EAGAIN) => return Ok(None),
                // What is in the queue of errors has arrived since it was looked at.
                Err(Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EACCES) => continue,
                Err(errno) => return Err(errno.into()),
            };
            let packet = buffer.get(..length).and_then(|packet| match self.version {
                Version::V4 => packet::after_ipv4(packet),
                Version::V6 => Some(packet),
            });
            if let (Some(from), Some(packet)) = (from, packet.and_then(Sctp::decode)) {
                return Ok(Some(Arrival::Packet(from, packet)));
            }
        }
    }

    /// The next ICMP error.
    fn refusal(&self) -> io::Result<Option<Arrival>> {
        let mut buffer = [0; PACKET_MAX];
        let Some((errno, length)) = errors::next(&self.socket, &mut buffer)? else { return Ok(None) };
        let ports = buffer.get(..length).and_then(packet::ports_of);
        Ok(ports.map(|(source, destination)| Arrival::Refused(source, destination, errno)))
    }
}

/// What is expected on the two raw sockets of a place, by the port from which it was asked.
#[derive(Debug, Default)]
pub(super) struct Initiator {
    pub(super) v4: Option<Raw>,
    pub(super) v6: Option<Raw>,
    waiting: BTreeMap<(u16, u16), usize>,
}

/// What became of an INIT.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reply {
    Agreed,
    Aborted,
    Refused(Errno),
}

impl Initiator {
    /// Sends an INIT on behalf of a probe.
    pub(super) fn ask(&mut self, probe: usize, to: IpAddr, source: u16, destination: u16) -> io::Result<()> {
        let raw = match to {
            IpAddr::V4(_) => opened(&mut self.v4, Ipv4Addr::UNSPECIFIED.into())?,
            IpAddr::V6(_) => opened(&mut self.v6, Ipv6Addr::UNSPECIFIED.into())?,
        };
        self.waiting.insert((source, destination), probe);
        let tag = u32::from(source) << 16 | u32::from(destination);
        raw.send(to, &Sctp { source, destination, verification: 0, chunk: SctpChunk::Init { tag } })
    }

    /// What has come for whom.
    pub(super) fn replies(&mut self) -> io::Result<Vec<(usize, Reply)>> {
        let mut replies = Vec::new();
        for raw in [&self.v4, &self.v6].into_iter().flatten() {
            while let Some(arrival) = raw.receive()? {
                let (ports, reply) = match arrival {
                    Arrival::Refused(source, destination, errno) => ((source, destination), Reply::Refused(errno)),
                    Arrival::Packet(_, packet) => {
                        let ports = (packet.destination, packet.source);
                        match packet.chunk {
                            SctpChunk::Init { .. } => continue,
                            SctpChunk::InitAck { .. } => (ports, Reply::Agreed),
                            SctpChunk::Abort => (ports, Reply::Aborted),
                        }
                    }
                };
                replies.extend(self.waiting.remove(&ports).map(|probe| (probe, reply)));
            }
        }
        Ok(replies)
    }
}

fn opened(slot: &mut Option<Raw>, any: IpAddr) -> io::Result<&Raw> {
    match slot {
        Some(raw) => Ok(raw),
        None => Ok(slot.insert(Raw::open(any)?)),
    }
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}
