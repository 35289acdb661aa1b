//! The cluster whose policies the pod tables are about, as a description that both layouts are made from.
//!
//! 250 pods of one node, of which the server is one, 500 pods elsewhere in fifty namespaces, and the clients' 241
//! in a namespace of their own. A fourth of the policies is about egress. All but one permit what nobody here sends;
//! that one stands in the middle of those that bind the server and permits the clients.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use super::rules::{PORT, SERVER};

/// Pods of the node.
pub(super) const LOCAL_PODS: usize = 250;

/// Namespaces of pods elsewhere, each with its own value of a label, and how many pods each has.
pub(super) const TEAMS: usize = 50;
const TEAM_PODS: usize = 10;

/// Which pods a policy binds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Subjects {
    /// One of 250 pods, by its label: ten pods to a namespace, the policies of the node spread evenly over its pods.
    Spread,
    /// All pods of the one namespace that there is.
    All,
}

/// Whom and what a policy permits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// Pods by the label of their namespace, on one port.
    Exact,
    /// A block with an exception, on a range of ports.
    Ranges,
}

/// So many policies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cluster {
    pub(super) subjects: Subjects,
    pub(super) shape: Shape,
    pub(super) n_policies: usize,
}

/// One policy: UDP and TCP on these ports, from this peer or to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) index: usize,
    /// The pod that it binds; all of them if there is none.
    pub(super) pod: Option<usize>,
    pub(super) is_egress: bool,
    pub(super) peer: Peer,
    /// First and last.
    pub(super) ports: (u16, u16),
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Peer {
    Team(usize),
    Clients,
    /// A block of 256 addresses, of which the upper eighth is excepted.
    Block(Ipv4Addr),
}

impl Cluster {
    /// How its rows are called.
    pub(super) fn name(&self) -> String {
        let subjects = match self.subjects {
            Subjects::Spread => "spread over pods",
            Subjects::All => "all for all pods",
        };
        let shape = match self.shape {
            Shape::Exact => "selectors and exact ports",
            Shape::Ranges => "blocks and port ranges",
        };
        format!("{} policies, {subjects}, {shape}", self.n_policies)
    }

    /// The policies, in their order.
    pub(super) fn policies(&self) -> impl Iterator<Item = Policy> {
        let permitting = self.permitting();
        (0..self.n_policies).map(move |index| {
            let pod = (self.subjects == Subjects::Spread).then_some((index + SERVER_POD) % LOCAL_PODS);
            let is_egress = (index + index / LOCAL_PODS) % 4 == 3;
            let other = Self::port(index);
            let (peer, ports) = match (self.shape, index == permitting) {
                (Shape::Exact, true) => (Peer::Clients, (PORT, PORT)),
                (Shape::Exact, false) => (Peer::Team(index % TEAMS), (other, other)),
                (Shape::Ranges, true) => (Peer::Block(Ipv4Addr::new(10, 9, 1, 0)), (PORT, PORT + 9)),
                (Shape::Ranges, false) => (Peer::Block(block(index)), (other, other + 9)),
            };
            Policy { index, pod, is_egress, peer, ports }
        })
    }

    /// Not one that the server listens to.
    fn port(index: usize) -> u16 {
        u16::try_from(1_000 + index % 97 * 20).unwrap()
    }

    fn permitting(&self) -> usize {
        match self.subjects {
            Subjects::Spread => self.n_policies / LOCAL_PODS / 2 * LOCAL_PODS,
            Subjects::All => self.n_policies / 2,
        }
    }

    /// What a user would have written.
    pub(super) fn manifests(&self) -> String {
        let mut text = String::new();
        let mut namespace = |name: &str, team: &str| {
            write!(
                text,
                "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{team: {team}}}}}\n"
            )
            .unwrap();
        };
        let n_namespaces = match self.subjects {
            Subjects::Spread => LOCAL_PODS / 10,
            Subjects::All => 1,
        };
        (0..n_namespaces).for_each(|n| namespace(&format!("ns-{n}"), "none"));
        (0..TEAMS).for_each(|team| namespace(&format!("team-{team}"), &format!("t{team}")));
        namespace("clients", "clients");
        for pod in 0..LOCAL_PODS {
            push_pod(&mut text, &format!("pod-{pod}"), &self.namespace(pod), 0, local_address(pod));
        }
        for team in 0..TEAMS {
            for (pod, address) in team_addresses(team).enumerate() {
                push_pod(&mut text, &format!("pod-{pod}"), &format!("team-{team}"), 1 + pod, address);
            }
        }
        for (pod, address) in client_addresses().enumerate() {
            push_pod(&mut text, &format!("pod-{pod}"), "clients", 1, address);
        }
        self.policies().for_each(|policy| self.push_policy(&mut text, &policy));
        text
    }

    fn namespace(&self, pod: usize) -> String {
        match self.subjects {
            Subjects::Spread => format!("ns-{}", pod / 10),
            Subjects::All => "ns-0".to_owned(),
        }
    }

    fn push_policy(&self, text: &mut String, policy: &Policy) {
        let subject = policy.pod.map_or(String::new(), |pod| format!("matchLabels: {{app: pod-{pod}}}"));
        let peer = match policy.peer {
            Peer::Team(team) => format!("namespaceSelector: {{matchLabels: {{team: t{team}}}}}"),
            Peer::Clients => "namespaceSelector: {matchLabels: {team: clients}}".to_owned(),
            Peer::Block(address) => {
                let [a, b, c, _] = address.octets();
                format!("ipBlock: {{cidr: {a}.{b}.{c}.0/24, except: [{a}.{b}.{c}.248/29]}}")
            }
        };
        let (first, last) = policy.ports;
        let end = if last > first { format!(", endPort: {last}") } else { String::new() };
        let (direction, side) = if policy.is_egress { ("Egress", "to") } else { ("Ingress", "from") };
        write!(
            text,
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: np-{}, namespace: {}}}\n\
             spec:\n  podSelector: {{{subject}}}\n  policyTypes: [{direction}]\n  {}:\n  - {side}: [{{{peer}}}]\n    \
             ports: [{{protocol: UDP, port: {first}{end}}}, {{protocol: TCP, port: {first}{end}}}]\n",
            policy.index,
            self.namespace(policy.pod.unwrap_or_default()),
            direction.to_lowercase(),
        )
        .unwrap();
    }
}

/// The server is the pod in the middle.
const SERVER_POD: usize = LOCAL_PODS / 2;

/// The address of a pod of the node.
pub(super) fn local_address(pod: usize) -> Ipv4Addr {
    let host = (pod + LOCAL_PODS - SERVER_POD) % LOCAL_PODS;
    Ipv4Addr::from_bits(SERVER.to_bits() + u32::try_from(host).unwrap())
}

/// The addresses of a namespace elsewhere.
pub(super) fn team_addresses(team: usize) -> impl Iterator<Item = Ipv4Addr> {
    (0..TEAM_PODS).map(move |pod| Ipv4Addr::new(10, 128, u8::try_from(team).unwrap(), u8::try_from(1 + pod).unwrap()))
}

/// The addresses that the lab's client sends from.
pub(super) fn client_addresses() -> impl Iterator<Item = Ipv4Addr> {
    (2..243).map(|host| Ipv4Addr::new(10, 9, 1, host))
}

/// A block of nobody here.
fn block(index: usize) -> Ipv4Addr {
    Ipv4Addr::new(172, u8::try_from(16 + index / 256 % 240).unwrap(), u8::try_from(index % 256).unwrap(), 0)
}

fn push_pod(text: &mut String, name: &str, namespace: &str, node: usize, address: Ipv4Addr) {
    write!(
        text,
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{app: {name}}}}}\n\
         spec: {{nodeName: node-{node}}}\nstatus: {{phase: Running, podIPs: [{{ip: {address}}}]}}\n"
    )
    .unwrap();
}
