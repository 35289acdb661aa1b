//! PAL410 lb-source-ranges-mismatch: a load balancer admits whom the policies of its pods do not.

use ipnet::IpNet;
use policy_lang::manifest::Service;
use policy_lang::manifest::tree::Value;
use policy_lang::network_policy::RuleSpec;
use policy_lang::peer::Peer;
use policy_lang::policy::Direction;

use crate::lint::documents::{at, kind, name};
use crate::lint::manifests::barrier;
use crate::lint::manifests::targets;
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;
use crate::lint::written::{Written, reference};

rule! {
    /// ## What it does
    ///
    /// Finds `loadBalancerSourceRanges` of Services that no policy of their pods lets in.
    ///
    /// ## Why it bites
    ///
    /// Who is let in is written twice, and the narrower of the two wins: the customers of that range get no answer.
    ///
    /// ## How it is decided
    ///
    /// Every workload behind the Service is isolated for ingress, and none of its `ipBlock`s, on the target ports, has an
    /// address of the range. With `externalTrafficPolicy: Cluster`, which is usual, pods see the address of a node
    /// instead of the customer's: then no block of nodes (`environment.nodeCIDRs`) is let in either, and without that
    /// configuration the rule is silent.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   type: LoadBalancer
    ///   externalTrafficPolicy: Local
    ///   selector: {app: web}
    ///   ports: [{port: 80, targetPort: 8080}]
    ///   loadBalancerSourceRanges: [198.51.100.0/24]
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   type: LoadBalancer
    ///   externalTrafficPolicy: Local
    ///   selector: {app: web}
    ///   ports: [{port: 80, targetPort: 8080}]
    ///   loadBalancerSourceRanges: [203.0.113.0/24]
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the load balancer itself connects to the pods, from addresses of its own.
    pub(crate) static LB_SOURCE_RANGES = "PAL410" "lb-source-ranges-mismatch" Note Never Off,
        "a load balancer admits whom the policies of its pods do not", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    if barrier::accepts_above(world, Direction::Ingress) {
        return;
    }
    let texts = world.documents.with_words(&["loadBalancerSourceRanges"], world.sources);
    for document in texts.iter().flat_map(|text| text.iter()).filter(|document| kind(document) == "Service") {
        let Some(own) = name(document) else { continue };
        let services = world.services.get(&own.namespace).map(Vec::as_slice).unwrap_or_default();
        let Some(service) = services.iter().find(|service| service.metadata.name == own) else { continue };
        let keeps_source = at(document, &["spec", "externalTrafficPolicy"]).and_then(Value::text);
        let keeps_source = keeps_source.is_some_and(|policy| &**policy == "Local");
        let nodes = &world.environment.node_cidrs;
        let hides_source = !keeps_source && (nodes.is_empty() || !is_closed(world, service, nodes));
        let ranges = at(document, &["spec", "loadBalancerSourceRanges"]).and_then(Value::items).unwrap_or_default();
        for range in ranges.iter().filter(|_| !hides_source) {
            let Some(net) = range.text().and_then(|text| text.trim().parse::<IpNet>().ok()) else { continue };
            if !is_closed(world, service, &[net]) {
                continue;
            }
            let message = format!("the load balancer lets {net} in, and no policy of its pods does");
            let finding = report.about(reference("Service", &own), range.span, message);
            let first = targets::backends(world, service).first().copied();
            let closing = first.and_then(|class| world.isolating(class, Direction::Ingress).next());
            label(finding, closing.map(Written::span), "does not let it in");
            finding.help = Some(if keeps_source {
                "write the range in both places, or in neither".into()
            } else {
                "without `externalTrafficPolicy: Local` pods see the addresses of nodes: admit those".into()
            });
        }
    }
}

/// Whether every workload behind a Service is closed to some addresses on each of its ports.
fn is_closed(world: &World<'_>, service: &Service, from: &[IpNet]) -> bool {
    let backends = targets::backends(world, service);
    let admits = |rule: &RuleSpec, index: u32| {
        let Some(class) = world.class(index) else { return true };
        let has_port = rule.ports.is_empty()
            || service.ports.iter().any(|port| {
                let numbers = targets::numbers(port, class);
                rule.ports.iter().any(|own| targets::has(&own.value, class, port.protocol, &numbers))
            });
        let has_peer = rule.peers.iter().any(|peer| match &peer.value {
            Peer::Addresses { cidr, except } => {
                from.iter().any(|net| crate::lint::addresses::overlap(*cidr, except, *net))
            }
            Peer::Pods(_) | Peer::Nodes(_) | Peer::Service { .. } => false,
        });
        has_port && (rule.peers.is_empty() || has_peer)
    };
    let closes = |index: &u32| {
        let mut isolating = world.isolating(*index, Direction::Ingress).peekable();
        isolating.peek().is_some()
            && !world.broken.contains(&service.metadata.name.namespace)
            && !isolating.any(|policy| policy.rules(Direction::Ingress).iter().any(|rule| admits(rule, *index)))
    };
    !backends.is_empty() && backends.iter().all(closes)
}
