//! Stand-ins for kube-proxy: rules of the same shape in the same places, in its iptables and its nftables layout.
//!
//! ```text
//!            nat prerouting, output   rewrite VIP, externalIP and NodePort to an endpoint; mark what is to be
//!                                     masqueraded: hairpins, what enters by a NodePort or an externalIP of policy
//!                                     Cluster, and what comes to a VIP from outside the pods' ranges
//!            nat postrouting          masquerade what is marked
//!            filter                   refuse what has no endpoint, drop what has none on this node (policy Local)
//! ```

use std::net::{IpAddr, SocketAddr};
use std::process::Command;

use ipnet::IpNet;

use super::LabError;
use super::namespace::Namespace;
use super::service::Service;

mod iptables;
mod nftables;

/// The packet mark that means *masquerade*, kube-proxy's own.
const MASQUERADE: &str = "0x4000";

/// What kube-proxy knows on one node.
#[derive(Clone, Debug, Default)]
pub struct KubeProxy {
    /// `clusterCIDR`: what comes from elsewhere to a VIP is masqueraded.
    pub cluster_cidrs: Vec<IpNet>,
    /// The node's addresses: where NodePorts are.
    pub node: Vec<IpAddr>,
    /// The addresses of the node's own pods.
    pub local: Vec<IpAddr>,
    /// The Services.
    pub services: Vec<Proxied>,
}

/// One port of a Service.
#[derive(Clone, Debug)]
pub struct Proxied {
    /// Its name.
    pub name: Box<str>,
    /// Its ClusterIPs.
    pub cluster_ips: Vec<IpAddr>,
    /// Its externalIPs.
    pub external_ips: Vec<IpAddr>,
    /// Its protocol and port; TCP or UDP.
    pub service: Service,
    /// The port of every node that stands for it.
    pub node_port: Option<u16>,
    /// `externalTrafficPolicy`.
    pub traffic_policy: TrafficPolicy,
    /// What answers, in both families.
    pub endpoints: Vec<SocketAddr>,
}

/// `externalTrafficPolicy`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TrafficPolicy {
    /// To any endpoint; the receiving node puts its own address for the client's.
    #[default]
    Cluster,
    /// To endpoints of the receiving node only; the client's address stays.
    Local,
}

/// How kube-proxy lays its rules out, and who carries them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Layout {
    /// Tables `ip kube-proxy` and `ip6 kube-proxy`.
    Nftables,
    /// Chains `KUBE-*` in the tables of iptables, through nf_tables.
    IptablesNft,
    /// The same through the older interface.
    IptablesLegacy,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 3] = [Self::Nftables, Self::IptablesNft, Self::IptablesLegacy];

    /// The listing of what this layout holds in a namespace, without what only counts or tells the time.
    ///
    /// # Errors
    /// As [`Namespace::output`].
    pub fn listing(self, namespace: &Namespace) -> Result<String, LabError> {
        let mut listing = String::new();
        match self {
            Self::Nftables => {
                for family in ["ip", "ip6"] {
                    listing += &namespace.nft_list(&["-s", "list", "table", family, "kube-proxy"])?;
                }
            }
            Self::IptablesNft | Self::IptablesLegacy => {
                for family in ["iptables", "ip6tables"] {
                    let mut command = Command::new(format!("{family}-{}-save", self.variant()));
                    let saved = namespace.output(&mut command, "")?;
                    let saved = String::from_utf8_lossy(&saved.stdout).into_owned();
                    let lines = saved.lines().filter(|line| !line.starts_with('#'));
                    let lines = lines.map(|line| line.split(" [").next().unwrap_or_default());
                    listing.extend(lines.flat_map(|line| [line, "\n"]));
                }
            }
        }
        Ok(listing)
    }

    /// Loads rules in the form of `iptables-save` for one family.
    ///
    /// # Errors
    /// As [`Namespace::output`].
    pub fn restore(self, namespace: &Namespace, family: &str, rules: &str) -> Result<(), LabError> {
        let mut command = Command::new(format!("{family}-{}-restore", self.variant()));
        namespace.output(command.arg("-w"), rules).map(drop)
    }

    fn variant(self) -> &'static str {
        match self {
            Self::Nftables | Self::IptablesNft => "nft",
            Self::IptablesLegacy => "legacy",
        }
    }
}

impl KubeProxy {
    /// Loads the rules on a node.
    ///
    /// # Errors
    /// As [`Namespace::output`].
    pub fn load(&self, node: &Namespace, layout: Layout) -> Result<(), LabError> {
        match layout {
            Layout::Nftables => node.nft(&nftables::rules(self)),
            Layout::IptablesNft | Layout::IptablesLegacy => {
                layout.restore(node, "iptables", &iptables::rules(self, IpVersion::V4))?;
                layout.restore(node, "ip6tables", &iptables::rules(self, IpVersion::V6))
            }
        }
    }

    /// The endpoints of one family that a packet from outside may go to.
    fn external_endpoints(&self, service: &Proxied, version: IpVersion) -> Vec<SocketAddr> {
        let mut endpoints = version.endpoints(service);
        endpoints.retain(|endpoint| match service.traffic_policy {
            TrafficPolicy::Cluster => true,
            TrafficPolicy::Local => self.local.contains(&endpoint.ip()),
        });
        endpoints
    }
}

impl Proxied {
    fn protocol_and_port(&self) -> Option<(&'static str, u16)> {
        match self.service {
            Service::Tcp(port) => Some(("tcp", port)),
            Service::Udp(port) => Some(("udp", port)),
            Service::Sctp(_) | Service::Echo => None,
        }
    }
}

/// One of the two families: kube-proxy keeps them apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum IpVersion {
    V4,
    V6,
}

impl IpVersion {
    fn is_of(self, address: IpAddr) -> bool {
        address.is_ipv4() == (self == Self::V4)
    }

    fn of(self, addresses: &[IpAddr]) -> Vec<IpAddr> {
        addresses.iter().copied().filter(|address| self.is_of(*address)).collect()
    }

    fn cidr(self, cidrs: &[IpNet]) -> Option<&IpNet> {
        cidrs.iter().find(|cidr| self.is_of(cidr.addr()))
    }

    fn endpoints(self, service: &Proxied) -> Vec<SocketAddr> {
        service.endpoints.iter().copied().filter(|endpoint| self.is_of(endpoint.ip())).collect()
    }
}
