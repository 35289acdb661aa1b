//! How pod policy is enforced on a node, beside what the policies say.

use std::net::IpAddr;

use ipnet::IpNet;

pub use self::observe::{Mode, Observe, ObservedNamespaces, Pause, Paused};

mod observe;

/// The bit of the conntrack mark that means *revoked* (decisions.md 14), unless configured otherwise. None of the masks
/// of kube-proxy (0xc000), Calico (0xffff0000), kube-router (0x30000), Cilium (0x0f00) or AWS (0x80).
pub const REVOKED_BIT: u32 = 0x40;

/// The NFLOG group of denied packets, unless configured otherwise.
pub const LOG_GROUP: u16 = 71;

/// What a node's operator decides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PodOptions {
    /// Which addresses can be a local pod's before its Pod object says so.
    pub local: LocalPods,
    /// What becomes of packets from and to local addresses that no known pod owns, while a pod of this node has no
    /// address yet and its namespace isolates (decisions.md 17).
    pub quarantine: Quarantine,
    /// Whether packets from pods' interfaces must bear an address that is routed there.
    pub source_check: SourceCheck,
    /// What becomes of connections that a change no longer permits.
    pub established: Established,
    /// One bit of the conntrack mark: *revoked*.
    pub revoked_bit: u32,
    /// Stateless virtual addresses, for instance of LVS-DR: accepted before conntrack's opinion is asked.
    pub virtual_addresses: Vec<IpAddr>,
    /// Whether egress policy binds what local pods send to this node itself.
    pub own_node: OwnNode,
    /// What becomes of packets from and to pods that conntrack calls invalid.
    pub invalid: Invalid,
    /// Whether the node's IPVS forwards packets of Services, which then pass output and not forward (sem-92).
    pub ipvs: Ipvs,
    /// Who judges packets between pods on one bridge of the node.
    pub bridged: Bridged,
    /// How what NetworkPolicies and the baseline deny ends.
    pub denial: Denial,
    /// The NFLOG group that denied packets go to; none for no logging.
    pub log_group: Option<u16>,
    /// What is counted and logged instead of dropped.
    pub observe: Observe,
}

/// Which addresses can be a local pod's. Nothing is guessed: without either, only known pods are bound.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LocalPods {
    /// Ranges of this node's pods.
    pub ranges: Vec<IpNet>,
    /// The Node's own `spec.podCIDRs` are such ranges.
    pub node_pod_cidrs: bool,
    /// The beginning of the names of pods' interfaces, for instance `cali`; 1 to 14 bytes.
    pub interface_prefix: Option<String>,
}

/// What becomes of packets from and to local addresses of no known pod.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Quarantine {
    /// They are dropped.
    #[default]
    Drop,
    /// They are counted.
    Count,
}

/// Whether a pod may send from addresses that are not its own.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SourceCheck {
    /// It is not looked at.
    #[default]
    Off,
    /// Dropped, on interfaces with the prefix of [`LocalPods`], unless the route back leads there.
    ByRoute,
}

/// What becomes of connections that a change no longer permits.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Established {
    /// They are cut.
    #[default]
    Cut,
    /// `keepEstablished`: they live until they end.
    Keep,
}

/// Whether egress policy binds what local pods send to this node itself (sem-85).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OwnNode {
    /// It does.
    #[default]
    Judged,
    /// `allowEgressToOwnNode`: it does not.
    Open,
}

/// What becomes of packets from and to pods that conntrack calls invalid.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Invalid {
    /// They are dropped and counted.
    #[default]
    Drop,
    /// They are counted and judged as a first packet would be: for asymmetric routes.
    Judge,
}

/// Whether IPVS forwards packets on this node.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Ipvs {
    /// It does not.
    #[default]
    Absent,
    /// It may: what leaves the node with somebody else's source is judged as what is forwarded.
    Present,
}

/// Who judges packets between pods on one bridge of the node (decisions.md 19).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Bridged {
    /// The rules at the hooks of IP, to which `br_netfilter` hands them.
    #[default]
    ByNetfilterCalls,
    /// A table of the bridge family with rules of its own, for bridges without `br_netfilter`. It takes a kernel with
    /// conntrack for bridges (`CONFIG_NF_CONNTRACK_BRIDGE`), and denies in silence.
    ByTable,
}

/// How a denial ends (decisions.md 15).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Denial {
    /// In silence.
    #[default]
    Drop,
    /// TCP with a reset, everything else with "administratively prohibited"; only for NetworkPolicies and the ConfigMap.
    /// ClusterNetworkPolicy demands silence (C18).
    Reject,
}

/// What holds where nothing is configured.
pub static STANDARD: PodOptions = PodOptions {
    local: LocalPods { ranges: Vec::new(), node_pod_cidrs: false, interface_prefix: None },
    quarantine: Quarantine::Drop,
    source_check: SourceCheck::Off,
    established: Established::Cut,
    revoked_bit: REVOKED_BIT,
    virtual_addresses: Vec::new(),
    own_node: OwnNode::Judged,
    invalid: Invalid::Drop,
    ipvs: Ipvs::Absent,
    bridged: Bridged::ByNetfilterCalls,
    denial: Denial::Drop,
    log_group: Some(LOG_GROUP),
    observe: Observe::NOTHING,
};

impl Default for PodOptions {
    fn default() -> Self {
        STANDARD.clone()
    }
}
