//! The lines that decide each connection of a map.

use std::collections::BTreeMap;

use engine::connectivity::{Connectivity, Other, Reason};
use policy_lang::policy::Direction;

use super::{Map, Peer};

/// Lines, and which of them decide which connection.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Deciding {
    /// Each line once, with what it says.
    pub lines: Vec<String>,
    /// For each connection of the map its lines, in the order in which they are asked: who opens it first. Nothing where
    /// no policy has a say.
    pub of_connection: Vec<Vec<usize>>,
}

impl Deciding {
    /// Finds them all.
    pub fn of(map: &Map, model: &mut Connectivity<'_>) -> Self {
        let mut found = Self::default();
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        for connection in &map.connections {
            let mut lines = Vec::new();
            let ends = [
                (connection.from, connection.to, Direction::Egress),
                (connection.to, connection.from, Direction::Ingress),
            ];
            for (own, other, direction) in ends {
                let Peer::Workload { .. } = map.peer(own) else { continue };
                let Some(other) = self::other(map, model, other) else { continue };
                for reason in model.reasons(own, direction, other) {
                    let line = line(&reason);
                    let next = numbers.len();
                    let number = *numbers.entry(line.clone()).or_insert(next);
                    if number == next {
                        found.lines.push(line);
                    }
                    lines.push(number);
                }
            }
            found.of_connection.push(lines);
        }
        found
    }
}

fn other(map: &Map, model: &Connectivity<'_>, peer: usize) -> Option<Other> {
    match map.peer(peer) {
        Peer::Workload { .. } => Some(Other::Workload(peer)),
        Peer::Node { name } => {
            let node = model.scene().inventory.nodes.get(name)?;
            node.addresses.first().map(|address| Other::Address(*address))
        }
        Peer::Addresses { cidrs } => cidrs.first().map(|cidr| Other::Address(cidr.network())),
    }
}

fn line(reason: &Reason) -> String {
    let says = reason.says;
    format!("{} {says} ({})", reason.origin, reason.direction)
}
