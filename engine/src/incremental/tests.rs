//! After every change of a random sequence: what was compiled step by step is what is compiled anew, and the deltas of
//! elements take a kernel there.

use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::policy::{Action, Peers, PortMatches, Rule, Subject};
use policy_lang::port::{PortMatch, PortRange, Ports, Protocol};
use policy_lang::selector::{Operator, Requirement, Selector};
use policy_lang::source::Origin;
use proptest::prelude::*;

use super::*;
use crate::compile::compile;
use crate::compile::options::STANDARD;
use crate::diff::diff;
use crate::inventory::NamedPort;
use crate::kernel::fake::Fake;
use crate::kernel::{Guard, Kernel};
use crate::observed::TableFlags;

const NODE: &str = "here";

const SURROUNDINGS: Surroundings<'static> =
    Surroundings { host: None, node: NODE, forward_mode: ForwardMode::PodsFirst, pods: &STANDARD, sources: &[] };

/// Choices from a list of bytes; all zero once it has ended.
struct Draw<'a>(std::slice::Iter<'a, u8>);

impl Draw<'_> {
    fn below(&mut self, n: u8) -> u8 {
        self.0.next().copied().unwrap_or(0) % n
    }

    fn labels(&mut self) -> Labels {
        let (app, tier) = (self.below(4), self.below(3));
        let pairs = [("app", app), ("tier", tier)].into_iter().filter(|(_, value)| *value > 0);
        pairs.map(|(key, value)| (Arc::from(key), Arc::from(value.to_string()))).collect()
    }

    fn selector(&mut self) -> Selector {
        let key: Arc<str> = ["app", "tier"][usize::from(self.below(2))].into();
        let value: Arc<str> = self.below(4).to_string().into();
        match self.below(4) {
            0 => Selector::everything(),
            1 => Selector::new([Requirement { key, operator: Operator::NotIn([value].into()) }]),
            _ => Selector::new([Requirement { key, operator: Operator::In([value].into()) }]),
        }
    }

    fn namespace(&mut self) -> Arc<str> {
        ["x", "y", "z"][usize::from(self.below(3))].into()
    }

    fn pods(&mut self) -> PodSelector {
        let namespaces = match self.below(2) {
            0 => Namespaces::Named(self.namespace()),
            _ => Namespaces::Matching(self.selector()),
        };
        PodSelector { namespaces, pods: self.selector() }
    }

    fn peer(&mut self) -> Peer {
        match self.below(5) {
            0 => Peer::Addresses { cidr: "10.0.0.0/29".parse().unwrap(), except: [].into() },
            _ => Peer::Pods(self.pods()),
        }
    }

    fn port(&mut self) -> PortMatch {
        let protocol = [Protocol::Tcp, Protocol::Udp][usize::from(self.below(2))];
        let ports = match self.below(4) {
            0 => Ports::Named("http".into()),
            1 => Ports::All,
            n => {
                let number = |n| std::num::NonZeroU16::new(n).unwrap();
                let first = 80 + u16::from(self.below(6));
                Ports::Range(PortRange::new(number(first), number(first + u16::from(n - 2))).unwrap())
            }
        };
        PortMatch { protocol, ports }
    }

    fn rule(&mut self) -> Rule {
        let peers = (0..=self.below(3)).map(|_| self.peer()).collect();
        let ports = match self.below(4) {
            0 => PortMatches::Any,
            _ => PortMatches::AnyOf((0..=self.below(3)).map(|_| self.port()).collect()),
        };
        Rule::new(Origin::default(), Action::Accept, Peers::AnyOf(peers), ports)
    }

    fn rules(&mut self) -> Option<Vec<Rule>> {
        (self.below(3) > 0).then(|| (0..self.below(6)).map(|_| self.rule()).collect())
    }

    fn policy(&mut self, tier: Tier, name: NamespacedName) -> Policy {
        let namespaces = match tier {
            Tier::NetworkPolicy => Namespaces::Named(Arc::clone(&name.namespace)),
            Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline => {
                Namespaces::Matching(self.selector())
            }
        };
        Policy {
            origin: Origin::default().with_subject(name.to_string()),
            name,
            tier,
            priority: 0,
            subject: Subject { pods: PodSelector { namespaces, pods: self.selector() }, exempt: [].into() },
            ingress: self.rules(),
            egress: self.rules(),
        }
    }

    fn pod(&mut self) -> Pod {
        // One address in eight is another's too.
        let address = 1 + self.below(40);
        let mut addresses: Vec<IpAddr> = vec![format!("10.0.0.{address}").parse().unwrap()];
        if self.below(2) == 0 {
            addresses.push(format!("2001:db8::{address}").parse().unwrap());
        }
        if self.below(9) == 8 {
            addresses.clear();
        }
        let ports = (self.below(2) == 0).then(|| NamedPort {
            name: "http".into(),
            protocol: Protocol::Tcp,
            port: 80 + u16::from(self.below(3)),
        });
        Pod {
            labels: self.labels(),
            node: (self.below(5) > 0).then(|| if self.below(4) == 0 { NODE.into() } else { "there".into() }),
            addresses,
            ports: ports.into_iter().collect(),
            terminating: self.below(6) == 5,
        }
    }

    fn change(&mut self) -> Change {
        let name = |draw: &mut Self, n| NamespacedName::new(draw.namespace(), format!("n{}", draw.below(n)));
        match self.below(12) {
            0 => {
                let namespace = self.namespace();
                Change::Namespace(namespace, (self.below(4) > 0).then(|| self.labels()))
            }
            1 => {
                let tier = Tier::ALL[usize::from(self.below(5))];
                let name = name(self, 3);
                let policy = (self.below(4) > 0).then(|| self.policy(tier, name.clone()));
                Change::Policy(tier, name, policy)
            }
            2 | 3 => {
                let name = name(self, 4);
                let policy = (self.below(6) > 0).then(|| self.policy(Tier::NetworkPolicy, name.clone()));
                Change::Policy(Tier::NetworkPolicy, name, policy)
            }
            _ => {
                let name = name(self, 6);
                Change::Pod(name, (self.below(4) > 0).then(|| self.pod()))
            }
        }
    }
}

fn anew(incremental: &Incremental) -> Ruleset {
    let (policies, inventory) = incremental.facts();
    let Surroundings { host, node, forward_mode, pods, sources } = SURROUNDINGS;
    compile(&Input { policies, host, inventory, node, forward_mode, pods, sources }).0
}

fn carry_out(fake: &mut Fake, round: &Round) {
    for ops in [&round.fill, &round.flip, &round.collect] {
        if !ops.is_empty() {
            fake.commit(ops, Guard::None).unwrap();
        }
    }
}

fn reach(fake: &mut Fake, desired: &Ruleset) {
    let tables: Vec<TableKey> = desired.tables.keys().cloned().collect();
    for _ in 0..4 {
        let plan = diff(&fake.observe(&tables).unwrap(), desired, TableFlags::default());
        let Some(round) = plan.rounds.first() else { return };
        carry_out(fake, round);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn step_by_step_is_what_is_compiled_anew(bytes in prop::collection::vec(any::<u8>(), 200..1_500)) {
        let mut draw = Draw(bytes.iter());
        let mut incremental = Incremental::new(Vec::new(), Inventory::default(), SURROUNDINGS);
        let mut fake = Fake::current();
        while !draw.0.as_slice().is_empty() {
            let change = draw.change();
            match incremental.apply(change.clone(), SURROUNDINGS) {
                Applied::Elements(deltas) => carry_out(&mut fake, &incremental.round(&deltas)),
                Applied::Structure => reach(&mut fake, incremental.ruleset()),
            }
            prop_assert_eq!(incremental.ruleset(), &anew(&incremental), "{:?}", change);
            let tables: Vec<TableKey> = incremental.ruleset().tables.keys().cloned().collect();
            if !fake.observe(&tables).unwrap().tables.is_empty() {
                prop_assert_eq!(&fake.ruleset(), incremental.ruleset(), "{:?}", change);
            }
        }
    }
}
