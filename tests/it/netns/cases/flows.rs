//! Connections that a case holds open while policy changes: do they still carry anything, each way?

use std::fmt;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use watcher::lab::{Lab, Namespace, Outcome, Service};

/// What has not arrived by then was dropped.
const QUIET: Duration = Duration::from_millis(300);
/// What was dropped for a while is sent again by TCP, later each time.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a case wants to be held open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) service: Service,
}

/// One connection in one family, both of its ends.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) wanted: Wanted,
    pub(crate) address: IpAddr,
    client: End,
    server: End,
}

#[derive(Debug)]
struct End {
    socket: Socket,
    received: Vec<u8>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

/// Opens what is wanted in every family that both have, and has each carry something.
pub(crate) fn open(lab: &Lab, wanted: &Wanted) -> Vec<Flow> {
    let from = lab.addresses(&wanted.from).unwrap();
    let to = lab.addresses(&wanted.to).unwrap().iter();
    let addresses = to.filter(|to| from.iter().any(|from| from.is_ipv4() == to.is_ipv4()));
    let (client, server) = (lab.namespace(&wanted.from).unwrap(), lab.namespace(&wanted.to).unwrap());
    let mut flows: Vec<_> = addresses.map(|address| Flow::open(wanted, *address, client, server)).collect();
    let found: Vec<_> = carried(&mut flows.iter_mut().map(|flow| (flow, Outcome::Open)).collect::<Vec<_>>());
    assert!(found.iter().all(|outcome| outcome == "open"), "{wanted:?} was to be open from the beginning: {found:?}");
    flows
}

/// What becomes of what both ends send: `open`, `drop`, or in words where it is different each way.
pub(crate) fn carried(flows: &mut [(&mut Flow, Outcome)]) -> Vec<String> {
    let token = |number: usize| format!("[{number} {:?}]", Instant::now()).into_bytes();
    let tokens: Vec<_> = (0..flows.len()).map(|number| (token(2 * number), token(2 * number + 1))).collect();
    for ((flow, _), (question, answer)) in flows.iter_mut().zip(&tokens) {
        flow.client.send(question);
        flow.server.send(answer);
    }
    thread::sleep(QUIET);
    let mut found = Vec::new();
    for ((flow, expected), (question, answer)) in flows.iter_mut().zip(&tokens) {
        let patience = if *expected == Outcome::Open { PATIENCE } else { Duration::ZERO };
        let ways = (flow.server.has_received(question, patience), flow.client.has_received(answer, patience));
        found.push(match ways {
            (true, true) => Outcome::Open.to_string(),
            (false, false) => Outcome::Dropped.to_string(),
            (true, false) => "open from the client only".to_owned(),
            (false, true) => "open from the server only".to_owned(),
        });
    }
    found
}

impl Flow {
    fn open(wanted: &Wanted, address: IpAddr, client: &Arc<Namespace>, server: &Arc<Namespace>) -> Self {
        let (client, server) = match wanted.service {
            Service::Tcp(port) => {
                let at = SocketAddr::new(address, port);
                let listener = server.run(|| TcpListener::bind(at)).unwrap().unwrap();
                let stream = client.run(|| TcpStream::connect_timeout(&at, PATIENCE)).unwrap();
                let stream = stream.unwrap_or_else(|error| panic!("{wanted:?}: {error}"));
                let (accepted, _) = listener.accept().unwrap();
                (Socket::tcp(stream), Socket::tcp(accepted))
            }
            Service::Udp(port) => {
                let any = |port| match address {
                    IpAddr::V4(_) => SocketAddr::from(([0; 4], port)),
                    IpAddr::V6(_) => SocketAddr::from(([0_u16; 8], port)),
                };
                let answering = server.run(|| UdpSocket::bind(SocketAddr::new(address, port))).unwrap().unwrap();
                let asking = client.run(|| UdpSocket::bind(any(0))).unwrap().unwrap();
                asking.connect(SocketAddr::new(address, port)).unwrap();
                asking.send(b"first").unwrap();
                answering.set_read_timeout(Some(PATIENCE)).unwrap();
                let (_, from) = answering.recv_from(&mut [0; 16]).unwrap();
                answering.connect(from).unwrap();
                (Socket::udp(asking), Socket::udp(answering))
            }
            Service::Sctp(_) | Service::Echo => panic!("{}: only TCP and UDP are held open", wanted.service),
        };
        let [client, server] = [client, server].map(|socket| End { socket, received: Vec::new() });
        Self { wanted: wanted.clone(), address, client, server }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wanted { from, to, service } = &self.wanted;
        write!(f, "live {from} -> {to} ({}) {service}", self.address)
    }
}

impl Socket {
    fn tcp(stream: TcpStream) -> Self {
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::Tcp(stream)
    }

    fn udp(socket: UdpSocket) -> Self {
        socket.set_nonblocking(true).unwrap();
        Self::Udp(socket)
    }
}

impl End {
    fn send(&mut self, data: &[u8]) {
        match &mut self.socket {
            Socket::Tcp(stream) => stream.write_all(data).unwrap(),
            Socket::Udp(socket) => {
                socket.send(data).unwrap();
            }
        }
    }

    /// Whether some data has come, among or behind whatever came before. Datagrams are not sent again.
    fn has_received(&mut self, data: &[u8], patience: Duration) -> bool {
        let start = Instant::now();
        loop {
            let mut buffer = [0; 4096];
            let read = match &mut self.socket {
                Socket::Tcp(stream) => stream.read(&mut buffer),
                Socket::Udp(socket) => socket.recv(&mut buffer),
            };
            match read {
                Ok(0) => return false,
                Ok(length) => self.received.extend(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let is_stream = matches!(self.socket, Socket::Tcp(_));
                    if self.received.windows(data.len()).any(|window| window == data) {
                        return true;
                    }
                    if !is_stream || start.elapsed() >= patience {
                        return false;
                    }
                    thread::sleep(Duration::from_millis(10));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}
