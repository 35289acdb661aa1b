//! What host rules do to what reaches a node, or leaves one: asked of the simulator, packet by packet.

use std::collections::BTreeSet;
use std::net::IpAddr;

use engine::compile::options::STANDARD;
use engine::compile::{ForwardMode, HostInput};
use engine::connectivity::Allowed;
use engine::connectivity::ranges::{Family, Range};
use engine::eval::policy::Outcome;
use policy_lang::port::Protocol;

use crate::analysis::Manifests;
use crate::explain::{Deciding, Explainer, Question, QuestionError, Wanted, World};

/// Most packets that one assertion may ask for.
const PACKETS_MAX: usize = 4096;

/// Host rules and the cluster that they are part of.
#[derive(Debug)]
pub struct Host<'a> {
    explainer: Explainer<'a>,
    asked: usize,
}

/// What becomes of connections to a node, or from one.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// The ports at which every packet arrives.
    pub(super) open: Allowed,
    /// Those at which a host rule denies one.
    pub(super) closed: Allowed,
    /// The first rule that denies.
    pub(super) line: Option<String>,
    /// How many packets were asked for.
    pub(super) n_packets: usize,
}

impl<'a> Host<'a> {
    /// The same rules on every node.
    pub fn new(manifests: &'a Manifests, host: HostInput<'a>) -> Self {
        let Manifests { policies, inventory, objects, .. } = manifests;
        let forward_mode = ForwardMode::default();
        let (host, options, node) = (Some(host), &STANDARD, None);
        let world = World { policies, inventory, objects, host, forward_mode, options, node };
        Self { explainer: Explainer::new(world), asked: 0 }
    }

    /// Begins a new assertion.
    pub(super) fn begin(&mut self) {
        self.asked = 0;
    }

    /// Asks for connections from everybody of some names or addresses to a node or an address, at some ports. Those that pod policy
    /// denies are in neither part.
    pub(super) fn reach(&mut self, from: &[String], to: &str, ports: &Allowed) -> Result<Reached, String> {
        let mut reached = Reached::default();
        for (protocol, port) in single_ports(ports)? {
            let mut open = true;
            for source in from {
                self.asked += 1;
                if self.asked > PACKETS_MAX {
                    return Err(format!(
                        "host rules are asked packet by packet, at most {PACKETS_MAX} for an assertion"
                    ));
                }
                let about = Some(Wanted::Number(port, protocol));
                let question = Question { from: source.as_str().into(), to: to.into(), about };
                let explanation = match self.explainer.explain(&question) {
                    Ok(explanation) => explanation,
                    Err(QuestionError::NoFamily { .. }) => continue,
                    Err(error) => return Err(error.to_string()),
                };
                reached.n_packets += explanation.cases.len();
                for case in &explanation.cases {
                    if let Some(contradiction) = &case.contradiction {
                        return Err(format!("a bug of palisade: {contradiction}"));
                    }
                    if let Some(line) = case.unknown.first() {
                        return Err(format!(
                            "it depends on whether the host rule {line} matches, and that looks at what no assertion says"
                        ));
                    }
                    match &case.deciding {
                        Deciding::Host { denial, .. } => {
                            reached.closed.insert(protocol, port, port);
                            reached.line.get_or_insert_with(|| denial.line.to_string());
                            open = false;
                        }
                        Deciding::Policy { .. } | Deciding::NoNode => open &= case.outcome != Outcome::Denied,
                    }
                }
            }
            if open {
                reached.open.insert(protocol, port, port);
            }
        }
        Ok(reached)
    }
}

/// Each port of a set; there may be few only.
fn single_ports(ports: &Allowed) -> Result<Vec<(Protocol, u16)>, String> {
    let ranges =
        || ports.protocols().flat_map(|(protocol, ports)| ports.iter().map(move |range| (protocol, range.clone())));
    let n_ports: usize = ranges().map(|(_, range)| range.len()).sum();
    if n_ports > PACKETS_MAX {
        return Err("host rules are asked port by port: name the ports".to_owned());
    }
    Ok(ranges().flat_map(|(protocol, range)| range.map(move |port| (protocol, port))).collect())
}

/// Each address of some ranges; there may be few only.
pub(super) fn single_addresses(ranges: &[Vec<Range>; 2]) -> Result<Vec<IpAddr>, String> {
    const MANY: &str = "host rules are asked packet by packet: name single addresses, no range";
    let mut found = BTreeSet::new();
    for (family, ranges) in Family::ALL.into_iter().zip(ranges) {
        for range in ranges {
            if range.last - range.first >= 256 || found.len() > PACKETS_MAX {
                return Err(MANY.to_owned());
            }
            found.extend((range.first..=range.last).map(|number| family.address(number)));
        }
    }
    Ok(found.into_iter().collect())
}
