//! What the manifests do not say about the cluster: facts from `palisade.yaml`. A rule that needs one is silent
//! without it.

use std::sync::Arc;

use ipnet::IpNet;
use policy_lang::name::Labels;
use policy_lang::port::Protocol;

/// Facts about the cluster; each may be missing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Environment {
    /// The addresses of pods.
    pub pod_cidrs: Vec<IpNet>,
    /// The virtual addresses of Services.
    pub service_cidrs: Vec<IpNet>,
    /// Who answers DNS.
    pub dns: Option<Dns>,
    /// Where the API server listens.
    pub api_server: Option<ApiServer>,
    /// The addresses of nodes.
    pub node_cidrs: Vec<IpNet>,
    /// How administrators reach a node.
    pub ssh: Option<Ssh>,
    /// How packets of pods get from node to node.
    pub cni: Option<Cni>,
    /// Who forwards what comes in from outside.
    pub ingress_controllers: Vec<Pods>,
    /// Who asks pods for metrics.
    pub monitoring: Vec<Pods>,
    /// Where etcd listens.
    pub etcd: Option<Etcd>,
    /// The interfaces of nodes: names, or beginnings of names with a `+` or `*` behind them.
    pub interfaces: Vec<Arc<str>>,
    /// How pod policy and the host's FORWARD rules meet on the nodes, where that is known.
    pub forward: Option<Forward>,
    /// How large a ruleset may become.
    pub ruleset: RulesetBudget,
    /// Parts of the organisation, by name.
    pub zones: Vec<Zone>,
    /// What zones may open to one another.
    pub zone_rules: Vec<ZoneRule>,
    /// For namespaces by name, and `*` for all others: the most that may be open, in percent.
    pub permissiveness: Vec<(Arc<str>, u8)>,
}

/// Where etcd listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Etcd {
    /// The addresses of its members.
    pub cidrs: Vec<IpNet>,
    /// The ports for clients and for other members, TCP.
    pub ports: Vec<u16>,
}

/// How pod policy and the host's FORWARD rules meet, as `forward` of a node's configuration says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Forward {
    /// What pod policy accepts skips the host's FORWARD rules.
    PodsFirst,
    /// Everything passes both.
    HostRules,
}

/// How large a ruleset may become before it is a finding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RulesetBudget {
    /// Rules of all chains.
    pub rules: usize,
    /// Elements of all sets.
    pub elements: usize,
}

/// A part of the organisation: namespaces.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Zone {
    /// What it is called.
    pub name: Arc<str>,
    /// Labels that its namespaces bear.
    pub namespaces: Labels,
}

/// What one zone may open to another; everything else is a violation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ZoneRule {
    /// The zone that connects.
    pub from: Arc<str>,
    /// The zone that is connected to.
    pub to: Arc<str>,
    /// Ports that are open all the same.
    pub allow: Vec<(Protocol, u16)>,
}

/// Pods by their namespace and labels.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pods {
    /// The namespace.
    pub namespace: Arc<str>,
    /// Labels that they bear; none means every pod.
    pub labels: Labels,
}

/// Who answers DNS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dns {
    /// The pods.
    pub pods: Pods,
    /// The ports on the pods, 53 unless something else is written.
    pub ports: Vec<u16>,
}

/// Where the API server listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiServer {
    /// Its addresses.
    pub cidrs: Vec<IpNet>,
    /// Its port, behind the Service.
    pub port: u16,
}

/// How administrators reach a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ssh {
    /// The ports, TCP.
    pub ports: Vec<u16>,
    /// From where.
    pub from: Vec<IpNet>,
}

/// How packets of pods get from node to node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cni {
    /// By what.
    pub mode: CniMode,
    /// The port.
    pub port: u16,
}

/// What carries packets of pods.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CniMode {
    /// A tunnel over UDP.
    Vxlan,
    /// A tunnel over UDP.
    Geneve,
    /// An encrypted tunnel over UDP.
    Wireguard,
    /// Routes, which are told over TCP.
    Bgp,
}

impl CniMode {
    /// The port where none is written.
    pub fn port(self) -> u16 {
        match self {
            Self::Vxlan => 4789,
            Self::Geneve => 6081,
            Self::Wireguard => 51820,
            Self::Bgp => 179,
        }
    }

    /// The number of the IP protocol.
    pub fn protocol(self) -> u8 {
        match self {
            Self::Vxlan | Self::Geneve | Self::Wireguard => 17,
            Self::Bgp => 6,
        }
    }
}

impl std::str::FromStr for CniMode {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "vxlan" => Ok(Self::Vxlan),
            "geneve" => Ok(Self::Geneve),
            "wireguard" => Ok(Self::Wireguard),
            "bgp" => Ok(Self::Bgp),
            _ => Err(()),
        }
    }
}

impl std::str::FromStr for Forward {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "pods-first" => Ok(Self::PodsFirst),
            "host-rules" => Ok(Self::HostRules),
            _ => Err(()),
        }
    }
}

impl Default for RulesetBudget {
    /// Some ten times what a node with a hundred pods and a page of host rules has.
    fn default() -> Self {
        Self { rules: 10_000, elements: 200_000 }
    }
}

/// The label of the pods that answer DNS where nothing is configured.
const DNS_LABEL: (&str, &str) = ("k8s-app", "kube-dns");

/// The port on which DNS is asked.
const DNS_PORT: u16 = 53;

impl Environment {
    /// Who answers DNS, configured or as most clusters have it.
    pub fn dns_or_usual(&self) -> Dns {
        let (key, value) = DNS_LABEL;
        self.dns.clone().unwrap_or_else(|| Dns {
            pods: Pods { namespace: "kube-system".into(), labels: [(key.into(), value.into())].into() },
            ports: vec![DNS_PORT],
        })
    }
}
