//! What a laboratory looks like: nodes, pods on them, hosts outside, processes on the nodes' own network.
//!
//! ```text
//! plumbing  routed                                  # or: bridge, bridge-without-calls
//! node      node-a        192.168.0.11  2001:db8:0:1::11
//! pod       shop/cart     node-a  10.244.1.10  2001:db8:244:1::10
//! process   kubelet       node-a                     # shares the node's network and addresses
//! outside   alpha         203.0.113.10  2001:db8:ffff::10
//! service   198.18.0.1 2001:db8:5e::1  80/TCP  shop/cart:8080
//! ```
//!
//! The address plan: nodes in `192.168.0.0/24` and `2001:db8:0:1::/64`, pods of the Nth node in `10.244.N.0/24` and
//! `2001:db8:244:N::/64`, hosts outside in `203.0.113.0/24` and `2001:db8:ffff::/64`. The first address of each range
//! is the gateway's.

use std::net::IpAddr;
use std::str::FromStr;

use engine::inventory::Inventory;

use super::LabError;
use super::service::Service;

/// A laboratory to be built.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Topology {
    /// How pods hang on their node.
    pub plumbing: Plumbing,
    /// The nodes in order; the first has the pod range 10.244.1.0/24.
    pub nodes: Vec<Node>,
    /// Hosts that are no part of the cluster.
    pub outside: Vec<Host>,
    /// Virtual addresses that each node translates.
    pub services: Vec<VirtualService>,
}

/// How pods hang on their node.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Plumbing {
    /// One veth and one host route for each pod and family, the gateway is a link-local address (as Calico does it).
    #[default]
    Routed,
    /// All pods of a node on one Linux bridge.
    Bridge(BridgeCalls),
}

/// Whether bridged frames pass the IP hooks (`bridge-nf-call-iptables` and `-ip6tables`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BridgeCalls {
    /// They do.
    On,
    /// They do not: pods of one node reach each other past every IP hook.
    Off,
}

/// A node with its pods.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Node {
    /// Its name and addresses.
    pub host: Host,
    /// Its pods.
    pub pods: Vec<Host>,
    /// Names of processes on its own network.
    pub processes: Vec<Box<str>>,
}

/// Something with a network namespace of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Host {
    /// Its name, unique in the laboratory.
    pub name: Box<str>,
    /// Its addresses, at most one of each family.
    pub addresses: Vec<IpAddr>,
}

/// A virtual address that stands for a pod: what kube-proxy does, by a table of the laboratory's own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VirtualService {
    /// Its addresses, at most one of each family.
    pub addresses: Vec<IpAddr>,
    /// Its port.
    pub service: Service,
    /// The name of what answers.
    pub backend: Box<str>,
    /// The port there.
    pub port: u16,
}

impl Topology {
    /// The nodes of a cluster and the pods on them. Pods without a node or an address are left out, as are addresses
    /// beyond the first of each family.
    pub fn of(inventory: &Inventory) -> Self {
        let mut topology = Self::default();
        for (name, node) in &inventory.nodes {
            let host = Host { name: (&**name).into(), addresses: first_of_each(&node.addresses) };
            let pods = inventory.pods.iter().filter(|(_, pod)| pod.node.as_ref() == Some(name));
            let pods = pods
                .map(|(name, pod)| Host { name: name.to_string().into(), addresses: first_of_each(&pod.addresses) });
            let pods = pods.filter(|pod| !pod.addresses.is_empty()).collect();
            topology.nodes.push(Node { host, pods, processes: Vec::new() });
        }
        topology
    }

    /// Adds what a description says.
    ///
    /// # Errors
    /// [`LabError::Description`] names the first line that cannot be read.
    pub fn read(&mut self, text: &str) -> Result<(), LabError> {
        for (idx, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            self.line(line).map_err(|message| LabError::Description { line: idx + 1, message: message.into() })?;
        }
        Ok(())
    }

    /// Every namespace's name: nodes, their pods, hosts outside. Processes are not among them.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        let of_nodes = self.nodes.iter().flat_map(|node| std::iter::once(&node.host).chain(&node.pods));
        of_nodes.chain(&self.outside)
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split_whitespace();
        let keyword = words.next().unwrap_or_default();
        let mut word = |what: &str| words.next().ok_or_else(|| format!("`{keyword}` without {what}"));
        match keyword {
            "plumbing" => self.plumbing = word("a kind")?.parse()?,
            "node" => {
                let host = Host { name: word("a name")?.into(), addresses: addresses(words)? };
                self.nodes.push(Node { host, pods: Vec::new(), processes: Vec::new() });
            }
            "pod" => {
                let name = word("a name")?.into();
                let node = word("a node")?;
                let addresses = addresses(words)?;
                self.node(node)?.pods.push(Host { name, addresses });
            }
            "process" => {
                let name = word("a name")?.into();
                let node = word("a node")?;
                self.node(node)?.processes.push(name);
            }
            "outside" => {
                let host = Host { name: word("a name")?.into(), addresses: addresses(words)? };
                self.outside.push(host);
            }
            "service" => {
                let words: Vec<_> = words.collect();
                let [addresses_of @ .., service, backend] = words.as_slice() else {
                    return Err("`service` takes addresses, PORT/PROTOCOL and NAME:PORT".into());
                };
                let (name, port) = backend.rsplit_once(':').ok_or_else(|| format!("`{backend}` is not NAME:PORT"))?;
                self.services.push(VirtualService {
                    addresses: addresses(addresses_of.iter().copied())?,
                    service: service.parse()?,
                    backend: name.into(),
                    port: port.parse().map_err(|_| format!("`{port}` is not a port"))?,
                });
            }
            other => return Err(format!("`{other}` is none of plumbing, node, pod, process, outside, service")),
        }
        Ok(())
    }

    fn node(&mut self, name: &str) -> Result<&mut Node, String> {
        let found = self.nodes.iter_mut().find(|node| &*node.host.name == name);
        found.ok_or_else(|| format!("there is no node `{name}` above this line"))
    }
}

fn first_of_each(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let v4 = addresses.iter().find(|address| address.is_ipv4());
    let v6 = addresses.iter().find(|address| address.is_ipv6());
    v4.into_iter().chain(v6).copied().collect()
}

fn addresses<'a>(words: impl Iterator<Item = &'a str>) -> Result<Vec<IpAddr>, String> {
    words.map(|word| word.parse().map_err(|_| format!("`{word}` is not an address"))).collect()
}

impl FromStr for Topology {
    type Err = LabError;

    fn from_str(text: &str) -> Result<Self, LabError> {
        let mut topology = Self::default();
        topology.read(text)?;
        Ok(topology)
    }
}

impl FromStr for Plumbing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "routed" => Ok(Self::Routed),
            "bridge" => Ok(Self::Bridge(BridgeCalls::On)),
            "bridge-without-calls" => Ok(Self::Bridge(BridgeCalls::Off)),
            other => Err(format!("`{other}` is none of routed, bridge, bridge-without-calls")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_becomes_a_topology() {
        let text = "plumbing bridge # with calls\nnode n 192.168.0.11 2001:db8:0:1::11\npod a/b n 10.244.1.2\n\
                    process sshd n\noutside far 203.0.113.9\nservice 198.18.0.1 80/TCP a/b:8080\n";
        let topology: Topology = text.parse().unwrap();
        assert_eq!(topology.plumbing, Plumbing::Bridge(BridgeCalls::On));
        assert_eq!(topology.hosts().map(|host| &*host.name).collect::<Vec<_>>(), ["n", "a/b", "far"]);
        assert_eq!(topology.nodes[0].processes, ["sshd".into()]);
        assert_eq!(topology.services[0].port, 8080);
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, line) in [("pod a/b nowhere 10.0.0.1", 1), ("\nnode n 1.2.3", 2), ("router r", 1), ("service x", 1)]
        {
            match text.parse::<Topology>() {
                Err(LabError::Description { line: found, .. }) => assert_eq!(found, line, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
