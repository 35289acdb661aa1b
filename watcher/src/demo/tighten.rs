//! A tightening that cuts a live connection: a rule that permits one is taken out while it is open.
//!
//! Which rule it is follows from the sources alone, by the oracle; what becomes of the connection is seen in packets.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::apply::apply;
use engine::compile::ForwardMode;
use engine::compile::options::LOG_GROUP;
use engine::eval::policy::Cause;
use engine::eval::ruleset::Owner;
use engine::kernel::{Kernel, Netlink, PacketLog};
use engine::observed::TableFlags;
use engine::place::{self, Event};
use engine::ruleset::{Family, TableKey};
use policy_lang::name::NamespacedName;
use policy_lang::peer::Peer;
use policy_lang::policy::{Peers, Policy, Rule, Tier};
use policy_lang::source::Origin;

use super::judge::Judge;
use super::scene::{Party, Place, Scene};
use super::stage::Enforced;
use super::{DemoError, World};
use crate::drops::stream::{Facts, Seen, Stream};
use crate::drops::{self, CountedPlace, Owners, places};
use crate::flows::{self, Before};
use crate::lab::{Lab, LabError, Outcome, Service};
use crate::source::Loaded;

/// How often something is said in each direction before the tightening.
const EXCHANGES: usize = 3;
/// How long an open connection may take to answer on a machine that does much else, and how long nothing has to come for
/// a cut one to count as silent: several retransmissions fit in.
const ANSWER: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_millis(1500);
/// How long what is denied may take to be reported.
const REPORTED: Duration = Duration::from_secs(10);
/// Rules that are tried until one is found whose connection hangs on nothing else.
const TRIES: usize = 8;

/// A connection, and the rule that it hangs on.
#[derive(Debug)]
pub struct Tightening {
    /// Who opens it.
    pub from: Box<str>,
    /// Whom it reaches.
    pub to: Box<str>,
    /// There.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// The policy that permits it.
    pub policy: NamespacedName,
    /// The rule that permits it, and that is taken out.
    pub rule: Origin,
    /// The source line that denies it afterwards.
    pub denied_by: Box<str>,
    /// The node that does.
    pub node: Arc<str>,
    /// What is enforced afterwards.
    pub world: World,
}

/// What became of the connection.
#[derive(Debug)]
pub struct Cut {
    /// Whether it was open before.
    pub was_open: bool,
    /// Live connections that were cut on all nodes.
    pub n_revoked: usize,
    /// Transactions committed on each node.
    pub commits: BTreeMap<Arc<str>, u32>,
    /// Whether it is silent afterwards, in both directions.
    pub is_silent: bool,
    /// What `drops` says about the connection itself, and about an attempt to open it again.
    pub drops: Vec<Seen>,
}

impl Tightening {
    /// Finds a TCP connection between pods that hangs on one rule of a NetworkPolicy; there may be none.
    pub fn find(world: &World, scene: &Scene, loaded: &Loaded, mode: ForwardMode, owner: Owner) -> Option<Self> {
        let judge = Judge::new(world, scene, owner);
        let mut found = Vec::new();
        for (service, port) in scene.services.iter().filter_map(|service| Some((*service, tcp_port(*service)?))) {
            for (from, to) in pod_pairs(scene) {
                let Some(address) = to.addresses.first().copied() else { continue };
                if let Some((policy, rule)) = permitting(&judge, from, to, address, service) {
                    found.push((from, to, address, (service, port), (policy, rule)));
                }
            }
        }
        // A rule that names pods says more about the two than one that is for everybody.
        found.sort_by_key(|(.., (_, rule))| !names_pods(&world.policies, rule));
        let mut tried: Vec<Origin> = Vec::new();
        for (from, to, address, (service, port), (policy, rule)) in found {
            if tried.contains(&rule) {
                continue;
            }
            if tried.len() == TRIES {
                return None;
            }
            tried.push(rule.clone());
            let tightened = Loaded { policies: without(&world.policies, &rule), ..loaded.clone() };
            let (after, _) = World::compile_as(tightened, mode, world.options.clone());
            let verdict = Judge::new(&after, scene, owner).verdict(from, to, address, service)?;
            let denial = verdict.denial.filter(|_| verdict.outcome == Outcome::Dropped);
            if let Some((node, line)) = denial.and_then(|denial| Some((denial.node, denial.line?))) {
                let (from, to) = (from.name.clone(), to.name.clone());
                return Some(Self { from, to, address, port, policy, rule, denied_by: line, node, world: after });
            }
        }
        None
    }

    /// Opens the connection, takes the rule out, and looks at what becomes of it. Everybody who answered the questions
    /// stops to.
    ///
    /// # Errors
    /// [`DemoError`].
    pub fn show(&self, before: &World, enforced: &mut Enforced) -> Result<Cut, DemoError> {
        enforced.lab_mut().listen(&[])?;
        let mut connection = Connection::open(self, enforced.lab())?;
        let was_open = (0..EXCHANGES).all(|_| connection.passes(ANSWER) == [true; 2]);
        let mut stream = self.follow(enforced.lab())?;
        let (commits, n_revoked) = self.enforce(before, enforced.lab())?;
        let is_silent = connection.passes(SILENCE) == [false; 2];
        self.knock(enforced.lab())?;
        let drops = self.reported(&mut stream)?;
        Ok(Cut { was_open, n_revoked, commits, is_silent, drops })
    }

    /// Loads what is enforced now on every node, and has live connections judged there.
    fn enforce(&self, before: &World, lab: &Lab) -> Result<(BTreeMap<Arc<str>, u32>, usize), DemoError> {
        let mut commits = BTreeMap::new();
        let mut n_revoked = 0;
        for (node, ruleset) in &self.world.rulesets {
            let name = || Box::from(&**node);
            let (n_commits, revoked) = lab.namespace(node)?.run(|| {
                let mut kernel = Netlink::open().map_err(|source| DemoError::Kernel { node: name(), source })?;
                let flags = TableFlags { owner: false, persist: kernel.features().persist };
                let applied = apply(&mut kernel, ruleset, flags, &mut |_| ControlFlow::Continue(()))
                    .map_err(|source| DemoError::Apply { node: name(), source })?;
                let was = before.rulesets.get(node).map_or(Before::Unknown, Before::Judged);
                let affected = flows::affected(was, ruleset);
                let judged = flows::judge(affected, ruleset, &self.world.options.local)
                    .map_err(|source| DemoError::Flows { node: name(), source })?;
                Ok::<_, DemoError>((applied.n_commits, judged.n_revoked))
            })??;
            commits.insert(Arc::clone(node), n_commits);
            n_revoked += revoked;
        }
        Ok((commits, n_revoked))
    }

    /// Begins to read what the deciding node denies.
    fn follow(&self, lab: &Lab) -> Result<Stream<Node>, DemoError> {
        let name = || Box::from(&*self.node);
        lab.namespace(&self.node)?.run(|| {
            let kernel = Netlink::open().map_err(|source| DemoError::Kernel { node: name(), source })?;
            let log = PacketLog::open(LOG_GROUP).map_err(|source| DemoError::Log { node: name(), source })?;
            let owners = Owners::of(&self.world.inventory);
            Stream::new(log, Node { kernel, owners }).map_err(|source| DemoError::Drops { node: name(), source })
        })?
    }

    /// Tries to open it once more.
    fn knock(&self, lab: &Lab) -> Result<(), DemoError> {
        let to = SocketAddr::new(self.address, self.port);
        // That it fails is what is wanted; whether for the right reason is told by what the node reports.
        let _refused = lab.namespace(&self.from)?.run(|| TcpStream::connect_timeout(&to, SILENCE))?;
        Ok(())
    }

    /// What is said about the live connection, and about the new one.
    fn reported(&self, stream: &mut Stream<Node>) -> Result<Vec<Seen>, DemoError> {
        let mut found: BTreeMap<bool, Seen> = BTreeMap::new();
        let begun = Instant::now();
        while found.len() < 2 && begun.elapsed() < REPORTED {
            let patience = REPORTED.saturating_sub(begun.elapsed());
            let seen = stream.next(patience, |event| event == Event::Denied);
            let seen = seen.map_err(|source| DemoError::Drops { node: (&*self.node).into(), source })?;
            if let Some(Seen::Event(event)) = seen {
                let is_revoked = event.place.cause == place::Cause::Revoked;
                let about = |packet: &drops::stream::Packet| {
                    packet.to.address == self.address && packet.to.port == Some(self.port)
                };
                if event.packet.as_ref().is_some_and(about) {
                    found.entry(!is_revoked).or_insert(Seen::Event(event));
                }
            }
        }
        Ok(found.into_values().collect())
    }
}

impl Cut {
    /// Whether the tightening did what it says, and `drops` named the policy's line.
    pub fn is_as_written(&self, tightening: &Tightening) -> bool {
        let named = self.drops.iter().any(|seen| match seen {
            Seen::Event(event) => event.line.text() == &*tightening.denied_by,
            Seen::Lost(_) => false,
        });
        self.was_open && self.is_silent && self.n_revoked > 0 && named
    }
}

/// The pods of a scene, each with each other one.
fn pod_pairs(scene: &Scene) -> impl Iterator<Item = (&Party, &Party)> {
    let pods = || scene.parties.iter().filter(|party| matches!(party.place, Place::Pod { .. }));
    pods().flat_map(move |from| pods().filter(move |to| to.name != from.name).map(move |to| (from, to)))
}

fn tcp_port(service: Service) -> Option<u16> {
    match service {
        Service::Tcp(port) => Some(port),
        Service::Udp(_) | Service::Sctp(_) | Service::Echo => None,
    }
}

/// The rule of a NetworkPolicy that permits a connection, if it is open and one decides.
fn permitting<'a>(
    judge: &Judge<'a>,
    from: &'a Party,
    to: &'a Party,
    address: IpAddr,
    service: Service,
) -> Option<(NamespacedName, Origin)> {
    match judge.oracle(from, to, address, service)?.cause {
        Cause::Rule { tier: Tier::NetworkPolicy, policy, origin } => {
            let is_open = judge.verdict(from, to, address, service)?.outcome == Outcome::Open;
            is_open.then_some((policy, origin))
        }
        Cause::Rule { .. }
        | Cause::Isolated { .. }
        | Cause::Quarantine
        | Cause::Hairpin
        | Cause::NoRule
        | Cause::NoPod
        | Cause::OwnNode
        | Cause::OwnNodeOpen
        | Cause::Vital
        | Cause::RoutingFromPod => None,
    }
}

/// Whether the peers of a rule are pods by their labels.
fn names_pods(policies: &[Policy], origin: &Origin) -> bool {
    let rules = policies.iter().flat_map(|policy| policy.ingress.iter().chain(&policy.egress).flatten());
    let mut of_origin = rules.filter(|rule| rule.origin == *origin);
    of_origin.all(|rule| match &rule.peers {
        Peers::Any => false,
        Peers::AnyOf(peers) => peers.iter().all(|peer| matches!(peer, Peer::Pods(_))),
    })
}

/// The policies without one rule. What they isolate stays isolated.
fn without(policies: &[Policy], origin: &Origin) -> Vec<Policy> {
    let kept = |rules: &Option<Vec<Rule>>| {
        let rules = rules.as_ref()?.iter().filter(|rule| rule.origin != *origin);
        Some(rules.cloned().collect())
    };
    let tightened =
        |policy: &Policy| Policy { ingress: kept(&policy.ingress), egress: kept(&policy.egress), ..policy.clone() };
    policies.iter().map(tightened).collect()
}

/// A connection that lives: both of its ends, each in its pod.
struct Connection {
    client: TcpStream,
    server: TcpStream,
}

impl Connection {
    fn open(tightening: &Tightening, lab: &Lab) -> Result<Self, DemoError> {
        let to = SocketAddr::new(tightening.address, tightening.port);
        let failed = |what: &str| {
            let what = format!("{what} {to} in the laboratory").into();
            move |source| LabError::Io { what, source }
        };
        let listener = lab.namespace(&tightening.to)?.run(|| TcpListener::bind(to))?.map_err(failed("listening on"))?;
        let client = lab.namespace(&tightening.from)?.run(|| TcpStream::connect_timeout(&to, ANSWER))?;
        let client = client.map_err(failed("connecting to"))?;
        let (server, _) = listener.accept().map_err(failed("accepting at"))?;
        Ok(Self { client, server })
    }

    /// Whether what each end says arrives at the other: what the client says, and what the server does.
    fn passes(&mut self, patience: Duration) -> [bool; 2] {
        let Self { client, server } = self;
        [said(client, server, patience), said(server, client, patience)]
    }
}

fn said(from: &mut TcpStream, to: &mut TcpStream, patience: Duration) -> bool {
    let mut say = || -> io::Result<()> {
        to.set_read_timeout(Some(patience))?;
        from.write_all(b"x")?;
        to.read_exact(&mut [0])
    };
    say().is_ok()
}

/// A node, as far as what it denies is concerned.
struct Node {
    kernel: Netlink,
    owners: Owners,
}

impl Facts for Node {
    fn places(&mut self) -> anyhow::Result<Vec<CountedPlace>> {
        let table = TableKey::ours(Family::Inet);
        Ok(places(&self.kernel.counters(&table)?, &self.kernel.counting_rules(&table)?))
    }

    fn read_again(&mut self) {}

    fn owners(&mut self, addresses: [IpAddr; 2]) -> [Vec<drops::Owner>; 2] {
        addresses.map(|address| self.owners.of_address(address).to_vec())
    }

    fn interface(&mut self, _: u32) -> Option<Box<str>> {
        None
    }
}
