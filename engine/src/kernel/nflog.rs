//! Packets that rules log to an NFLOG group, read from the kernel.
//!
//! What is absent: names of interfaces, which the caller can look up in the namespace that it is in, and the clock.

use std::collections::VecDeque;
use std::time::Duration;

use super::KernelError;
use super::attribute::{self, Attributes};
use super::dump;
use super::message;
use super::socket::{Socket, denied_or_io};

pub use self::header::{Headers, Transport};

pub(super) mod header;

/// `NFNL_SUBSYS_ULOG` in the high byte of a message's type.
const ULOG: u16 = 4 << 8;
/// `NFULNL_MSG_PACKET`, `NFULNL_MSG_CONFIG`.
const PACKET: u16 = ULOG;
const CONFIG: u16 = ULOG | 1;

/// Room for packets that have not been read, in bytes: about 16,000 of them.
const BUFFER: usize = 8 << 20;

/// How much of a packet is copied, in bytes: any usual header with some options.
const COPIED: u32 = 128;
/// `NFULNL_COPY_PACKET`.
const COPY_PACKET: u8 = 2;
/// How many packets the kernel collects before it hands them over, and how long it waits for them, in hundredths of a
/// second.
const COLLECTED: u32 = 32;
const COLLECTING: u32 = 10;
/// Room for those, in bytes: [`COLLECTED`] packets with their prefixes have less than 16 KiB.
const COLLECTED_BYTES: u32 = 32 << 10;
/// `NFULNL_CFG_CMD_BIND`.
const BIND: u8 = 1;
/// `NFULNL_CFG_F_SEQ`: the packets of this group are numbered, from 0.
const NUMBERED: u16 = 1;

/// Attributes of a configuration, `NFULA_CFG_*`.
mod config {
    pub(super) const COMMAND: u16 = 1;
    pub(super) const MODE: u16 = 2;
    pub(super) const BUFFER_SIZE: u16 = 3;
    pub(super) const TIMEOUT: u16 = 4;
    pub(super) const THRESHOLD: u16 = 5;
    pub(super) const FLAGS: u16 = 6;
}

/// Attributes of a packet, `NFULA_*`.
mod packet {
    pub(super) const TIMESTAMP: u16 = 3;
    pub(super) const INPUT: u16 = 4;
    pub(super) const OUTPUT: u16 = 5;
    pub(super) const PAYLOAD: u16 = 9;
    pub(super) const PREFIX: u16 = 10;
    pub(super) const NUMBER: u16 = 12;
}

/// The reader of one NFLOG group in the network namespace that it was opened in.
#[derive(Debug)]
pub struct PacketLog {
    socket: Socket,
    numbers: Numbers,
    ready: VecDeque<LogNotice>,
}

/// What was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LogNotice {
    /// A packet that a rule logged.
    Packet(LoggedPacket),
    /// Packets that were logged and could not be read, because they came faster than they were read. How many, if a
    /// later packet tells it by its number.
    Lost(Option<u32>),
}

/// A packet that a rule logged.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LoggedPacket {
    /// When it came in, since 1970; packets that the node itself sends have no time.
    pub time: Option<Duration>,
    /// The prefix of the rule: for ours, the name of the counter beside it.
    pub prefix: Box<str>,
    /// The index of the interface that it came in by.
    pub input: Option<u32>,
    /// The index of the interface that it would have left by.
    pub output: Option<u32>,
    /// What its headers say; nothing if they cannot be read.
    pub headers: Option<Headers>,
}

/// Why a group cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Another process reads it.
    #[error("NFLOG group {group} has another reader, and the kernel hands its packets to one only")]
    Taken {
        /// Which.
        group: u16,
    },
    /// The kernel has no NFLOG.
    #[error("this kernel has no NFLOG (nfnetlink_log)")]
    Missing,
    /// No permission, or the socket failed.
    #[error("cannot read NFLOG group {group}")]
    Kernel {
        /// Which.
        group: u16,
        /// Why.
        #[source]
        source: KernelError,
    },
}

/// The numbers of the packets, by which lost ones are noticed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Numbers {
    next: u32,
    /// The kernel said that it had to drop some, and no number has told yet how many.
    overrun: bool,
}

impl PacketLog {
    /// Reads a group from here on.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn open(group: u16) -> Result<Self, LogError> {
        Self::with_buffer(group, BUFFER)
    }

    /// The same, with this many bytes for packets that have not been read; the kernel rounds up.
    ///
    /// # Errors
    /// As [`PacketLog::open`].
    pub fn with_buffer(group: u16, bytes: usize) -> Result<Self, LogError> {
        let failed = |source| LogError::Kernel { group, source };
        let mut socket = Socket::with_buffer(bytes).map_err(failed)?;
        let seq = socket.number(1);
        // Packets may follow at once, so everything is settled by the message that binds.
        match socket.ask(seq, &bind(group, seq), |_, _, _| {}) {
            Ok(_) => {}
            // The kernel says the same to whoever may ask nothing, and to whoever asks for another's group.
            Err(KernelError::Denied(_)) if dump::generation(&mut socket).is_ok() => {
                return Err(LogError::Taken { group });
            }
            Err(KernelError::Io(error)) if error.raw_os_error() == Some(libc::EINVAL) => return Err(LogError::Missing),
            Err(error) => return Err(failed(error)),
        }
        Ok(Self { socket, numbers: Numbers::default(), ready: VecDeque::new() })
    }

    /// The next notice, or nothing if none comes for so long, rounded up to a millisecond.
    ///
    /// # Errors
    /// [`KernelError::Denied`], [`KernelError::Io`].
    pub fn next(&mut self, patience: Duration) -> Result<Option<LogNotice>, KernelError> {
        // Zero would be for ever.
        self.socket.set_patience(patience.max(Duration::from_millis(1)))?;
        loop {
            if let Some(notice) = self.ready.pop_front() {
                return Ok(Some(notice));
            }
            match self.socket.receive_datagram() {
                Ok(datagram) => notices(datagram, &mut self.numbers, &mut self.ready),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => self.numbers.overrun = true,
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => {
                    // No later packet has told how many were lost.
                    let lost = std::mem::take(&mut self.numbers.overrun);
                    return Ok(lost.then_some(LogNotice::Lost(None)));
                }
                Err(error) => return Err(denied_or_io(error)),
            }
        }
    }
}

impl Numbers {
    /// How many packets are missing before the one of this number.
    fn missing(&mut self, number: u32) -> Option<u32> {
        let missing = number.wrapping_sub(self.next);
        self.next = number.wrapping_add(1);
        self.overrun &= missing == 0;
        (missing != 0).then_some(missing)
    }
}

/// The request that makes its sender the reader of a group.
fn bind(group: u16, seq: u32) -> Vec<u8> {
    let [high, low] = group.to_be_bytes();
    let [r0, r1, r2, r3] = COPIED.to_be_bytes();
    let mut attributes = Vec::new();
    attribute::push(&mut attributes, config::COMMAND, &[BIND]);
    attribute::push(&mut attributes, config::MODE, &[r0, r1, r2, r3, COPY_PACKET, 0]);
    attribute::push(&mut attributes, config::TIMEOUT, &COLLECTING.to_be_bytes());
    attribute::push(&mut attributes, config::BUFFER_SIZE, &COLLECTED_BYTES.to_be_bytes());
    attribute::push(&mut attributes, config::THRESHOLD, &COLLECTED.to_be_bytes());
    attribute::push(&mut attributes, config::FLAGS, &NUMBERED.to_be_bytes());
    message::raw(CONFIG, message::ACK, [0, 0, high, low], seq, &attributes)
}

/// The notices of a datagram, up to the first message in it that is not whole.
pub(super) fn notices(datagram: &[u8], numbers: &mut Numbers, ready: &mut VecDeque<LogNotice>) {
    for (kind, attributes) in message::payloads(datagram) {
        if kind != PACKET {
            continue;
        }
        if let Some(missing) = attributes.u32(packet::NUMBER).and_then(|number| numbers.missing(number)) {
            ready.push_back(LogNotice::Lost(Some(missing)));
        }
        ready.push_back(LogNotice::Packet(logged(attributes)));
    }
}

fn logged(attributes: Attributes<'_>) -> LoggedPacket {
    LoggedPacket {
        time: attributes.get(packet::TIMESTAMP).and_then(time),
        prefix: attributes.text(packet::PREFIX).unwrap_or_default().into(),
        input: attributes.u32(packet::INPUT),
        output: attributes.u32(packet::OUTPUT),
        headers: attributes.get(packet::PAYLOAD).and_then(header::read),
    }
}

/// Seconds and microseconds, each a 64-bit number in network order.
fn time(bytes: &[u8]) -> Option<Duration> {
    let (seconds, micros) = bytes.split_at_checked(8)?;
    let seconds = u64::from_be_bytes(seconds.try_into().ok()?);
    let micros = u64::from_be_bytes(micros.try_into().ok()?);
    Duration::from_secs(seconds).checked_add(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(attributes: &[u8]) -> Vec<u8> {
        message::raw(PACKET, 0, [2, 0, 0, 71], 0, attributes)
    }

    fn numbered(number: u32, prefix: &str) -> Vec<u8> {
        let mut attributes = Vec::new();
        attribute::push(&mut attributes, packet::PREFIX, format!("{prefix}\0").as_bytes());
        attribute::push(&mut attributes, packet::NUMBER, &number.to_be_bytes());
        message(&attributes)
    }

    fn read(datagram: &[u8], numbers: &mut Numbers) -> Vec<String> {
        let mut ready = VecDeque::new();
        notices(datagram, numbers, &mut ready);
        let text = |notice: &LogNotice| match notice {
            LogNotice::Packet(packet) => packet.prefix.to_string(),
            LogNotice::Lost(missing) => format!("{missing:?}"),
        };
        ready.iter().map(text).collect()
    }

    #[test]
    fn packets_of_one_datagram_come_in_their_order_and_gaps_are_counted() {
        let mut numbers = Numbers::default();
        let first: Vec<u8> = [numbered(0, "a"), numbered(1, "b")].concat();
        assert_eq!(read(&first, &mut numbers), ["a", "b"]);
        numbers.overrun = true;
        assert_eq!(read(&numbered(5, "c"), &mut numbers), ["Some(3)", "c"]);
        assert_eq!(numbers, Numbers { next: 6, overrun: false });
        // They begin again after the last number.
        numbers.next = u32::MAX;
        assert_eq!(read(&[numbered(u32::MAX, "d"), numbered(0, "e")].concat(), &mut numbers), ["d", "e"]);
    }

    #[test]
    fn a_time_is_seconds_and_microseconds() {
        let bytes: Vec<u8> = [3_u64.to_be_bytes(), 5_u64.to_be_bytes()].concat();
        assert_eq!(time(&bytes), Some(Duration::from_micros(3_000_005)));
        assert_eq!(time(&bytes[..15]), None);
        assert_eq!(time(&[0xff; 16]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            kinds in prop::collection::vec((0_u16..16, prop::collection::vec(any::<u8>(), 0..80)), 0..12),
        ) {
            let mut numbers = Numbers::default();
            read(&bytes, &mut numbers);
            let mut attributes = Vec::new();
            for (kind, value) in &kinds {
                attribute::push(&mut attributes, *kind, value);
            }
            attributes.extend(&bytes);
            read(&message(&attributes), &mut numbers);
            // Whatever is in a message, it is one packet.
            let found = read(&message(&attributes), &mut Numbers::default());
            prop_assert!((1..=2).contains(&found.len()), "{:?}", found);
        }
    }
}
