//! After every change of a random sequence: what was compiled step by step is what is compiled anew, and the deltas of
//! elements take a kernel there.

use policy_lang::host::MemoryFiles;
use policy_lang::host::rule::HostRules;
use policy_lang::peer::{Namespaces, Peer, PodSelector, ServicePart};
use policy_lang::policy::{Action, Effect, Peers, PortMatches, Rule, Subject};
use policy_lang::port::{PortMatch, PortRange, Ports, Protocol};
use policy_lang::selector::{Operator, Requirement, Selector};
use policy_lang::source::{Origin, Sources};
use proptest::prelude::*;

use super::*;
use crate::compile::host::Names;
use crate::compile::options::{LocalPods, STANDARD};
use crate::compile::{compile, failsafe};
use crate::diff::diff;
use crate::inventory::{Endpoint, NamedPort};
use crate::kernel::fake::Fake;
use crate::kernel::{Guard, Kernel};
use crate::observed::TableFlags;

const NODE: &str = "here";

/// Host rules that name nodes, pods, namespaces and a Service, the last of them negated.
const HOST_RULES: &str = "domain (ip ip6) chain INPUT {
    saddr (@nodes(app=1) 10.0.0.0/29) ACCEPT;
    saddr @pods(x, app=1) proto tcp dport 80 DROP;
    saddr @namespace(tier=1) LOG;
    daddr @service(x/n0) DROP;
    daddr @service(x/n1, addresses) ACCEPT;
    saddr !@pods(tier=2) DROP;
}";

/// The host rules as they are read.
struct HostText {
    rules: HostRules,
    names: Names,
    sources: Sources,
}

impl HostText {
    fn new() -> Self {
        let mut sources = Sources::default();
        let files = MemoryFiles::default().with("host", HOST_RULES);
        let (rules, found) = policy_lang::host::parse("host", &files, &[], &mut sources);
        assert_eq!(found, []);
        Self { rules, names: Names::built_in(), sources }
    }

    fn input(&self) -> HostInput<'_> {
        let Self { rules, names, sources } = self;
        HostInput { rules, names, sources, failsafes: &failsafe::NONE }
    }
}

const fn surroundings(pods: &PodOptions) -> Surroundings<'_> {
    Surroundings { host: None, node: NODE, forward_mode: ForwardMode::PodsFirst, pods, sources: &[] }
}

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
        match self.below(8) {
            0 => Peer::Addresses { cidr: "10.0.0.0/29".parse().unwrap(), except: [].into() },
            1 => Peer::Nodes(self.selector()),
            2 => {
                let part = [ServicePart::Endpoints, ServicePart::Addresses][usize::from(self.below(2))];
                Peer::Service { name: self.name(2), part }
            }
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

    fn rule(&mut self, tier: Tier) -> Rule {
        let peers = (0..=self.below(3)).map(|_| self.peer()).collect::<Vec<_>>();
        let ports = match self.below(4) {
            0 => PortMatches::Any,
            _ => PortMatches::AnyOf((0..=self.below(3)).map(|_| self.port()).collect()),
        };
        let rule = Rule::new(Origin::default(), Action::Accept, Peers::AnyOf(peers), ports);
        match tier {
            Tier::NetworkPolicy => rule,
            Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline => {
                let action = [Action::Accept, Action::Deny, Action::Pass][usize::from(self.below(3))];
                let effect = if self.below(5) == 4 { Effect::Audited } else { Effect::Enforced };
                Rule { action, effect, ..rule }
            }
        }
    }

    fn rules(&mut self, tier: Tier) -> Option<Vec<Rule>> {
        (self.below(3) > 0).then(|| (0..self.below(6)).map(|_| self.rule(tier)).collect())
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
            priority: if tier == Tier::NetworkPolicy { 0 } else { self.below(3).into() },
            subject: Subject { pods: PodSelector { namespaces, pods: self.selector() }, exempt: [].into() },
            ingress: self.rules(tier),
            egress: self.rules(tier),
        }
    }

    fn address(&mut self) -> u8 {
        // One address in eight is another's too.
        1 + self.below(40)
    }

    fn node(&mut self) -> Node {
        Node {
            addresses: vec![format!("192.0.2.{}", self.below(4)).parse().unwrap()],
            pod_cidrs: vec![format!("10.0.0.{}/29", 8 * self.below(6)).parse().unwrap()],
            labels: self.labels(),
        }
    }

    fn service(&mut self) -> Service {
        let endpoint = |draw: &mut Self| Endpoint {
            address: format!("10.0.0.{}", draw.address()).parse().unwrap(),
            protocol: Protocol::Tcp,
            port: (draw.below(4) > 0).then_some(80),
        };
        let mut endpoints: Vec<_> = (0..self.below(4)).map(|_| endpoint(self)).collect();
        endpoints.sort_unstable();
        endpoints.dedup();
        Service { addresses: vec![format!("10.9.0.{}", self.below(4)).parse().unwrap()], endpoints }
    }

    fn name(&mut self, n: u8) -> NamespacedName {
        NamespacedName::new(self.namespace(), format!("n{}", self.below(n)))
    }

    fn pod(&mut self) -> Pod {
        let address = self.address();
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

    fn change(&mut self, inventory: &Inventory) -> Change {
        match self.below(16) {
            0 => {
                let namespace = self.namespace();
                Change::Namespace(namespace, (self.below(4) > 0).then(|| self.labels()))
            }
            1 => {
                let tier = Tier::ALL[usize::from(self.below(5))];
                let name = self.name(3);
                let policy = (self.below(4) > 0).then(|| self.policy(tier, name.clone()));
                Change::Policy(tier, name, policy)
            }
            2 | 3 => {
                let name = self.name(4);
                let policy = (self.below(6) > 0).then(|| self.policy(Tier::NetworkPolicy, name.clone()));
                Change::Policy(Tier::NetworkPolicy, name, policy)
            }
            4 => {
                let node = ["there", NODE][usize::from(self.below(2))].into();
                Change::Node(node, (self.below(4) > 0).then(|| self.node()))
            }
            5 => {
                let name = self.name(2);
                Change::Service(name, (self.below(4) > 0).then(|| self.service()))
            }
            6..=9 => self.part_of_a_pod(inventory),
            _ => {
                let name = self.name(6);
                Change::Pod(name, (self.below(4) > 0).then(|| self.pod()))
            }
        }
    }

    /// A pod that is there gets other labels, another address, loses its addresses, or begins to end; every second time
    /// one of the node's own.
    fn part_of_a_pod(&mut self, inventory: &Inventory) -> Change {
        let any_node = self.below(2) == 0;
        let pods = inventory.pods.iter().filter(|(_, pod)| any_node || pod.node.as_deref() == Some(NODE));
        let pods: Vec<_> = pods.collect();
        let at = usize::from(self.below(u8::MAX)) % pods.len().max(1);
        let Some((name, pod)) = pods.get(at) else { return Change::Pod(self.name(6), Some(self.pod())) };
        let mut pod = Pod::clone(pod);
        match self.below(5) {
            0 => pod.addresses = vec![format!("10.0.0.{}", self.address()).parse().unwrap()],
            1 => pod.addresses.clear(),
            2 => pod.terminating = true,
            _ => pod.labels = self.labels(),
        }
        Change::Pod((*name).clone(), Some(pod))
    }
}

fn anew(incremental: &Incremental, surroundings: Surroundings<'_>) -> Ruleset {
    let (policies, inventory) = incremental.facts();
    let Surroundings { host, node, forward_mode, pods, sources } = surroundings;
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

/// How pod policy may be enforced: as usual; with ranges and interfaces that are local before a pod's address is known;
/// or on a bridge.
fn options(which: u8) -> PodOptions {
    let local = LocalPods { node_pod_cidrs: true, interface_prefix: Some("cali".to_owned()), ..LocalPods::default() };
    match which % 3 {
        0 => STANDARD.clone(),
        1 => PodOptions { local, ..STANDARD.clone() },
        _ => PodOptions { local, bridged: Bridged::ByTable, ..STANDARD.clone() },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn step_by_step_is_what_is_compiled_anew(bytes in prop::collection::vec(any::<u8>(), 200..2_000)) {
        let mut draw = Draw(bytes.iter());
        let options = options(draw.below(3));
        let host = HostText::new();
        let surroundings = Surroundings { host: (draw.below(2) == 0).then(|| host.input()), ..surroundings(&options) };
        let mut incremental = Incremental::new(Vec::new(), Inventory::default(), surroundings);
        let mut fake = Fake::current();
        reach(&mut fake, incremental.ruleset());
        while !draw.0.as_slice().is_empty() {
            let change = draw.change(incremental.facts().1);
            match incremental.apply(change.clone(), surroundings) {
                Applied::Elements(deltas) => carry_out(&mut fake, &incremental.round(&deltas)),
                Applied::Structure => reach(&mut fake, incremental.ruleset()),
            }
            prop_assert_eq!(incremental.ruleset(), &anew(&incremental, surroundings), "{:?}", change);
            let tables: Vec<TableKey> = incremental.ruleset().tables.keys().cloned().collect();
            if !fake.observe(&tables).unwrap().tables.is_empty() {
                prop_assert_eq!(&fake.ruleset(), incremental.ruleset(), "{:?}", change);
            }
        }
    }
}

/// Isolates the pods of a namespace with this label `app`; permits nothing.
fn isolating(namespace: &str, name: &str, app: &str) -> Policy {
    let name = NamespacedName::new(namespace, name);
    let operator = Operator::In([Arc::from(app)].into());
    let pods = Selector::new([Requirement { key: "app".into(), operator }]);
    Policy {
        origin: Origin::default().with_subject(name.to_string()),
        subject: Subject {
            pods: PodSelector { namespaces: Namespaces::Named(Arc::clone(&name.namespace)), pods },
            exempt: [].into(),
        },
        name,
        tier: Tier::NetworkPolicy,
        priority: 0,
        ingress: Some(Vec::new()),
        egress: None,
    }
}

#[test]
fn a_policy_that_takes_anothers_place_in_the_list_does_not_take_its_chain() {
    let mut inventory = Inventory::default();
    for (n, app) in [(1, "one"), (2, "two")] {
        let pod = Pod {
            labels: [("app".into(), app.into())].into(),
            node: Some(NODE.into()),
            addresses: vec![format!("10.0.0.{n}").parse().unwrap()],
            ..Pod::default()
        };
        inventory.pods.insert(NamespacedName::new("x", app), pod);
    }
    let surroundings = surroundings(&STANDARD);
    let elsewhere = isolating("y", "elsewhere", "one");
    let policies = vec![elsewhere.clone(), isolating("x", "first", "one")];
    let mut incremental = Incremental::new(policies, inventory, surroundings);
    // The last policy moves to the place of the one that goes, and a new one to the end.
    let second = isolating("x", "second", "two");
    for (name, policy) in [(elsewhere.name, None), (second.name.clone(), Some(second))] {
        incremental.apply(Change::Policy(Tier::NetworkPolicy, name, policy), surroundings);
        assert_eq!(incremental.ruleset(), &anew(&incremental, surroundings));
    }
}
