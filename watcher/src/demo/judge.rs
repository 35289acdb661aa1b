//! What the sources say about a question: the oracle by the words of the policies, the simulator by the rulesets.

use std::net::IpAddr;
use std::sync::Arc;

use engine::eval::policy::{self, Connection, Decision, Oracle, PodInterfaces, Transport, Way};
use engine::eval::ruleset::Owner;
use policy_lang::port::Protocol;

use super::World;
use super::path::{Addresses, Fate, Paths};
use super::scene::{Party, Place, Scene};
use crate::explain::origins::{names, origins};
use crate::lab::{Outcome, Service};

/// Which rule denies a question.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Denial {
    /// The node whose rule it is.
    pub node: Arc<str>,
    /// The source line of the rule, and what it says; none for a rule that no source line stands for.
    pub line: Option<Box<str>>,
}

/// What the sources say about one question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// What has to become of it.
    pub outcome: Outcome,
    /// Why, unless it is open.
    pub denial: Option<Denial>,
    /// Who has to answer, if it is open.
    pub answered_by: Option<Box<str>>,
    /// Where oracle and simulator contradict each other: a bug of one of them.
    pub disagreement: Option<String>,
}

/// Knows what the sources say.
#[derive(Debug)]
pub struct Judge<'a> {
    world: &'a World,
    paths: Paths<'a>,
}

impl<'a> Judge<'a> {
    /// `owner` is who runs the sockets that ask.
    pub fn new(world: &'a World, scene: &'a Scene, owner: Owner) -> Self {
        Self { world, paths: Paths::new(scene, owner) }
    }

    /// What the sources say; none where a family is not there to ask by.
    pub fn verdict(&self, from: &'a Party, to: &'a Party, address: IpAddr, service: Service) -> Option<Verdict> {
        self.verdict_behind(from, to, (address, service), (address, service))
    }

    /// The same of a virtual address that the world's rulesets translate: `behind` is what it stands for, which is
    /// what policies are about (sem-88).
    pub fn verdict_behind(
        &self,
        from: &'a Party,
        to: &'a Party,
        asked: (IpAddr, Service),
        behind: (IpAddr, Service),
    ) -> Option<Verdict> {
        let fate = self.paths.fate(&self.world.rulesets, from, asked.0, asked.1)?;
        let pods_only = self.paths.fate(&self.world.pod_rulesets, from, asked.0, asked.1)?;
        let decision = self.oracle(from, to, behind.0, behind.1)?;
        let disagreement = disagreement(&fate, &pods_only, &decision);
        let Fate { outcome, denial, answered_by, addresses: _ } = fate;
        Some(Verdict { outcome, denial, answered_by, disagreement })
    }

    /// What the policies say on every node along the way.
    pub(super) fn oracle(&self, from: &Party, to: &Party, destination: IpAddr, service: Service) -> Option<Decision> {
        let source = from.address_like(destination)?;
        let mut ways: Vec<(&Arc<str>, Way)> = Vec::new();
        match &from.place {
            Place::Node(node) => ways.push((node, Way::FromNode)),
            Place::Pod { node, .. } if to.place == Place::Node(Arc::clone(node)) => ways.push((node, Way::ToNode)),
            Place::Pod { node, .. } => ways.push((node, Way::Forwarded)),
            Place::Outside => {}
        }
        if to.node() != from.node() {
            match &to.place {
                Place::Node(node) => ways.push((node, Way::ToNode)),
                Place::Pod { node, .. } => ways.push((node, Way::Forwarded)),
                Place::Outside => {}
            }
        }
        let transport = transport(service, destination);
        ways.into_iter()
            .map(|(node, way)| {
                let interfaces = PodInterfaces { input: self.is_wire(from, node), output: self.is_wire(to, node) };
                let connection = Connection { interfaces, ..Connection::new(source, destination, transport, way) };
                let World { policies, inventory, options, .. } = self.world;
                Oracle { policies, inventory, node, options }.decide(&connection)
            })
            .reduce(Decision::and)
    }

    /// Whether somebody is behind an interface of a node that is a pod's by its name.
    fn is_wire(&self, party: &Party, node: &Arc<str>) -> bool {
        let prefix = self.world.options.local.interface_prefix.as_deref();
        match &party.place {
            Place::Pod { node: own, interface } => {
                own == node && prefix.is_some_and(|prefix| interface.starts_with(prefix))
            }
            Place::Node(_) | Place::Outside => false,
        }
    }
}

/// How the two contradict each other, if they do.
fn disagreement(fate: &Fate, pods_only: &Fate, decision: &Decision) -> Option<String> {
    let simulated = pods_only.outcome;
    let denied = decision.outcome == policy::Outcome::Denied;
    if denied == (simulated == Outcome::Open) {
        let words = if denied { "denies" } else { "permits" };
        return Some(format!(
            "the oracle {words} it by {}, in the compiled pod policy it is {simulated}{}",
            origins(decision),
            pods_only
                .denial
                .as_ref()
                .and_then(|denial| denial.line.as_ref())
                .map(|line| format!(" by {line}"))
                .unwrap_or_default(),
        ));
    }
    // Behind a host rule that translates, pod policy is about other addresses than those that were asked.
    if denied && fate.outcome == Outcome::Open && fate.addresses == Addresses::Kept {
        return Some(format!("pod policy denies it by {}, together with the host rules it is open", origins(decision)));
    }
    let line = pods_only.denial.as_ref()?.line.as_ref()?;
    let named = decision.cause.origins();
    if named.is_empty() || named.iter().any(|origin| names(line, origin)) {
        return None;
    }
    Some(format!("the oracle says {}, the rule that denies it says {line}", origins(decision)))
}

fn transport(service: Service, to: IpAddr) -> Transport {
    const ECHO: u8 = 8;
    const ECHO_V6: u8 = 128;
    let port = |protocol, destination| Transport::Port { protocol, destination };
    match service {
        Service::Tcp(destination) => port(Protocol::Tcp, destination),
        Service::Udp(destination) => port(Protocol::Udp, destination),
        Service::Sctp(destination) => port(Protocol::Sctp, destination),
        Service::Echo => {
            let icmp_type = if to.is_ipv4() { ECHO } else { ECHO_V6 };
            Transport::Icmp { icmp_type, code: 0, hop_limit: 64 }
        }
    }
}
