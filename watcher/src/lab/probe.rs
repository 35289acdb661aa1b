//! Probes: one question each, and what became of it.

use std::fmt;
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Protocol, Socket, Type};

use super::LabError;
use super::errors;
use super::packet::{ECHO_REQUEST4, ECHO_REQUEST6};
use super::raw::{Initiator, Reply};
use super::service::Service;

/// How many probes of one place are under way at once: well below a socket's backlog and a process's descriptors.
const IN_FLIGHT: usize = 256;
/// How often a packet is sent again for which there was no room, and how long after.
const SEND_TRIES: usize = 100;
const SEND_PAUSE: Duration = Duration::from_millis(2);
/// The ports from which questions come.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 40_000;
/// From which port the next question comes. Each comes from another, so that none continues a connection that an
/// earlier question left in somebody's connection tracking; after 40,000 of them those are forgotten.
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// One question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Probe {
    /// The name of who asks.
    pub from: Box<str>,
    /// Whom.
    pub to: IpAddr,
    /// What for.
    pub service: Service,
}

/// What became of a probe.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// It was answered by the service.
    Open,
    /// A TCP reset, an SCTP ABORT, or an ICMP port unreachable.
    Refused,
    /// Any other ICMP error, or no route.
    Unreachable,
    /// Nothing came back.
    #[default]
    Dropped,
}

/// An outcome, and who answered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    /// What became of it.
    pub outcome: Outcome,
    /// The name of the host that answered; TCP and UDP tell it.
    pub by: Option<Box<str>>,
}

/// How long to wait until what has not been answered counts as dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Patience {
    /// After the last answer that came to the same place.
    pub quiet: Duration,
}

impl Default for Patience {
    /// A quarter of a second: answers within one machine take microseconds, a busy machine included.
    fn default() -> Self {
        Self { quiet: Duration::from_millis(250) }
    }
}

impl Patience {
    /// For asking again what should have been answered, on a machine that does much else.
    pub const LONG: Self = Self { quiet: Duration::from_millis(1500) };
}

/// Sends probes from the namespace of the calling thread and waits for what comes back.
pub(super) fn run(probes: &[&Probe], patience: Patience) -> Result<Vec<Answer>, LabError> {
    let mut answers = Vec::with_capacity(probes.len());
    for round in probes.chunks(IN_FLIGHT) {
        let mut answered = vec![None; round.len()];
        ask(round, patience, &mut answered).map_err(|source| LabError::io("probing", source))?;
        answers.extend(answered.into_iter().map(Option::unwrap_or_default));
    }
    Ok(answers)
}

fn ask(probes: &[&Probe], patience: Patience, answers: &mut [Option<Answer>]) -> io::Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let mut initiator = Initiator::default();
    let mut sockets = Vec::with_capacity(probes.len());
    for (idx, (probe, answer)) in probes.iter().zip(answers.iter_mut()).enumerate() {
        match start(probe, idx, &mut initiator) {
            Ok(socket) => {
                if let Some(socket) = &socket {
                    epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, key(idx)))?;
                }
                sockets.push(socket);
            }
            Err(error) => {
                *answer = Some(Answer { outcome: outcome_of(error)?, by: None });
                sockets.push(None);
            }
        }
    }
    for raw in [&initiator.v4, &initiator.v6].into_iter().flatten() {
        epoll.add(raw.socket(), EpollEvent::new(EpollFlags::EPOLLIN, u64::MAX))?;
    }

    let mut last = Instant::now();
    let mut events = [EpollEvent::empty(); 64];
    while answers.iter().any(Option::is_none) {
        let Some(left) = patience.quiet.checked_sub(last.elapsed()) else { break };
        // Rounded up: a wait of less than a millisecond would be none.
        let timeout = EpollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(EpollTimeout::ZERO);
        let count = match epoll.wait(&mut events, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        for event in events.iter().take(count) {
            let Some(idx) = usize::try_from(event.data()).ok().filter(|idx| *idx < sockets.len()) else {
                for (idx, reply) in initiator.replies()? {
                    if let Some(answer) = answers.get_mut(idx) {
                        *answer = Some(Answer { outcome: outcome_of_reply(reply)?, by: None });
                        last = Instant::now();
                    }
                }
                continue;
            };
            if let (Some(slot), Some(answer)) = (sockets.get_mut(idx), answers.get_mut(idx))
                && let Some(socket) = slot
                && let Some(found) = finish(socket)?
            {
                *answer = Some(found);
                *slot = None;
                last = Instant::now();
            }
        }
    }
    Ok(())
}

/// Sends the question. SCTP's goes through the initiator; all others have a socket of their own.
fn start(probe: &Probe, idx: usize, initiator: &mut Initiator) -> io::Result<Option<Socket>> {
    let to = |port| SocketAddr::new(probe.to, port);
    match probe.service {
        Service::Tcp(port) => {
            let socket = open(to(port), Type::STREAM, Protocol::TCP)?;
            match socket.connect(&to(port).into()) {
                Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => return Err(error),
                Ok(()) | Err(_) => {}
            }
            Ok(Some(socket))
        }
        Service::Udp(port) => datagram(to(port), Protocol::UDP, b"palisade").map(Some),
        Service::Echo => {
            let (protocol, request) = match probe.to {
                IpAddr::V4(_) => (Protocol::ICMPV4, ECHO_REQUEST4),
                IpAddr::V6(_) => (Protocol::ICMPV6, ECHO_REQUEST6),
            };
            datagram(to(0), protocol, &request).map(Some)
        }
        Service::Sctp(port) => {
            initiator.ask(idx, probe.to, next_port(), port)?;
            Ok(None)
        }
    }
}

fn datagram(to: SocketAddr, protocol: Protocol, payload: &[u8]) -> io::Result<Socket> {
    let socket = open(to, Type::DGRAM, protocol)?;
    socket.connect(&to.into())?;
    patiently(|| socket.send(payload))?;
    Ok(socket)
}

/// Sends again while the processor's queue of received packets, which all namespaces share, has no room.
pub(super) fn patiently(mut send: impl FnMut() -> io::Result<usize>) -> io::Result<()> {
    for _ in 0..SEND_TRIES {
        match send() {
            Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => thread::sleep(SEND_PAUSE),
            result => return result.map(drop),
        }
    }
    send().map(drop)
}

fn open(to: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(to), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    errors::keep(&socket)?;
    let any = match to {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    // For an echo the port is the identifier. One that a listener of this place holds is passed over.
    while let Err(error) = socket.bind(&SocketAddr::new(any, next_port()).into()) {
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(error);
        }
    }
    Ok(socket)
}

fn next_port() -> u16 {
    // Counting on beyond the last number would repeat some ports early.
    let next = NEXT_PORT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |port| Some((port + 1) % PORTS));
    FIRST_PORT + next.unwrap_or_default()
}

/// What the socket has to say; `None` if nothing yet.
fn finish(socket: &mut Socket) -> io::Result<Option<Answer>> {
    let mut buffer = [0; 256];
    match socket.read(&mut buffer) {
        Ok(length) => {
            let stream_or_udp =
                socket.protocol()?.is_some_and(|protocol| [Protocol::TCP, Protocol::UDP].contains(&protocol));
            let name = buffer.get(..length).filter(|name| stream_or_udp && !name.is_empty());
            let by = name.map(|name| String::from_utf8_lossy(name).into());
            Ok(Some(Answer { outcome: Outcome::Open, by }))
        }
        // An error that comes back while a connection is still being asked for is only kept, not reported: the next
        // question would go out a second later.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            let Some((errno, _)) = errors::next(socket, &mut buffer)? else { return Ok(None) };
            Ok(Some(Answer { outcome: outcome_of(errno.into())?, by: None }))
        }
        Err(error) => Ok(Some(Answer { outcome: outcome_of(error)?, by: None })),
    }
}

fn outcome_of(error: io::Error) -> io::Result<Outcome> {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNREFUSED | Errno::ECONNRESET) => Ok(Outcome::Refused),
        Some(Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EACCES | Errno::ENOPROTOOPT) => Ok(Outcome::Unreachable),
        // What the asker's own output hook drops.
        Some(Errno::EPERM | Errno::ETIMEDOUT) => Ok(Outcome::Dropped),
        _ => Err(error),
    }
}

fn outcome_of_reply(reply: Reply) -> io::Result<Outcome> {
    match reply {
        Reply::Agreed => Ok(Outcome::Open),
        Reply::Aborted => Ok(Outcome::Refused),
        Reply::Refused(errno) => outcome_of(errno.into()),
    }
}

fn key(idx: usize) -> u64 {
    // An index that does not fit would be that of the raw sockets; there are at most IN_FLIGHT.
    u64::try_from(idx).unwrap_or(u64::MAX)
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Dropped => "drop",
        })
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "open" => Ok(Self::Open),
            "refused" => Ok(Self::Refused),
            "unreachable" => Ok(Self::Unreachable),
            "drop" => Ok(Self::Dropped),
            other => Err(format!("`{other}` is none of open, refused, unreachable, drop")),
        }
    }
}
