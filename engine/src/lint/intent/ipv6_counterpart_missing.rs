//! PAL121 ipv6-counterpart-missing: everything of one family, and nothing of the other.

use ipnet::IpNet;
use policy_lang::diagnostic::{Fix, Safety};
use policy_lang::manifest::tree::Value;
use policy_lang::peer::Peer;

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::{Written, peers_field};
use crate::lint::{addresses, edit};

rule! {
    /// ## What it does
    ///
    /// Finds rules with `0.0.0.0/0` and no `::/0`, or the reverse.
    ///
    /// ## Why it bites
    ///
    /// A block of one family never matches the other. On a cluster of both, half of the connections fail, or half
    /// of a hole stays closed by accident.
    ///
    /// ## How it is decided
    ///
    /// Only where the input shows both families: `environment.podCIDRs` of both, or pods and Services with
    /// addresses of the missing one.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///   - from: [{ipBlock: {cidr: 0.0.0.0/0}}]
    ///   - from: [{ipBlock: {cidr: "2001:db8::/32"}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///   - from: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: "::/0"}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// On clusters of one family.
    pub(crate) static IPV6_COUNTERPART_MISSING = "PAL121" "ipv6-counterpart-missing" Warning Unsafe Off,
        "everything of one family, and nothing of the other", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for (direction, rule) in written.live_rules() {
        let whole = |peer: &Peer| match peer {
            Peer::Addresses { cidr, .. } if cidr.prefix_len() == 0 => Some(*cidr),
            Peer::Addresses { .. } | Peer::Pods(_) | Peer::Nodes(_) | Peer::Service { .. } => None,
        };
        let found: Vec<_> = rule.peers.iter().filter_map(|peer| Some((peer.span, whole(&peer.value)?))).collect();
        let Some((span, cidr)) = found.first() else { continue };
        let other = match cidr {
            IpNet::V4(_) => "::/0",
            IpNet::V6(_) => "0.0.0.0/0",
        };
        let has_both = found.iter().any(|(_, known)| known.addr().is_ipv4() != cidr.addr().is_ipv4());
        if has_both || !addresses::has_family(world, other) {
            continue;
        }
        let finding = report.at(*span, format!("{cidr} is everything of one family: there is no {other} beside it"));
        finding.help = Some(format!("add an `ipBlock` of {other}"));
        let list = written.node(rule.span).and_then(|node| Value::field(node, peers_field(direction)));
        let item = format!("{{ipBlock: {{cidr: \"{other}\"}}}}");
        finding.fix = list
            .and_then(|list| edit::with_item(list, &item, world.sources))
            .map(|edit| Fix::one(Safety::Unsafe, format!("add {other}"), edit));
    }
}
