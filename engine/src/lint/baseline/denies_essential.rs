//! PAL504 baseline-denies-essential: the baseline cuts DNS or the API server off.

use policy_lang::name::NamespacedName;
use policy_lang::peer::{Namespaces, Peer, PodSelector, ServicePart};
use policy_lang::policy::Tier;
use policy_lang::port::{PortMatch, PortRange, Ports, Protocol};
use policy_lang::selector::{Operator, Requirement, Selector};

use crate::lint::baseline::walk::{self, Met};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds baselines that deny DNS to every pod that they bind, and, where `environment.apiServer` says where it
    /// is, the API server.
    ///
    /// ## Why it bites
    ///
    /// No policy of a tenant can open it again: every pod of the cluster stops to work.
    ///
    /// ## How it is decided
    ///
    /// The entries are walked in their order, for UDP 53 to the DNS pods: one denies it, and none before it may
    /// accept it or let it past. Entries for addresses on port 53 count as DNS.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// deny: [{to: ["@metadata"]}]
    /// default: deny
    /// otherwise: deny
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// always: [{to: ["@dns"], ports: [53/UDP, 53/TCP]}, {to: ["@apiserver"]}]
    /// default: deny
    /// otherwise: deny
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where pods look nothing up.
    pub(crate) static DENIES_ESSENTIAL = "PAL504" "baseline-denies-essential" Error Never On,
        "the baseline cuts DNS or the API server off", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    let policies: Vec<_> = world.tier(Tier::ConfigMapAdmin).collect();
    let mut say = |peer: &Peer, port: Option<&PortMatch>, what: &str, help: &str| {
        let Some(Met::Denied(rule)) = walk::first(world, &policies, peer, port) else { return };
        let Some(span) = world.place(&rule.origin) else { return };
        let finding = report.at(span, format!("the baseline denies {what} to every pod that it binds"));
        finding.help = Some(help.to_owned());
    };
    let dns = world.environment.dns_or_usual();
    let labels = dns.pods.labels.iter().map(|(key, value)| Requirement {
        key: std::sync::Arc::clone(key),
        operator: Operator::In([std::sync::Arc::clone(value)].into()),
    });
    let servers = Peer::Pods(PodSelector {
        namespaces: Namespaces::Named(std::sync::Arc::clone(&dns.pods.namespace)),
        pods: Selector::new(labels),
    });
    for number in dns.ports.iter().filter_map(|port| std::num::NonZeroU16::new(*port)) {
        let port = PortMatch { protocol: Protocol::Udp, ports: Ports::Range(PortRange::single(number)) };
        say(&servers, Some(&port), "DNS", "add `always: [{to: [\"@dns\"], ports: [53/UDP, 53/TCP]}]`");
    }
    let Some(server) = &world.environment.api_server else { return };
    let port = std::num::NonZeroU16::new(server.port)
        .map(|port| PortMatch { protocol: Protocol::Tcp, ports: Ports::Range(PortRange::single(port)) });
    let help = "add `always: [{to: [\"@apiserver\"]}]`";
    let service = Peer::Service { name: NamespacedName::new("default", "kubernetes"), part: ServicePart::Endpoints };
    if matches!(walk::first(world, &policies, &service, port.as_ref()), Some(Met::Open)) {
        return;
    }
    for cidr in &server.cidrs {
        say(&Peer::Addresses { cidr: *cidr, except: Box::default() }, port.as_ref(), "the API server", help);
    }
}
