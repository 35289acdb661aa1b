//! PAL119 ipblock-covers-services: an `ipBlock` of Service addresses never matches.

use ipnet::IpNet;
use policy_lang::peer::Peer;

use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds `ipBlock` peers that lie inside of `environment.serviceCIDRs`, or that are the address of a Service of
    /// the input.
    ///
    /// ## Why it bites
    ///
    /// Packets to a Service are judged after it has sent them on: their destination is a pod. A rule for the
    /// virtual address matches nothing.
    ///
    /// ## How it is decided
    ///
    /// The block lies inside of a range, or is one address of a Service.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: db, namespace: shop}
    /// spec: {clusterIP: 10.96.0.9, selector: {app: db}, ports: [{port: 5432}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{ipBlock: {cidr: 10.96.0.9/32}}]
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
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{podSelector: {matchLabels: {app: db}}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where Services are not translated on the node, as with a DNS cache on it.
    pub(crate) static IP_BLOCK_COVERS_SERVICES = "PAL119" "ipblock-covers-services" Warning Never On,
        "an `ipBlock` of Service addresses never matches", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for peer in written.live_peers() {
        let Peer::Addresses { cidr, .. } = &peer.value else { continue };
        if let Some(range) = world.environment.service_cidrs.iter().find(|range| range.contains(cidr)) {
            let finding = report.at(peer.span, format!("this block lies inside of {range}, the addresses of Services"));
            finding.help = Some("write the pods or addresses behind the Service: that is what policy sees".into());
            continue;
        }
        let mut services = world.services.values().flatten();
        let is_it = |address: &std::net::IpAddr| IpNet::from(*address) == *cidr;
        if let Some(service) = services.find(|service| service.cluster_ips.iter().any(is_it)) {
            let message = format!("{cidr} is the address of Service {}: policy never sees it", service.metadata.name);
            let finding = report.at(peer.span, message);
            label(finding, service.metadata.span, "this Service");
            finding.help = Some("write the pods or addresses behind the Service".into());
        }
    }
}
