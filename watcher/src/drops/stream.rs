//! Packets as they are denied: what the kernel logs, with the names of both ends and the line that decided.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::kernel::{Headers, LogNotice, LoggedPacket, PacketLog, Transport};
use engine::place::{Event, Place};

use super::{CountedPlace, Owner, SourceLine};

/// How often at most the counters and the sources are read again for a place that is not known.
const READ_AGAIN: Duration = Duration::from_millis(200);

/// Something that happened to a packet at a place of ours.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DropEvent {
    /// When, since 1970.
    pub time: Duration,
    /// The counter of the place.
    pub counter: Box<str>,
    /// What happened, and on whose behalf.
    pub place: Place,
    /// The source line that decided.
    pub line: SourceLine,
    /// Both ends and the protocol; nothing if the packet cannot be read.
    pub packet: Option<Packet>,
    /// The interface that it came in by.
    pub input: Option<Box<str>>,
    /// The interface that it would have left by.
    pub output: Option<Box<str>>,
}

/// What a packet is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Packet {
    /// Where it comes from.
    pub from: Endpoint,
    /// Where it goes.
    pub to: Endpoint,
    /// Its headers.
    pub headers: Headers,
}

/// One end of a packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// Its address.
    pub address: IpAddr,
    /// Who has it; nobody who is known of if empty.
    pub owners: Vec<Owner>,
    /// Its port, where the protocol has ports.
    pub port: Option<u16>,
}

/// What was seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Seen {
    /// A packet.
    Event(Box<DropEvent>),
    /// Packets that were logged and could not be read; how many, where that is known.
    Lost(Option<u32>),
}

/// Where the names and lines come from.
pub trait Facts {
    /// The places of the loaded ruleset.
    ///
    /// # Errors
    /// Whatever reading them fails with; what was known before stays.
    fn places(&mut self) -> anyhow::Result<Vec<CountedPlace>>;

    /// Reads again who has which address, because the rules are others.
    fn read_again(&mut self);

    /// Who has these addresses, those of a packet.
    fn owners(&mut self, addresses: [IpAddr; 2]) -> [Vec<Owner>; 2];

    /// The name of an interface.
    fn interface(&mut self, index: u32) -> Option<Box<str>>;
}

/// Reads the packets that a group logs, and gives them names.
#[derive(Debug)]
pub struct Stream<F> {
    log: PacketLog,
    facts: F,
    lines: BTreeMap<Box<str>, SourceLine>,
    /// When the facts were last read for a place that was not known.
    read_again: Option<Instant>,
}

impl<F: Facts> Stream<F> {
    /// Begins, with what is known now.
    ///
    /// # Errors
    /// If the places cannot be read.
    pub fn new(log: PacketLog, facts: F) -> anyhow::Result<Self> {
        let mut this = Self { log, facts, lines: BTreeMap::new(), read_again: None };
        this.read_facts()?;
        Ok(this)
    }

    /// The next packet at a place of ours for which `wanted` holds, or nothing if none comes for so long.
    ///
    /// # Errors
    /// If the group or, after a change of rules, the places cannot be read.
    pub fn next(&mut self, patience: Duration, wanted: impl Fn(Event) -> bool) -> anyhow::Result<Option<Seen>> {
        loop {
            return Ok(match self.log.next(patience)? {
                None => None,
                Some(LogNotice::Lost(count)) => Some(Seen::Lost(count)),
                Some(LogNotice::Packet(packet)) => {
                    // Others may log to the group too.
                    let Some(place) = Place::of_name(&packet.prefix).filter(|place| wanted(place.event)) else {
                        continue;
                    };
                    Some(Seen::Event(Box::new(self.event(place, packet)?)))
                }
            });
        }
    }

    fn event(&mut self, place: Place, packet: LoggedPacket) -> anyhow::Result<DropEvent> {
        let LoggedPacket { time, prefix, input, output, headers } = packet;
        // A place that was not there before means other rules, and so perhaps other pods.
        let is_due = self.read_again.is_none_or(|at| at.elapsed() >= READ_AGAIN);
        if is_due && !self.lines.contains_key(&prefix) {
            self.read_facts()?;
            self.read_again = Some(Instant::now());
        }
        let packet = headers.map(|headers| self.packet(headers));
        let mut interface = |index: Option<u32>| index.and_then(|index| self.facts.interface(index));
        let (input, output) = (interface(input), interface(output));
        Ok(DropEvent {
            time: time.unwrap_or_else(now),
            line: self.lines.get(&prefix).cloned().unwrap_or_default(),
            counter: prefix,
            place,
            packet,
            input,
            output,
        })
    }

    fn packet(&mut self, headers: Headers) -> Packet {
        let (source, destination) = match headers.transport {
            Transport::Ports { source, destination } => (Some(source), Some(destination)),
            Transport::Icmp { .. } | Transport::Fragment | Transport::Unknown => (None, None),
        };
        let [of_source, of_destination] = self.facts.owners([headers.source, headers.destination]);
        let from = Endpoint { address: headers.source, owners: of_source, port: source };
        let to = Endpoint { address: headers.destination, owners: of_destination, port: destination };
        Packet { from, to, headers }
    }

    fn read_facts(&mut self) -> anyhow::Result<()> {
        let places = self.facts.places()?;
        self.lines = places.into_iter().map(|CountedPlace { name, line, .. }| (name.as_str().into(), line)).collect();
        self.facts.read_again();
        Ok(())
    }
}

/// The node's own packets bear no time.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
