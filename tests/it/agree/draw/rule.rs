//! Rules with peers, ports and kinds of ICMP of every shape.

use std::num::NonZeroU16;
use std::sync::Arc;

use policy_lang::name::NamespacedName;
use policy_lang::peer::{Namespaces, Peer, PodSelector, ServicePart};
use policy_lang::policy::{Action, Direction, Effect, Logging, Peers, PortMatches, Rule, Tier};
use policy_lang::port::{IcmpMatch, IcmpVersion, PortMatch, PortRange, Ports, Protocol};
use policy_lang::source::Origin;

use super::super::plan::{self, BLOCKS};
use super::inventory::SERVICES;
use super::{Draw, PORTS};

const PROTOCOLS: [Protocol; 4] = [Protocol::Tcp, Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

/// Ranges from one of the ports to another, next to each other, nested, and all.
const RANGES: [(u16, u16); 6] = [(79, 81), (80, 81), (53, 79), (80, 8080), (82, 65_535), (1, 65_535)];

impl Draw<'_> {
    pub(super) fn protocol(&mut self) -> Protocol {
        self.pick(&PROTOCOLS)
    }

    pub(super) fn rule(&mut self, origin: Origin, policy: &NamespacedName, tier: Tier, direction: Direction) -> Rule {
        let peers = match self.below(5) {
            0 => Peers::Any,
            // Sometimes a list that names nobody.
            n => Peers::AnyOf((1..n).map(|_| self.peer(policy, tier, direction)).collect()),
        };
        let ports = match self.below(6) {
            0 | 1 => PortMatches::Any,
            n => PortMatches::AnyOf((2..n).map(|_| self.port()).collect()),
        };
        let rule = Rule::new(origin, self.action(tier), peers, ports);
        match tier {
            Tier::NetworkPolicy => rule,
            Tier::ClusterAdmin | Tier::ClusterBaseline => Rule { logging: self.logging(), ..rule },
            Tier::ConfigMapAdmin | Tier::ConfigMapBaseline => {
                let effect = if self.once_in(6) { Effect::Audited } else { Effect::Enforced };
                let icmp = (0..self.below(6).saturating_sub(3)).map(|_| self.icmp()).collect();
                Rule { effect, icmp, logging: self.logging(), ..rule }
            }
        }
    }

    /// One of many: a peer and a port or a range of one protocol.
    pub(super) fn plain_rule(&mut self, origin: Origin, policy: &NamespacedName, tier: Tier) -> Rule {
        let peer = match self.below(3) {
            0 => Peer::Addresses { cidr: plan::block(self.pick(&BLOCKS)), except: [].into() },
            1 => Peer::Pods(PodSelector {
                namespaces: Namespaces::Named(Arc::clone(&policy.namespace)),
                pods: self.selector(),
            }),
            _ => Peer::Pods(self.pods(&policy.namespace)),
        };
        let n_ports = 1 + self.below(2);
        let ports = (0..n_ports).map(|_| self.port()).collect();
        Rule::new(origin, self.action(tier), Peers::AnyOf(vec![peer]), PortMatches::AnyOf(ports))
    }

    fn action(&mut self, tier: Tier) -> Action {
        match tier {
            Tier::NetworkPolicy => Action::Accept,
            Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline => {
                self.pick(&[Action::Accept, Action::Deny, Action::Pass])
            }
        }
    }

    fn logging(&mut self) -> Logging {
        if self.once_in(4) { Logging::Logged } else { Logging::Silent }
    }

    fn peer(&mut self, policy: &NamespacedName, tier: Tier, direction: Direction) -> Peer {
        let admins = match tier {
            Tier::NetworkPolicy => false,
            Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline => true,
        };
        match self.below(8) {
            0..3 => Peer::Pods(self.pods(&policy.namespace)),
            6 if admins => Peer::Nodes(self.selector()),
            // What a Service stands for is where connections go to.
            7 if admins && direction == Direction::Egress => {
                let (namespace, name) = self.pick(&SERVICES);
                let part = self.pick(&[ServicePart::Endpoints, ServicePart::Endpoints, ServicePart::Addresses]);
                Peer::Service { name: NamespacedName::new(namespace, name), part }
            }
            _ => self.block(),
        }
    }

    /// A block with up to two holes in it.
    fn block(&mut self) -> Peer {
        let cidr = plan::block(self.pick(&BLOCKS));
        let holes = (0..self.below(3)).map(|_| plan::block(self.pick(&BLOCKS)));
        let mut except: Vec<_> = holes.filter(|hole| cidr.contains(hole) && cidr != *hole).collect();
        except.sort_unstable();
        except.dedup();
        Peer::Addresses { cidr, except: except.into() }
    }

    fn port(&mut self) -> PortMatch {
        let number = |port| NonZeroU16::new(port).expect("no port of the lists is 0");
        let ports = match self.below(6) {
            0 => Ports::All,
            1 | 2 => Ports::Range(PortRange::single(number(self.pick(&PORTS)))),
            3 => {
                let (first, last) = self.pick(&RANGES);
                Ports::Range(PortRange::new(number(first), number(last)).expect("ranges of the list go up"))
            }
            _ => Ports::Named(self.pick(&["http", "dns"]).into()),
        };
        PortMatch { protocol: self.protocol(), ports }
    }

    fn icmp(&mut self) -> IcmpMatch {
        let version = self.pick(&[IcmpVersion::V4, IcmpVersion::V6]);
        let echo = match version {
            IcmpVersion::V4 => 8,
            IcmpVersion::V6 => 128,
        };
        let icmp_type = self.pick(&[Some(echo), Some(echo), Some(13), None]);
        let code = icmp_type.and_then(|_| self.pick(&[None, None, Some(0), Some(1)]));
        IcmpMatch { version, icmp_type, code }
    }
}
