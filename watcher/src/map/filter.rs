//! The part of a map that somebody asks for.

use std::net::IpAddr;
use std::str::FromStr;

use glob::Pattern;
use policy_lang::policy::Direction;
use policy_lang::port::Protocol;

use super::{Exposure, Map, Peer};

/// Which connections are asked for: those that satisfy everything that is said.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// One end is one of these; any connection where there is none.
    pub focus: Vec<String>,
    /// The other end is one of these.
    pub peers: Vec<String>,
    /// Which way, as seen from the focus.
    pub direction: Option<Direction>,
    /// One of these ports is permitted.
    pub ports: Vec<Port>,
}

/// A port of a protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Port(pub u16, pub Protocol);

/// Why a filter makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// Not a pattern.
    #[error("`{0}` is no pattern")]
    Pattern(String),
    /// Nobody is called so.
    #[error("nobody in the input is `{0}`: it is NAMESPACE/NAME, NAMESPACE/*, the name of a node, or an address")]
    Nobody(String),
    /// Not a port.
    #[error("`{0}` is no port: write 443, 53/UDP or 3868/SCTP")]
    Port(String),
}

impl Filter {
    /// Leaves out what is not asked for.
    ///
    /// # Errors
    /// [`FilterError::Pattern`], [`FilterError::Nobody`].
    pub fn apply(&self, map: &mut Map) -> Result<(), FilterError> {
        let Self { focus, peers, direction, ports } = self;
        let focus = meant(focus, map)?;
        let others = meant(peers, map)?;
        let permitted: Vec<bool> = map
            .permitted
            .iter()
            .map(|found| {
                ports.is_empty() || ports.iter().any(|Port(port, protocol)| found.set.contains(*protocol, *port))
            })
            .collect();
        let is = |set: &[bool], peer: usize| set.get(peer).copied().unwrap_or(false);
        map.connections.retain(|connection| {
            let out = is(&focus, connection.from) && is(&others, connection.to);
            let back = is(&focus, connection.to) && is(&others, connection.from);
            let wanted = match direction {
                Some(Direction::Egress) => out,
                Some(Direction::Ingress) => back,
                None => out || back,
            };
            wanted && is(&permitted, connection.permitted)
        });
        let is_focus = |asked: &Peer| map.peers.iter().zip(&focus).any(|(peer, is_focus)| *is_focus && peer == asked);
        let wants = |found: &Exposure| {
            let way = direction.is_none_or(|direction| direction == found.direction);
            let port =
                ports.is_empty() || ports.iter().any(|Port(port, protocol)| found.set.contains(*protocol, *port));
            way && port && is_focus(&found.workload)
        };
        let is_way = direction.is_none_or(|direction| direction == Direction::Ingress);
        map.routes.retain(|led| {
            let port =
                ports.is_empty() || ports.iter().any(|Port(port, protocol)| led.port == Some((*protocol, *port)));
            is_way
                && port
                && peers.is_empty()
                && led.to.is_none_or(|to| is(&focus, to))
                && (led.to.is_some() || self.focus.is_empty())
        });
        if let Some(exposure) = map.exposure.take() {
            map.exposure = Some(exposure.into_iter().filter(wants).collect());
        }
        Ok(())
    }
}

impl FromStr for Port {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let wrong = || FilterError::Port(text.to_owned());
        let (port, protocol) = text.split_once('/').unwrap_or((text, "TCP"));
        let protocol = match protocol.to_ascii_uppercase().as_str() {
            "TCP" => Protocol::Tcp,
            "UDP" => Protocol::Udp,
            "SCTP" => Protocol::Sctp,
            _ => return Err(wrong()),
        };
        match port.parse() {
            Ok(0) | Err(_) => Err(wrong()),
            Ok(port) => Ok(Self(port, protocol)),
        }
    }
}

/// For each peer whether one of some words means it; without words everybody is meant.
fn meant(words: &[String], map: &Map) -> Result<Vec<bool>, FilterError> {
    let mut meant = vec![words.is_empty(); map.peers.len()];
    for word in words {
        let address = word.parse::<IpAddr>().ok();
        let pattern = Pattern::new(word).map_err(|_| FilterError::Pattern(word.clone()))?;
        let mut nobody = true;
        for (slot, peer) in meant.iter_mut().zip(&map.peers) {
            let is_meant = match peer {
                Peer::Workload { namespace, name, .. } => pattern.matches(&format!("{namespace}/{name}")),
                Peer::Node { name } => pattern.matches(name),
                Peer::Addresses { cidrs } => {
                    address.is_some_and(|address| cidrs.iter().any(|cidr| cidr.contains(&address)))
                }
            };
            *slot |= is_meant;
            nobody &= !is_meant;
        }
        // An address may be reached by nobody: that is an answer.
        if nobody && address.is_none() {
            return Err(FilterError::Nobody(word.clone()));
        }
    }
    Ok(meant)
}
