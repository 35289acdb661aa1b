//! Whoever answers: one thread for all hosts, because a socket stays in the namespace in which it was opened.

use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Protocol, Socket, Type};

use super::LabError;
use super::packet::{Sctp, SctpChunk};
use super::raw::{Arrival, Raw};
use super::service::Service;

/// How many connections wait to be accepted; as many as one round of probes may send to one port.
const BACKLOG: i32 = 4096;

/// One port of one address that answers with the name of its host.
#[derive(Debug)]
pub(super) struct Listener {
    name: Box<str>,
    socket: Kind,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Udp(UdpSocket),
    Sctp { raw: Raw, port: u16 },
}

impl Listener {
    /// Opens a port in the namespace of the calling thread. Echo needs none: the kernel answers.
    pub(super) fn open(name: &str, address: IpAddr, service: Service) -> Result<Option<Self>, LabError> {
        let kind = match service {
            Service::Tcp(port) => tcp(SocketAddr::new(address, port)).map(Kind::Tcp),
            Service::Udp(port) => udp(SocketAddr::new(address, port)).map(Kind::Udp),
            Service::Sctp(port) => Raw::open(address).map(|raw| Kind::Sctp { raw, port }),
            Service::Echo => return Ok(None),
        };
        let socket = kind.map_err(|source| LabError::io(format!("listening on {address} {service}"), source))?;
        Ok(Some(Self { name: name.into(), socket }))
    }

    /// Answers everything that waits.
    fn serve(&self) {
        // A probe that went away again before its answer is none of the responder's business.
        let _gone = match &self.socket {
            Kind::Tcp(listener) => self.serve_tcp(listener),
            Kind::Udp(socket) => self.serve_udp(socket),
            Kind::Sctp { raw, port } => serve_sctp(raw, *port),
        };
    }

    fn serve_tcp(&self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let (mut stream, _) = listener.accept()?;
            let _gone = stream.write_all(self.name.as_bytes());
        }
    }

    fn serve_udp(&self, socket: &UdpSocket) -> io::Result<()> {
        let mut buffer = [0; 64];
        loop {
            let (_, from) = socket.recv_from(&mut buffer)?;
            let _refused = socket.send_to(self.name.as_bytes(), from);
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Kind::Tcp(listener) => listener.as_fd(),
            Kind::Udp(socket) => socket.as_fd(),
            Kind::Sctp { raw, .. } => raw.socket().as_fd(),
        }
    }
}

fn serve_sctp(raw: &Raw, port: u16) -> io::Result<()> {
    while let Some(arrival) = raw.receive()? {
        let Arrival::Packet(from, Sctp { source, destination, chunk: SctpChunk::Init { tag }, .. }) = arrival else {
            continue;
        };
        if destination == port {
            let chunk = SctpChunk::InitAck { tag: !tag };
            let answer = Sctp { source: port, destination: source, verification: tag, chunk };
            let _refused = raw.send(from, &answer);
        }
    }
    Ok(())
}

/// The thread that answers, until it is dropped.
#[derive(Debug)]
pub struct Responder {
    /// Closing it ends the thread.
    life: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    /// Starts to answer on these ports.
    pub(super) fn start(listeners: Vec<Listener>) -> Result<Self, LabError> {
        let start = || {
            let (life, death) = UnixStream::pair()?;
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            epoll.add(&death, EpollEvent::new(EpollFlags::EPOLLIN, u64::MAX))?;
            for (idx, listener) in (0..).zip(&listeners) {
                epoll.add(listener.fd(), EpollEvent::new(EpollFlags::EPOLLIN, idx))?;
            }
            let thread = thread::Builder::new().name("responder".into()).spawn(move || {
                serve(&epoll, &listeners);
                drop(death);
            })?;
            Ok(Self { life: Some(life), thread: Some(thread) })
        };
        start().map_err(|source: io::Error| LabError::io("starting the responder", source))
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.life = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed and shows in what was not answered.
            let _panicked = thread.join();
        }
    }
}

fn serve(epoll: &Epoll, listeners: &[Listener]) {
    let mut events = [EpollEvent::empty(); 64];
    loop {
        let count = match epoll.wait(&mut events, EpollTimeout::NONE) {
            Ok(count) => count,
            Err(Errno::EINTR) => continue,
            Err(_) => return,
        };
        for event in events.iter().take(count) {
            match usize::try_from(event.data()).ok().and_then(|idx| listeners.get(idx)) {
                Some(listener) => listener.serve(),
                None => return,
            }
        }
    }
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
