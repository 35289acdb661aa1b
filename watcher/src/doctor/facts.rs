//! What was read of a node.

use std::collections::BTreeMap;

use engine::compile::bridge::{Bridge, Unseen};
use engine::kernel::{BpfFilter, Features, Link, Survey};

/// Everything that is judged. What could not be read is absent, and no finding comes of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// What the node is for.
    pub role: Role,
    /// What is known of its pods.
    pub pods: Option<Pods>,
    /// Whether the configuration says that IPVS forwards.
    pub expects_ipvs: bool,
    /// Kernel parameters by their path below `/proc/sys/net`.
    pub parameters: BTreeMap<String, String>,
    /// The interfaces.
    pub links: Vec<Link>,
    /// Addresses of IPv6, one for each line of `/proc/net/if_inet6`.
    pub addresses: Vec<AddressV6>,
    /// The bridges.
    pub bridges: Vec<Bridge>,
    /// Programs of tc.
    pub programs: Vec<BpfFilter>,
    /// How many services IPVS has.
    pub n_ipvs_services: usize,
    /// What there is in nf_tables.
    pub survey: Survey,
    /// Names of the ipset program's sets.
    pub ipsets: Vec<Box<str>>,
    /// Tables of the older iptables, by the program that lists them.
    pub legacy: Vec<(&'static str, String)>,
    /// The configuration of nftables.service, and the line in it that flushes.
    pub flushes: Option<(String, String)>,
    /// The kernel's release.
    pub release: Option<String>,
    /// What it can do.
    pub features: Option<Features>,
    /// Seconds since 1970.
    pub clock: Option<u64>,
    /// Whether something keeps the clock right.
    pub is_synchronised: Option<bool>,
    /// Who has the right to write.
    pub lock: Option<Lock>,
    /// The netlink port of the agent that asks, if it is one.
    pub own_port: Option<u32>,
    /// The folders that palisade writes to.
    pub folders: Vec<Folder>,
    /// Of what there is more than was read.
    pub cut: Vec<&'static str>,
}

/// What a node is for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Role {
    /// It has pods.
    #[default]
    Pods,
    /// It has none: only its own firewall is palisade's.
    HostOnly,
}

/// What is known of the pods of a node.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pods {
    /// Whether any has an IPv4 address.
    pub has_ipv4: bool,
    /// The same for IPv6.
    pub has_ipv6: bool,
    /// Those that bridges hide from each other.
    pub hidden: Vec<Unseen>,
}

/// A line of `/proc/net/if_inet6`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddressV6 {
    /// Its interface.
    pub interface: String,
    /// Whether it reaches beyond the link.
    pub is_global: bool,
    /// Whether it runs out, unless a router advertises its prefix again.
    pub is_dynamic: bool,
}

/// Who has the right to write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Lock {
    /// Nobody at this moment.
    Free,
    /// Whoever this names.
    Held(String),
}

/// A folder that palisade writes to, or the nearest one above it that there is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Folder {
    /// Where.
    pub path: String,
    /// Whether its file system is read-only.
    pub is_read_only: bool,
    /// What is free, in bytes.
    pub free_bytes: u64,
    /// How many more files it takes; nothing where it does not say.
    pub free_inodes: Option<u64>,
}

impl Facts {
    /// A kernel parameter.
    pub(super) fn parameter(&self, path: &str) -> Option<&str> {
        self.parameters.get(path).map(String::as_str)
    }

    /// The same as a number.
    pub(super) fn number(&self, path: &str) -> Option<u64> {
        self.parameter(path)?.parse().ok()
    }

    /// The name of an interface.
    pub(super) fn link_name(&self, index: u32) -> String {
        let link = self.links.iter().find(|link| link.index == index);
        link.map_or_else(|| format!("interface {index}"), |link| link.name.to_string())
    }
}
