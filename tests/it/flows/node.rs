//! One node with pods, its ruleset, and the connections that it tracks.

use std::net::IpAddr;

use engine::compile::options::REVOKED_BIT;
use engine::kernel::conntrack::{Bit, Change, Conntrack as _, Ctnetlink, Entry, Filter, Marked};
use engine::place::{Cause, Event, Place};
use engine::revoke::Outcome;
use engine::ruleset::Ruleset;
use policy_lang::name::NamespacedName;
use watcher::flows::{self, Before};

use super::stream::{Link, Talk};
use crate::dataplane::enforce::{Cluster, Family, Rules, counted};

/// A client, a server, and others on the same node, on another one and outside.
pub(super) const NODE: &str = "
    node      node-a       192.168.0.11  2001:db8:0:1::11
    pod       shop/client  node-a  10.244.1.11  2001:db8:244:1::11
    pod       shop/server  node-a  10.244.1.12  2001:db8:244:1::12
    pod       shop/other   node-a  10.244.1.13  2001:db8:244:1::13
    process   kubelet      node-a
    node      node-b       192.168.0.12  2001:db8:0:1::12
    pod       shop/remote  node-b  10.244.2.11  2001:db8:244:2::11
    outside   alpha        203.0.113.10  2001:db8:ffff::10
";

/// The virtual addresses of `shop/server`, translated as kube-proxy does.
pub(super) const VIRTUAL: [&str; 2] = ["198.18.0.1", "2001:db8:5e::1"];
const SERVICE: &str = "table inet service { chain c { type nat hook prerouting priority -100;
    ip daddr 198.18.0.1 meta l4proto { tcp, udp } th dport 80 dnat ip to 10.244.1.12:8080
    ip6 daddr 2001:db8:5e::1 meta l4proto { tcp, udp } th dport 80 dnat ip6 to [2001:db8:244:1::12]:8080
}; chain d { type nat hook output priority -100; }; }
";

/// The node, and what is in force on it.
pub(super) struct Node {
    pub(super) cluster: Cluster,
    in_force: Option<Ruleset>,
}

impl Node {
    pub(super) fn new() -> Self {
        let node = Self::without_tracking();
        // Loaded only now: until something asks conntrack nothing is tracked, so there are no flows but the tests' own.
        node.cluster.namespace("node-a").nft(SERVICE).unwrap();
        node
    }

    /// Nothing asks conntrack before the first rules do, so it knows no flow.
    pub(super) fn without_tracking() -> Self {
        Self { cluster: Cluster::new(NODE, &[]), in_force: None }
    }

    /// Puts rules in force and has live connections judged, as `apply` and the agent do.
    pub(super) fn enforce(&mut self, rules: &Rules<'_>) -> Outcome {
        let ruleset = self.cluster.compile("node-a", rules);
        self.cluster.apply("node-a", &ruleset);
        let before = self.in_force.as_ref().map_or(Before::Unknown, Before::Judged);
        let local = &rules.options.local;
        let affected = flows::affected(before, &ruleset);
        let judged = self.cluster.namespace("node-a").run(|| flows::judge(affected, &ruleset, local)).unwrap().unwrap();
        self.in_force = Some(ruleset);
        judged
    }

    /// The same for NetworkPolicies alone.
    pub(super) fn policies(&mut self, policies: &str) -> Outcome {
        self.enforce(&Rules { policies, ..Rules::default() })
    }

    /// Opens a flow from one place to another's address and port, which somebody there serves.
    pub(super) fn open(&self, link: Link, from: &str, to: &str, family: Family) -> Talk {
        let at = self.cluster.address(to, family);
        self.open_to(link, from, at, to, family)
    }

    /// The same to an address that leads there.
    pub(super) fn open_to(&self, link: Link, from: &str, at: IpAddr, to: &str, family: Family) -> Talk {
        let port = if at == self.cluster.address(to, family) { 8080 } else { 80 };
        let (client, server) = (self.cluster.namespace(from), self.cluster.namespace(to));
        Talk::open(link, client, (at, port).into(), server, (self.cluster.address(to, family), 8080).into())
    }

    /// The entry of a flow.
    pub(super) fn entry(&self, talk: &Talk) -> Option<Entry> {
        let original = talk.original();
        let mut found = self.entries(|entry| entry.original == original);
        assert!(found.len() <= 1, "{found:#?}");
        found.pop()
    }

    pub(super) fn entries(&self, mut wanted: impl FnMut(&Entry) -> bool + Send) -> Vec<Entry> {
        let read = || Ctnetlink::open().unwrap().entries(&Filter::default(), &mut wanted).unwrap().kept;
        self.cluster.namespace("node-a").run(read).unwrap()
    }

    /// Somebody else clears a flow's mark.
    pub(super) fn clear_mark(&self, talk: &Talk) {
        self.change(talk, u32::MAX, Bit::Cleared);
    }

    /// Somebody sets the bit that means revoked, and no more.
    pub(super) fn set_bit(&self, talk: &Talk) {
        self.change(talk, REVOKED_BIT, Bit::Set);
    }

    fn change(&self, talk: &Talk, mask: u32, bit: Bit) {
        let flow = self.entry(talk).unwrap().flow;
        let change = || Ctnetlink::open().unwrap().mark(mask, &[Change { flow, bit }]).unwrap();
        let marked = self.cluster.namespace("node-a").run(change).unwrap();
        assert_eq!(marked, Marked { n_changed: 1, n_gone: 0 });
    }

    /// Another process takes over: it does not know what was judged.
    pub(super) fn is_taken_over(&mut self) {
        self.in_force = None;
    }

    /// A pod goes, and another gets its addresses.
    pub(super) fn relabel(&mut self, pod: &str, name: &str) {
        let (namespace, old) = pod.split_once('/').unwrap();
        let mut gone = self.cluster.inventory.pods.remove(&NamespacedName::new(namespace, old)).unwrap();
        gone.labels = [("pod".into(), name.into())].into();
        self.cluster.inventory.pods.insert(NamespacedName::new(namespace, name), gone);
    }

    /// Packets that were dropped because their flow was revoked.
    pub(super) fn dropped_as_revoked(&self) -> u64 {
        let place = Place { event: Event::Denied, cause: Cause::Revoked };
        counted(self.cluster.namespace("node-a"), "palisade", place.name("", "").as_str())
    }
}

/// Only these pods may reach `shop/client`, at every port.
pub(super) fn client_admits(pods: &[&str]) -> String {
    admits("shop/client", pods)
}

/// Only these pods may reach `shop/server`, at every port.
pub(super) fn server_admits(pods: &[&str]) -> String {
    admits("shop/server", pods)
}

fn admits(pod: &str, pods: &[&str]) -> String {
    let from = |pod: &&str| format!("{{podSelector: {{matchLabels: {{pod: {pod}}}}}}}");
    let rules = pods.iter().map(|pod| format!("{{from: [{}]}}", from(pod))).collect::<Vec<_>>().join(", ");
    crate::dataplane::enforce::policy(pod, "Ingress", &format!("[{rules}]"))
}

/// `shop/client` may reach these pods only, at every port.
pub(super) fn client_reaches(pods: &[&str]) -> String {
    let to = |pod: &&str| format!("{{podSelector: {{matchLabels: {{pod: {pod}}}}}}}");
    let rules = pods.iter().map(|pod| format!("{{to: [{}]}}", to(pod))).collect::<Vec<_>>().join(", ");
    crate::dataplane::enforce::policy("shop/client", "Egress", &format!("[{rules}]"))
}
