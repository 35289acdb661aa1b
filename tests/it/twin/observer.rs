//! What leaves a router or is delivered to it, as its own hooks see it after every rule: by NFLOG, with marks.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, recvmsg, send, setsockopt,
    socket, sockopt,
};
use watcher::lab::Namespace;

use super::event::{Event, Hook};

/// The group that the table below logs to; no configuration of the corpus uses it.
const GROUP: u16 = 4242;
/// `NFNL_SUBSYS_ULOG` with `NFULNL_MSG_CONFIG`.
const CONFIG: u16 = 4 << 8 | 1;
/// Room for what has not been read, in bytes.
const BUFFER: usize = 32 << 20;
/// The classes that the corpus sets, and the marks that stand for them: nft copies no class into a mark.
const CLASSES: &str = "0:7 : 0x7, 1:10 : 0x10010, 2:3 : 0x20003, 4:0 : 0x40000, ffff:a : 0xffff000a";
/// The prefix of the packet after which nothing of a round follows.
const LAST: &str = "last";

/// A protocol that nobody filters because nobody speaks it: RFC 3692's second number for experiments.
pub(super) const LAST_PROTOCOL: u8 = 254;

/// Logs what passed every rule, and swallows what is delivered, so that no answer of the router's own is mistaken for
/// one of the rules. The last chain stands before connection tracking confirms only if it was there after it: of equal
/// priorities the later one runs first, so the table must be loaded before anything tracks connections.
fn table() -> String {
    format!(
        "table inet observer {{
            chain first {{
                type filter hook prerouting priority -1000; policy accept;
                meta l4proto {LAST_PROTOCOL} log group {GROUP} prefix \"{LAST}\" drop
            }}
            chain delivered {{ type filter hook input priority 2000; policy accept; log group {GROUP} prefix \"in\"; }}
            chain sent {{ type filter hook postrouting priority 2000; policy accept; log group {GROUP} prefix \"out\"; }}
            chain swallowed {{ type filter hook input priority 2147483647; policy drop; }}
        }}"
    )
}

/// Logs the mark of a connection, and then the class for queueing disciplines, as if it were the packet's mark, which nobody asks for any more. That tracks connections
/// whether or not a configuration asks for it, as iptables' nat table does.
fn tracking() -> String {
    let chain = |hook: &str| {
        format!(
            "chain {hook} {{
                type filter hook {hook} priority 2001; policy accept;
                ct mark != 0 meta mark set ct mark log group {GROUP} prefix \"connection\"
                meta mark set meta priority map {{ {CLASSES} }} log group {GROUP} prefix \"class\"
            }}"
        )
    };
    format!("table inet tracking {{ {}; {}; }}", chain("input"), chain("postrouting"))
}

/// The reader of the router's log.
#[derive(Debug)]
pub(super) struct Observer {
    socket: OwnedFd,
}

impl Observer {
    /// Prepares a router in which nothing tracks connections yet.
    pub(super) fn open(router: &Namespace) -> Self {
        router.nft(&table()).unwrap();
        router.nft(&tracking()).unwrap();
        let socket = router.run(listen).unwrap().unwrap();
        Self { socket }
    }

    /// Everything since the last call, up to the packet of [`LAST_PROTOCOL`].
    pub(super) fn until_last(&self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let mut buffer = vec![0; 64 << 10];
            let mut slices = [IoSliceMut::new(&mut buffer)];
            let length = match recvmsg::<NetlinkAddr>(self.socket.as_raw_fd(), &mut slices, None, MsgFlags::empty()) {
                Ok(message) => message.bytes,
                Err(Errno::EINTR) => continue,
                Err(errno) => panic!("reading the router's log: {errno}"),
            };
            for attributes in messages(&buffer[..length]) {
                match attributes.text(10).as_str() {
                    LAST => return events,
                    "in" => events.extend(attributes.event(Hook::Delivered)),
                    "out" => events.extend(attributes.event(Hook::Sent)),
                    "class" => events.extend(attributes.event(Hook::Class)),
                    _ => events.extend(attributes.event(Hook::Connection)),
                }
            }
        }
    }
}

fn listen() -> io::Result<OwnedFd> {
    let socket = open()?;
    setsockopt(&socket, sockopt::RcvBufForce, &BUFFER)?;
    // Whoever waits longer waits for a packet that was lost.
    setsockopt(&socket, sockopt::ReceiveTimeout, &nix::sys::time::TimeVal::new(20, 0))?;
    // NFULNL_CFG_CMD_BIND; copies of 512 bytes; each packet at once.
    let mut attributes = Vec::new();
    push(&mut attributes, 1, &[1]);
    push(&mut attributes, 2, &[0, 0, 2, 0, 2, 0]);
    push(&mut attributes, 5, &1_u32.to_be_bytes());
    ask(&socket, CONFIG, GROUP, &attributes)?;
    Ok(socket)
}

fn open() -> io::Result<OwnedFd> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkNetFilter)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(socket)
}

/// Sends a request of netfilter's and reads whether it was granted.
fn ask(socket: &OwnedFd, kind: u16, resource: u16, attributes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(20 + attributes.len()).unwrap_or(u32::MAX);
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(5_u16.to_ne_bytes()); // NLM_F_REQUEST, NLM_F_ACK
    message.extend([0; 10]);
    message.extend(resource.to_be_bytes());
    message.extend(attributes);
    send(socket.as_raw_fd(), &message, MsgFlags::empty())?;
    let mut answer = [0; 512];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    match answer[..length].get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(errno) => Err(io::Error::from_raw_os_error(-errno)),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Makes a namespace forget all connections.
pub(super) fn forget_connections(namespace: &Namespace) {
    // IPCTNL_MSG_CT_DELETE without a tuple.
    namespace.run(|| ask(&open()?, 1 << 8 | 2, 0, &[])).unwrap().unwrap();
}

fn push(attributes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap();
    attributes.extend(length.to_ne_bytes());
    attributes.extend(kind.to_ne_bytes());
    attributes.extend(value);
    attributes.resize(attributes.len().next_multiple_of(4), 0);
}

/// The attributes of every logged packet of a datagram.
fn messages(mut datagram: &[u8]) -> Vec<Attributes<'_>> {
    let mut found = Vec::new();
    while let Some(length) = datagram.get(..4) {
        let length = u32::from_ne_bytes(length.try_into().unwrap()) as usize;
        let (message, rest) = datagram.split_at(length.next_multiple_of(4).min(datagram.len()));
        // NFULNL_MSG_PACKET
        if message.get(4..6) == Some(&(4_u16 << 8).to_ne_bytes()) {
            found.push(Attributes(&message[20..length.min(message.len())]));
        }
        datagram = rest;
        if length < 16 {
            break;
        }
    }
    found
}

/// Attributes of a message, or of another attribute.
#[derive(Clone, Copy)]
struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    fn get(self, kind: u16) -> Option<&'a [u8]> {
        let mut rest = self.0;
        while let Some(header) = rest.get(..4) {
            let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
            let found = u16::from_ne_bytes([header[2], header[3]]) & 0x3fff;
            if found == kind {
                return rest.get(4..length);
            }
            rest = rest.get(length.max(4).next_multiple_of(4)..)?;
        }
        None
    }

    fn number(self, kind: u16) -> u32 {
        self.get(kind).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
    }

    fn text(self, kind: u16) -> String {
        self.get(kind).map(|bytes| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()).unwrap_or_default()
    }

    fn event(self, hook: Hook) -> Option<Event> {
        Event::new(hook, self.get(9)?).map(|event| Event {
            input: self.number(4),
            output: self.number(5),
            mark: self.number(2),
            ..event
        })
    }
}
