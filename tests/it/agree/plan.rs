//! Where everybody is in a drawn cluster: the same addresses in every one, so that one laboratory serves them all.

use std::fmt::Write as _;
use std::net::IpAddr;

use ipnet::IpNet;

/// Somebody with an address of each family.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    /// What the laboratory calls it.
    pub(super) name: &'static str,
    /// Its IPv4 address.
    pub(super) v4: &'static str,
    /// Its IPv6 address.
    pub(super) v6: &'static str,
}

/// A node and where pods are on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodePlan {
    /// The node itself.
    pub(super) host: Spot,
    /// Its pods' ranges.
    pub(super) ranges: [&'static str; 2],
    /// Its pods.
    pub(super) pods: [Spot; 4],
}

/// The nodes.
pub(super) const NODES: [NodePlan; 2] = [
    NodePlan {
        host: spot("node-a", "192.168.0.11", "2001:db8:0:1::11"),
        ranges: ["10.244.1.0/24", "2001:db8:244:1::/64"],
        pods: [
            spot("a/p1", "10.244.1.11", "2001:db8:244:1::11"),
            spot("a/p2", "10.244.1.12", "2001:db8:244:1::12"),
            spot("a/p3", "10.244.1.13", "2001:db8:244:1::13"),
            spot("a/p4", "10.244.1.14", "2001:db8:244:1::14"),
        ],
    },
    NodePlan {
        host: spot("node-b", "192.168.0.12", "2001:db8:0:1::12"),
        ranges: ["10.244.2.0/24", "2001:db8:244:2::/64"],
        pods: [
            spot("b/p1", "10.244.2.11", "2001:db8:244:2::11"),
            spot("b/p2", "10.244.2.12", "2001:db8:244:2::12"),
            spot("b/p3", "10.244.2.13", "2001:db8:244:2::13"),
            spot("b/p4", "10.244.2.14", "2001:db8:244:2::14"),
        ],
    },
];

/// Hosts that are no part of the cluster.
pub(super) const OUTSIDE: [Spot; 2] =
    [spot("alpha", "203.0.113.10", "2001:db8:ffff::10"), spot("beta", "203.0.113.20", "2001:db8:ffff::20")];

/// Blocks of addresses that policies name: nested, next to each other, of one address and of all.
pub(super) const BLOCKS: [&str; 14] = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.244.1.0/24",
    "10.244.1.12/31",
    "10.244.1.13/32",
    "10.244.2.8/29",
    "203.0.113.0/24",
    "203.0.113.16/28",
    "192.168.0.0/24",
    "::/0",
    "2001:db8::/32",
    "2001:db8:244:1::12/127",
    "2001:db8:244:2::/64",
    "2001:db8:ffff::20/128",
];

const fn spot(name: &'static str, v4: &'static str, v6: &'static str) -> Spot {
    Spot { name, v4, v6 }
}

impl Spot {
    /// Both addresses, IPv4 first.
    pub(super) fn addresses(self) -> [IpAddr; 2] {
        [self.v4, self.v6].map(|text| text.parse().expect("the plan's addresses are addresses"))
    }
}

/// A block of the plan.
pub(super) fn block(text: &str) -> IpNet {
    text.parse().expect("the plan's blocks are blocks")
}

/// Every place of a pod, with its node.
pub(super) fn pods() -> impl Iterator<Item = (&'static str, Spot)> {
    NODES.iter().flat_map(|node| node.pods.iter().map(|pod| (node.host.name, *pod)))
}

/// The plan as a laboratory's description.
pub(super) fn topology() -> String {
    let mut text = String::new();
    for node in &NODES {
        let Spot { name, v4, v6 } = node.host;
        let _infallible = writeln!(text, "node {name} {v4} {v6}");
        for Spot { name: pod, v4, v6 } in &node.pods {
            let _infallible = writeln!(text, "pod {pod} {name} {v4} {v6}");
        }
    }
    for Spot { name, v4, v6 } in &OUTSIDE {
        let _infallible = writeln!(text, "outside {name} {v4} {v6}");
    }
    text
}
