//! Building a laboratory, and asking for what is in it by name.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use engine::render;

use super::LabError;
use super::links::{self, Resolution, Wire};
use super::namespace::Namespace;
use super::probe::{self, Answer, Outcome, Patience, Probe};
use super::responder::{Listener, Responder};
use super::service::Service;
use super::topology::{BridgeCalls, Host, Node, Plumbing, Topology};

/// The bridge of a node whose pods are bridged.
const BRIDGE: &str = "cni0";
/// How long packets may take to flow on a machine that is busy, before the laboratory is given up.
const SETTLE: Duration = Duration::from_secs(10);

/// A laboratory that is up.
#[derive(Debug)]
pub struct Lab {
    places: BTreeMap<Box<str>, Place>,
    /// The router between nodes and the outside; held because the wires end in it.
    fabric: Namespace,
    responder: Option<Responder>,
    /// Those that answer at addresses of their own.
    further: Vec<Responder>,
}

/// Where somebody is.
#[derive(Clone, Debug)]
struct Place {
    namespace: Arc<Namespace>,
    addresses: Vec<IpAddr>,
}

impl Lab {
    /// Builds it and waits until packets flow between every node, its pods and the outside.
    ///
    /// # Errors
    /// Any [`LabError`]; nothing is left behind.
    pub fn up(topology: &Topology) -> Result<Self, LabError> {
        let fabric = Namespace::new("fabric")?;
        let mut places = BTreeMap::new();
        for host in topology.hosts() {
            let namespace = Arc::new(Namespace::new(&host.name)?);
            places.insert(host.name.clone(), Place { namespace, addresses: host.addresses.clone() });
        }
        for node in &topology.nodes {
            if let Some(place) = places.get(&node.host.name).cloned() {
                places.extend(node.processes.iter().map(|name| (name.clone(), place.clone())));
            }
        }
        let lab = Self { places, fabric, responder: None, further: Vec::new() };
        lab.wire(topology)?;
        lab.translate(topology)?;
        lab.settle(topology)?;
        Ok(lab)
    }

    /// The namespace that something or somebody is in.
    ///
    /// # Errors
    /// [`LabError::Unknown`].
    pub fn namespace(&self, name: &str) -> Result<&Arc<Namespace>, LabError> {
        self.place(name).map(|place| &place.namespace)
    }

    /// The addresses of something or somebody.
    ///
    /// # Errors
    /// [`LabError::Unknown`].
    pub fn addresses(&self, name: &str) -> Result<&[IpAddr], LabError> {
        self.place(name).map(|place| &*place.addresses)
    }

    /// The router between the nodes and the outside.
    pub fn fabric(&self) -> &Namespace {
        &self.fabric
    }

    /// Has every host and node answer to these services on each of its addresses, instead of those before.
    ///
    /// # Errors
    /// [`LabError::Io`] if a port cannot be had.
    pub fn listen(&mut self, services: &[Service]) -> Result<(), LabError> {
        self.responder = None;
        let mut listeners = Vec::new();
        for (name, place) in &self.places {
            // Processes share their node's namespace, whose own name answers for all of them.
            if place.namespace.label() != &**name {
                continue;
            }
            let opened = place.namespace.run(|| {
                let wanted = place.addresses.iter().flat_map(|ip| services.iter().map(move |service| (*ip, *service)));
                wanted.map(|(ip, service)| Listener::open(name, ip, service)).collect::<Result<Vec<_>, _>>()
            })?;
            listeners.extend(opened?.into_iter().flatten());
        }
        self.responder = Some(Responder::start(listeners)?);
        Ok(())
    }

    /// Has somebody answer to services on further addresses of its namespace, which it has been given already.
    ///
    /// # Errors
    /// [`LabError::Unknown`]; [`LabError::Io`] if a port cannot be had.
    pub fn listen_also(&mut self, name: &str, addresses: &[IpAddr], services: &[Service]) -> Result<(), LabError> {
        let wanted = addresses.iter().flat_map(|ip| services.iter().map(move |service| (*ip, *service)));
        let opened = self.namespace(name)?.run(|| {
            let listeners = wanted.map(|(ip, service)| Listener::open(name, ip, service));
            listeners.collect::<Result<Vec<_>, _>>()
        })?;
        self.further.push(Responder::start(opened?.into_iter().flatten().collect())?);
        Ok(())
    }

    /// Sends all probes, those of different places at the same time, and says what became of each.
    ///
    /// # Errors
    /// [`LabError::Unknown`], [`LabError::Io`].
    pub fn probe(&self, probes: &[Probe], patience: Patience) -> Result<Vec<Answer>, LabError> {
        let mut by_source: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (idx, probe) in probes.iter().enumerate() {
            by_source.entry(self.place(&probe.from)?.namespace.label()).or_default().push(idx);
        }
        let mut answers = vec![Answer::default(); probes.len()];
        let results = thread::scope(|scope| {
            let mut running = Vec::new();
            for indices in by_source.values() {
                let chosen: Vec<_> = indices.iter().filter_map(|idx| probes.get(*idx)).collect();
                running.push(scope.spawn(move || {
                    let Some(first) = chosen.first() else { return Ok(Vec::new()) };
                    self.namespace(&first.from)?.run(|| probe::run(&chosen, patience))?
                }));
            }
            running.into_iter().map(join).collect::<Result<Vec<_>, LabError>>()
        })?;
        for (idx, answer) in by_source.into_values().flatten().zip(results.into_iter().flatten()) {
            if let Some(slot) = answers.get_mut(idx) {
                *slot = answer;
            }
        }
        Ok(answers)
    }

    fn place(&self, name: &str) -> Result<&Place, LabError> {
        self.places.get(name).ok_or_else(|| LabError::Unknown(name.into()))
    }

    fn wire(&self, topology: &Topology) -> Result<(), LabError> {
        let Topology { plumbing, nodes, outside, services: _ } = topology;
        let all = self.places.values().map(|place| &*place.namespace).chain([&self.fabric]);
        each(all, |namespace| namespace.sysctl(links::EVERYWHERE))?;
        self.fabric.sysctl(links::ROUTER)?;
        self.fabric.ip("addr add 192.168.0.1/32 dev lo\naddr add 2001:db8:0:1::1/128 dev lo nodad\n")?;

        let attached: Vec<_> = nodes.iter().map(|node| &node.host).chain(outside).collect();
        let mut near = String::new();
        let mut far = Vec::new();
        for (idx, host) in attached.iter().enumerate() {
            let path = self.namespace(&host.name)?.path();
            let wire = links::routed(&format!("lk{}", idx + 1), host, &path, Resolution::Told);
            near.push_str(&wire.near);
            far.push((host, wire.far));
        }
        for (idx, node) in nodes.iter().enumerate() {
            near.push_str(&links::behind(&format!("lk{}", idx + 1), &node.pods, &node.host));
        }
        self.fabric.ip(&near)?;
        each(&far, |(host, lines)| self.namespace(&host.name)?.ip(lines))?;
        each(nodes, |node| self.wire_node(node, *plumbing))
    }

    fn wire_node(&self, node: &Node, plumbing: Plumbing) -> Result<(), LabError> {
        let namespace = self.namespace(&node.host.name)?;
        namespace.sysctl(links::ROUTER)?;
        let mut near = String::new();
        match plumbing {
            Plumbing::Routed => {}
            Plumbing::Bridge(calls) => {
                let value = match calls {
                    BridgeCalls::On => "1",
                    BridgeCalls::Off => "0",
                };
                let keys = ["bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables"];
                namespace.sysctl(&keys.map(|key| (key, value)))?;
                near.push_str(&links::bridge(BRIDGE, &node.pods));
            }
        }
        let mut far = Vec::new();
        let mut proxies = Vec::new();
        for (idx, pod) in node.pods.iter().enumerate() {
            let path = self.namespace(&pod.name)?.path();
            let wire = match plumbing {
                Plumbing::Routed => {
                    let interface = format!("cali{}", idx + 1);
                    proxies.extend(links::proxy(&interface));
                    links::routed(&interface, pod, &path, Resolution::Asked)
                }
                Plumbing::Bridge(_) => links::bridged(&format!("veth{}", idx + 1), BRIDGE, pod, &path),
            };
            let Wire { near: lines, far: pod_lines } = wire;
            near.push_str(&lines);
            far.push((pod, pod_lines));
        }
        namespace.ip(&near)?;
        namespace.sysctl(&proxies.iter().map(|(key, value)| (&**key, *value)).collect::<Vec<_>>())?;
        each(&far, |(pod, lines)| self.namespace(&pod.name)?.ip(lines))
    }

    /// What kube-proxy would do, in a table of the laboratory's own on every node.
    fn translate(&self, topology: &Topology) -> Result<(), LabError> {
        if let Some(service) = topology.services.iter().find(|service| !self.places.contains_key(&service.backend)) {
            return Err(LabError::Unknown(service.backend.clone()));
        }
        let table = render::ruleset(&topology.translation());
        if table.is_empty() {
            return Ok(());
        }
        each(&topology.nodes, |node| self.namespace(&node.host.name)?.nft(&table))
    }

    /// Waits until every node reaches its pods, and everybody attached to the fabric reaches the first node.
    fn settle(&self, topology: &Topology) -> Result<(), LabError> {
        let mut probes = Vec::new();
        let mut add = |from: &Host, to: &Host| {
            let both = to.addresses.iter().filter(|ip| from.addresses.iter().any(|own| own.is_ipv4() == ip.is_ipv4()));
            probes.extend(both.map(|to| Probe { from: from.name.clone(), to: *to, service: Service::Echo }));
        };
        for node in &topology.nodes {
            for pod in &node.pods {
                add(&node.host, pod);
                add(pod, &node.host);
            }
        }
        for host in topology.nodes.iter().map(|node| &node.host).chain(&topology.outside) {
            topology.nodes.iter().for_each(|node| add(host, &node.host));
        }
        let start = Instant::now();
        while !probes.is_empty() {
            let answers = self.probe(&probes, Patience::default())?;
            let mut answers = answers.into_iter();
            probes.retain(|_| answers.next().is_none_or(|answer| answer.outcome != Outcome::Open));
            if let Some(probe) = probes.first()
                && start.elapsed() > SETTLE
            {
                return Err(LabError::Silent(format!("{} from {}", probe.to, probe.from).into()));
            }
        }
        Ok(())
    }
}

/// Does the same for each, at the same time; the first failure counts.
fn each<T: Sync + Send>(
    items: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> Result<(), LabError> + Sync,
) -> Result<(), LabError> {
    thread::scope(|scope| {
        let work = &work;
        let mut running = Vec::new();
        running.extend(items.into_iter().map(|item| scope.spawn(move || work(item))));
        running.into_iter().try_for_each(join)
    })
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, Result<T, LabError>>) -> Result<T, LabError> {
    match thread.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
