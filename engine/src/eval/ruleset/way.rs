//! Whole ways of a packet: hook after hook, with the routing between them.

use std::sync::Arc;

use super::packet::{Host, Packet};
use super::{Evaluation, Flow, Layer, Outcome};
use crate::ruleset::{Hook, RejectWith, Ruleset};

/// A packet's whole way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Journey {
    /// Where it ended.
    pub end: End,
    /// The hooks that it passed, in order, the one that ended it last.
    pub stages: Vec<Stage>,
    /// The packet as it ended.
    pub packet: Packet,
}

/// One hook on the way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stage {
    /// Which.
    pub hook: Hook,
    /// What it did.
    pub evaluation: Evaluation,
}

/// Where a packet ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    /// At a process on the host.
    Delivered,
    /// It left by this interface.
    Sent(Arc<str>),
    /// Dropped at a hook.
    Dropped(Hook),
    /// Dropped at a hook, and its sender told.
    Rejected(Hook, RejectWith),
    /// There is no route to it.
    Unroutable,
    /// It was to be forwarded and had no hop left.
    Expired,
}

/// A packet that arrives: prerouting, then input if it is for the host, else forward and postrouting.
pub fn receive(ruleset: &Ruleset, host: &Host, packet: Packet) -> Journey {
    let mut walk = Walk::new(ruleset, host, Layer::Network, packet);
    walk.flow.packet.output = None;
    let end = walk.arrive();
    walk.finish(end)
}

/// A packet that a process on the host sends: output and postrouting, and back in if it is for the host.
pub fn send(ruleset: &Ruleset, host: &Host, packet: Packet) -> Journey {
    let mut walk = Walk::new(ruleset, host, Layer::Network, packet);
    walk.flow.packet.input = None;
    let end = walk.depart();
    walk.finish(end)
}

/// A frame that is bridged from one port to another, which the packet names, as it has to name its Ethernet header
/// where rules look at that.
pub fn bridge(ruleset: &Ruleset, host: &Host, packet: Packet) -> Journey {
    let mut walk = Walk::new(ruleset, host, Layer::Bridge, packet);
    let output = walk.flow.packet.output.take();
    let end = walk.pass(Hook::Prerouting).and_then(|()| {
        walk.flow.packet.output.clone_from(&output);
        walk.pass(Hook::Forward)?;
        walk.pass(Hook::Postrouting)
    });
    let end = end.map(|()| End::Sent(output.unwrap_or_default()));
    walk.finish(end)
}

struct Walk<'a> {
    ruleset: &'a Ruleset,
    host: &'a Host,
    layer: Layer,
    flow: Flow,
    stages: Vec<Stage>,
}

impl<'a> Walk<'a> {
    fn new(ruleset: &'a Ruleset, host: &'a Host, layer: Layer, packet: Packet) -> Self {
        Self { ruleset, host, layer, flow: Flow::new(packet), stages: Vec::new() }
    }

    fn arrive(&mut self) -> Result<End, End> {
        self.pass(Hook::Prerouting)?;
        let destination = self.flow.packet.destination;
        if self.host.is_local(destination) {
            self.pass(Hook::Input)?;
            return Ok(End::Delivered);
        }
        let output = Arc::clone(self.host.route(destination).ok_or(End::Unroutable)?);
        // A router counts the hop before its forward hook.
        self.flow.packet.ttl = match self.flow.packet.ttl {
            0 | 1 => return Err(End::Expired),
            ttl => ttl - 1,
        };
        self.flow.packet.output = Some(Arc::clone(&output));
        self.pass(Hook::Forward)?;
        self.pass(Hook::Postrouting)?;
        Ok(End::Sent(output))
    }

    fn depart(&mut self) -> Result<End, End> {
        self.flow.packet.output = Some(self.output()?);
        self.pass(Hook::Output)?;
        // A translated destination is routed again.
        let output = self.output()?;
        self.flow.packet.output = Some(Arc::clone(&output));
        self.pass(Hook::Postrouting)?;
        if !self.host.is_local(self.flow.packet.destination) {
            return Ok(End::Sent(output));
        }
        self.flow.packet.input = Some(output);
        self.flow.packet.output = None;
        // The loopback takes the socket from the packet.
        self.flow.packet.owner = None;
        self.arrive()
    }

    /// The interface towards the packet's destination; the loopback for the host itself.
    fn output(&self) -> Result<Arc<str>, End> {
        let destination = self.flow.packet.destination;
        if self.host.is_local(destination) {
            return Ok("lo".into());
        }
        self.host.route(destination).map(Arc::clone).ok_or(End::Unroutable)
    }

    /// One hook; what ends there is the error.
    fn pass(&mut self, hook: Hook) -> Result<(), End> {
        let evaluation = self.flow.hook(self.ruleset, self.host, self.layer, hook);
        let outcome = evaluation.outcome;
        self.stages.push(Stage { hook, evaluation });
        match outcome {
            Outcome::Accept => Ok(()),
            Outcome::Drop => Err(End::Dropped(hook)),
            Outcome::Reject(with) => Err(End::Rejected(hook, with)),
        }
    }

    fn finish(self, end: Result<End, End>) -> Journey {
        let end = end.unwrap_or_else(|end| end);
        Journey { end, stages: self.stages, packet: self.flow.packet }
    }
}
