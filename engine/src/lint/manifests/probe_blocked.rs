//! PAL407 probe-blocked-by-host-rule: host rules that keep the kubelet from asking pods whether they live.

use std::collections::BTreeMap;

use policy_lang::host::rule::Table;
use policy_lang::manifest::tree::Value;
use policy_lang::source::Span;

use crate::lint::documents::at;
use crate::lint::host::accepting;
use crate::lint::layers::node::{Node, Way};
use crate::lint::manifests::templates;
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds host rules whose OUTPUT closes the port of a probe to the pods.
    ///
    /// ## Why it bites
    ///
    /// No policy of pods closes the own node, so nobody looks there: the kubelet kills pods that are well.
    ///
    /// ## How it is decided
    ///
    /// The rules are compiled, and first packets from the node to `environment.podCIDRs`, to the ports of liveness,
    /// readiness and startup probes by HTTP, TCP and gRPC, are judged by the compiled OUTPUT, by every interface that
    /// the rules name. Silent without the configuration.
    ///
    /// ## Bad
    ///
    /// ```text
    /// the same as tests/data/lint/PAL407/fires-policy: a readiness probe on 8080, and an OUTPUT with policy DROP that opens TCP 443
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// the same as tests/data/lint/PAL407/quiet-pods: the same with `daddr 10.42.0.0/16 ACCEPT;`
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the host rules are those of nodes without such pods.
    pub(crate) static PROBE_BLOCKED = "PAL407" "probe-blocked-by-host-rule" Warning Unsafe On,
        "host rules that keep the kubelet from asking pods whether they live", Check::Node(check);
}

fn check(world: &World<'_>, node: &Node<'_>, report: &mut Report<'_>) {
    let pods = &world.environment.pod_cidrs;
    let Some(span) = node.place(Table::Filter, "OUTPUT").filter(|_| !pods.is_empty()) else { return };
    let mut asked: BTreeMap<u16, Span> = BTreeMap::new();
    templates::each(world, &["Probe"], |template| {
        let Some(class) = world.class(template.class) else { return };
        for container in template.containers() {
            for port in ports(container) {
                asked.extend(templates::port(port, class).map(|number| (number, port.span)));
            }
        }
    });
    let is_open = |port: u16| node.own.iter().any(|own| node.admits(Way::Out, *own, pods, Some(6), port));
    asked.retain(|port, _| !is_open(*port));
    let Some((_, first)) = asked.first_key_value() else { return };
    let ports = asked.keys().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let finding = report.at(span, format!("the kubelet does not reach the probes of pods on TCP {ports}"));
    label(finding, Some(*first), "is asked from the node");
    if let Some(pods) = pods.first() {
        let rule = node.accepting(*pods, &format!("daddr {pods} ACCEPT;"));
        finding.help = Some(format!("accept it: `{rule}`"));
        finding.fix = accepting::fix(&rule, span, world.sources);
    }
}

/// The ports that the kubelet asks on.
fn ports(container: &Value) -> Vec<&Value> {
    let probes = ["livenessProbe", "readinessProbe", "startupProbe"].into_iter();
    let probes = probes.filter_map(|probe| container.field(probe));
    probes.flat_map(|probe| ["httpGet", "tcpSocket", "grpc"].map(|how| at(probe, &[how, "port"]))).flatten().collect()
}
