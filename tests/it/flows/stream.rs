//! One flow, with both of its ends in hand.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use engine::kernel::conntrack::{Key, Tuple};
use policy_lang::port::Protocol;
use watcher::lab::Namespace;

/// How long something may take to arrive that does arrive. A lost TCP segment is sent again after 0.2, 0.4, 0.8, … s.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long nothing has to arrive until it counts as cut: a segment is sent again twice in this time.
const SILENCE: Duration = Duration::from_millis(700);

/// TCP or UDP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Link {
    Tcp,
    Udp,
}

impl Link {
    pub(super) const BOTH: [Self; 2] = [Self::Tcp, Self::Udp];
}

/// Binds a port that the flow before has only just given up: a program that another test is starting has a copy of the
/// socket until it is loaded.
fn bound<T>(bind: impl Fn() -> io::Result<T>) -> T {
    let begun = Instant::now();
    loop {
        match bind() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && begun.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(10));
            }
            bound => return bound.unwrap(),
        }
    }
}

/// Which end speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Speaker {
    Client,
    Server,
}

/// A flow that is open.
#[derive(Debug)]
pub(super) struct Talk {
    ends: Ends,
    /// What was said last: nothing is said twice, so that nothing late is taken for something new.
    said: u8,
}

#[derive(Debug)]
enum Ends {
    Tcp { client: TcpStream, server: TcpStream },
    Udp { client: UdpSocket, server: UdpSocket },
}

impl Talk {
    /// Opens a flow from the client's namespace to `to`, which leads to `at` in the server's. UDP is answered once.
    pub(super) fn open(link: Link, client: &Namespace, to: SocketAddr, server: &Namespace, at: SocketAddr) -> Self {
        let mut talk = match link {
            Link::Tcp => {
                let listener = server.run(|| bound(|| TcpListener::bind(at))).unwrap();
                let client = client.run(|| TcpStream::connect_timeout(&to, PATIENCE)).unwrap().unwrap();
                let (server, _) = listener.accept().unwrap();
                for end in [&client, &server] {
                    end.set_nodelay(true).unwrap();
                }
                Self { ends: Ends::Tcp { client, server }, said: 0 }
            }
            Link::Udp => Self::ask(client, to, server, at),
        };
        for speaker in [Speaker::Client, Speaker::Server] {
            assert!(talk.arrives(speaker), "{talk:?}: nothing from the {speaker:?}");
        }
        talk
    }

    /// Sends one UDP datagram that is received and not answered.
    pub(super) fn ask(client: &Namespace, to: SocketAddr, server: &Namespace, at: SocketAddr) -> Self {
        let any = match to {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let server = server.run(|| bound(|| UdpSocket::bind(at))).unwrap();
        let client = client.run(|| UdpSocket::bind((any, 0))).unwrap().unwrap();
        client.connect(to).unwrap();
        client.send(&[0]).unwrap();
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        let (_, from) = server.recv_from(&mut [0]).unwrap();
        server.connect(from).unwrap();
        Self { ends: Ends::Udp { client, server }, said: 0 }
    }

    /// What the client sends, before anything is translated. Its port alone may be that of another flow too, which is over
    /// and still has an entry.
    pub(super) fn original(&self) -> Tuple {
        let (protocol, from, to) = match &self.ends {
            Ends::Tcp { client, .. } => (Protocol::Tcp, client.local_addr(), client.peer_addr()),
            Ends::Udp { client, .. } => (Protocol::Udp, client.local_addr(), client.peer_addr()),
        };
        let (from, to) = (from.unwrap(), to.unwrap());
        let key = Key::Ports { source: from.port(), destination: to.port() };
        Tuple { source: from.ip(), destination: to.ip(), protocol: protocol.number(), key }
    }

    /// Whether what one end says now arrives at the other, sooner or later.
    pub(super) fn arrives(&mut self, speaker: Speaker) -> bool {
        self.says(speaker);
        self.is_heard(speaker, PATIENCE)
    }

    /// Whether nothing that one end says arrives.
    pub(super) fn is_cut(&mut self, speaker: Speaker) -> bool {
        self.says(speaker);
        !self.is_heard(speaker, SILENCE)
    }

    fn says(&mut self, speaker: Speaker) {
        self.said += 1;
        let word = [self.said];
        // An error that came back for an earlier datagram is reported now, and nothing sent then.
        let sent = match (&mut self.ends, speaker) {
            (Ends::Tcp { client, .. }, Speaker::Client) => client.write_all(&word),
            (Ends::Tcp { server, .. }, Speaker::Server) => server.write_all(&word),
            (Ends::Udp { client, .. }, Speaker::Client) => client.send(&word).map(drop),
            (Ends::Udp { server, .. }, Speaker::Server) => server.send(&word).map(drop),
        };
        sent.unwrap();
    }

    fn is_heard(&mut self, speaker: Speaker, patience: Duration) -> bool {
        let wanted = self.said;
        let mut word = [0];
        loop {
            let heard = match (&mut self.ends, speaker) {
                (Ends::Tcp { server: end, .. }, Speaker::Client) | (Ends::Tcp { client: end, .. }, Speaker::Server) => {
                    end.set_read_timeout(Some(patience)).unwrap();
                    end.read(&mut word)
                }
                (Ends::Udp { server: end, .. }, Speaker::Client) | (Ends::Udp { client: end, .. }, Speaker::Server) => {
                    end.set_read_timeout(Some(patience)).unwrap();
                    end.recv(&mut word)
                }
            };
            match heard {
                Ok(1) if word[0] == wanted => return true,
                // Something that was said earlier.
                Ok(1) => {}
                Ok(_) | Err(_) => return false,
            }
        }
    }
}
