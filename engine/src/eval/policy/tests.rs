//! The cases that implementations of NetworkPolicy most often get wrong, from manifests to verdicts, and the tiers.
//!
//! Pods of `10.0.1.0/24` and `10.0.2.0/24`; the nodes are n (192.0.2.10) and m (192.0.2.20).

use std::fmt::Write as _;
use std::num::NonZeroU16;

use policy_lang::manifest::{self, Object};
use policy_lang::name::NamespacedName;
use policy_lang::network_policy::{self, Strictness};
use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::policy::{Action, Peers, PortMatches, Rule, Subject, Tier};
use policy_lang::port::{PortMatch, PortRange, Ports};
use policy_lang::selector::{Operator, Requirement, Selector};
use policy_lang::source::{Origin, Sources};

use super::*;

mod guard;
mod layers;
mod peers;

#[test]
fn w01_an_exception_is_no_denial() {
    let pods = [pod("x/s", "10.0.1.1", "app: s"), pod("x/c1", "10.0.1.5", "team: b"), pod("x/c2", "10.0.2.5", "")];
    let block = "{from: [{ipBlock: {cidr: 10.0.0.0/16, except: [10.0.1.0/24]}}]}";
    let team = "{from: [{podSelector: {matchLabels: {team: b}}}]}";
    let flows = "x/c1 -> x/s tcp/80 yes; x/c2 -> x/s tcp/80 yes; 10.0.1.9 -> x/s tcp/80 no; 10.1.0.1 -> x/s tcp/80 no";
    let selected = "podSelector: {matchLabels: {app: s}}";
    for rules in [[block, team], [team, block]] {
        let one = policy("x/p", &format!("{selected}, ingress: [{}, {}]", rules[0], rules[1]));
        check(&[&pods[..], &[one]].concat(), flows);
        let two = ["x/p", "x/q"].map(String::from).into_iter().zip(rules);
        let two = two.map(|(name, rule)| policy(&name, &format!("{selected}, ingress: [{rule}]")));
        check(&pods.iter().cloned().chain(two).collect::<Vec<_>>(), flows);
    }
}

#[test]
fn w02_policy_types_default_by_what_is_written() {
    let pods = [pod("x/a", "10.0.1.1", ""), pod("x/b", "10.0.1.2", ""), pod("y/c", "10.0.1.3", "")];
    let with = |spec: &str| [&pods[..], &[policy("x/p", spec)]].concat();
    let egress = "podSelector: {}, egress: [{to: [{podSelector: {}}]}]";
    check(&with(egress), "x/a -> x/b tcp/80 no; x/a -> 8.8.8.8 tcp/80 no");
    let typed = format!("{egress}, policyTypes: [Egress]");
    check(&with(&typed), "x/a -> x/b tcp/80 yes; y/c -> x/b tcp/80 yes; x/a -> 8.8.8.8 tcp/80 no");
    let empty = "podSelector: {}, egress: []";
    check(&with(empty), "x/a -> 8.8.8.8 tcp/80 yes; y/c -> x/a tcp/80 no; 8.8.8.8 -> x/a tcp/80 no");
}

#[test]
fn w03_an_empty_port_is_all_of_tcp_and_no_ports_are_everything() {
    let pods = [pod("x/s", "10.0.1.1", "app: s"), pod("x/c", "10.0.1.2", "")];
    let with = |ports: &str| {
        let rule =
            format!("podSelector: {{matchLabels: {{app: s}}}}, ingress: [{{from: [{{podSelector: {{}}}}]{ports}}}]");
        [&pods[..], &[policy("x/p", &rule)]].concat()
    };
    check(
        &with(", ports: [{}]"),
        "x/c -> x/s tcp/80 yes; x/c -> x/s tcp/5555 yes; x/c -> x/s udp/53 no; x/c -> x/s sctp/9 no; x/c -> x/s icmp/8 no",
    );
    check(
        &with(""),
        "x/c -> x/s tcp/80 yes; x/c -> x/s tcp/5555 yes; x/c -> x/s udp/53 yes; x/c -> x/s sctp/9 yes; x/c -> x/s icmp/8 yes; x/c -> x/s ip/47 yes",
    );
}

#[test]
fn w04_missing_labels_match_not_in_and_does_not_exist() {
    let pods = [
        pod("x/s", "10.0.1.9", "app: s"),
        pod("x/a", "10.0.1.1", ""),
        pod("x/b", "10.0.1.2", "tier: web"),
        pod("x/c", "10.0.1.3", "tier: db"),
        pod("x/d", "10.0.1.4", "tier: ''"),
    ];
    let cases = [
        ("matchExpressions: [{key: tier, operator: NotIn, values: [db]}]", "abd"),
        ("matchExpressions: [{key: tier, operator: DoesNotExist}]", "a"),
        ("matchLabels: {tier: ''}", "d"),
        ("matchExpressions: [{key: tier, operator: Exists}]", "bcd"),
    ];
    for (selector, allowed) in cases {
        let spec =
            format!("podSelector: {{matchLabels: {{app: s}}}}, ingress: [{{from: [{{podSelector: {{{selector}}}}}]}}]");
        let mut flows = String::new();
        for client in ["a", "b", "c", "d"] {
            let expected = if allowed.contains(client) { "yes" } else { "no" };
            write!(flows, "x/{client} -> x/s tcp/80 {expected};").unwrap();
        }
        check(&[&pods[..], &[policy("x/p", &spec)]].concat(), &flows);
    }
}

#[test]
fn w05_selectors_in_one_peer_are_and_in_two_are_or() {
    let world = [
        "{apiVersion: v1, kind: Namespace, metadata: {name: 'y', labels: {user: alice}}}".to_owned(),
        pod("x/s", "10.0.1.9", "app: s"),
        pod("x/p", "10.0.1.1", "role: client"),
        pod("y/p", "10.0.1.2", "role: client"),
        pod("y/q", "10.0.1.3", ""),
    ];
    let namespaces = "namespaceSelector: {matchLabels: {user: alice}}";
    let pods = "podSelector: {matchLabels: {role: client}}";
    let with = |from: &str| {
        let spec = format!("podSelector: {{matchLabels: {{app: s}}}}, ingress: [{{from: [{from}]}}]");
        [&world[..], &[policy("x/p", &spec)]].concat()
    };
    let flows = |expected: [&str; 3]| {
        let [xp, yp, yq] = expected;
        format!("x/p -> x/s tcp/80 {xp}; y/p -> x/s tcp/80 {yp}; y/q -> x/s tcp/80 {yq}")
    };
    check(&with(&format!("{{{namespaces}, {pods}}}")), &flows(["no", "yes", "no"]));
    check(&with(&format!("{{{namespaces}}}, {{{pods}}}")), &flows(["yes", "yes", "yes"]));
    check(&with(&format!("{{{pods}}}")), &flows(["yes", "no", "no"]));
}

#[test]
fn w06_a_named_port_is_that_of_the_destination_pod() {
    let containers =
        |kind: &str, ports: &str| format!("{kind}: [{{name: c, restartPolicy: Always, ports: [{ports}]}}]");
    let world = [
        pod_with("x/s1", "10.0.1.1", "app: s", &containers("containers", "{name: http, containerPort: 80}"), ""),
        pod_with("x/s2", "10.0.1.2", "app: s", &containers("containers", "{name: http, containerPort: 8080}"), ""),
        pod_with(
            "x/s3",
            "10.0.1.3",
            "app: s",
            &containers("containers", "{name: http, containerPort: 80, protocol: UDP}"),
            "",
        ),
        pod_with("x/s4", "10.0.1.4", "app: s", &containers("initContainers", "{name: http, containerPort: 9090}"), ""),
        pod("x/s5", "10.0.1.5", "app: s"),
        pod_with("x/c", "10.0.1.6", "app: c", &containers("containers", "{name: http, containerPort: 666}"), ""),
    ];
    let flows = "x/c -> x/s1 tcp/80 yes; x/c -> x/s1 tcp/8080 no; x/c -> x/s2 tcp/8080 yes; x/c -> x/s2 tcp/80 no;
        x/c -> x/s3 udp/80 no; x/c -> x/s3 tcp/80 no; x/c -> x/s4 tcp/9090 yes; x/c -> x/s5 tcp/80 no; x/c -> x/s1 tcp/666 no";
    let ingress = policy("x/p", "podSelector: {matchLabels: {app: s}}, ingress: [{ports: [{port: http}]}]");
    check(&[&world[..], &[ingress]].concat(), flows);
    let egress =
        policy("x/p", "podSelector: {matchLabels: {app: c}}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]");
    check(&[&world[..], &[egress]].concat(), &format!("{flows}; x/c -> 1.2.3.4 tcp/80 no"));
}

#[test]
fn w07_services_are_judged_behind_the_translation() {
    let pods = [pod("x/s", "10.0.1.7", "app: s"), pod("x/c", "10.0.1.1", "app: c")];
    let with = |rule: &str| {
        let spec = format!("podSelector: {{matchLabels: {{app: c}}}}, policyTypes: [Egress], egress: [{rule}]");
        [&pods[..], &[policy("x/p", &spec)]].concat()
    };
    let selected =
        |port: u16| format!("{{to: [{{podSelector: {{matchLabels: {{app: s}}}}}}], ports: [{{port: {port}}}]}}");
    check(&with(&selected(8080)), "x/c -> x/s tcp/8080 yes");
    check(&with(&selected(80)), "x/c -> x/s tcp/8080 no");
    check(&with("{to: [{ipBlock: {cidr: 10.96.0.9/32}}]}"), "x/c -> x/s tcp/8080 no");
    check(&with("{to: [{ipBlock: {cidr: 10.0.1.7/32}}], ports: [{port: 8080}]}"), "x/c -> x/s tcp/8080 yes");
}

#[test]
fn w08_a_completed_pod_leaves_its_address_to_the_next() {
    let job = pod_with("x/job", "10.0.1.8", "app: db", "", "phase: Succeeded, ");
    let new = pod("y/new", "10.0.1.8", "");
    let policies = [
        policy("x/p", "podSelector: {matchLabels: {app: db}}"),
        policy(
            "z/q",
            "podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}]}]",
        ),
    ];
    for pods in [[job.clone(), new.clone()], [new, job]] {
        let world = [&pods[..], &[pod("z/s", "10.0.1.9", "")], &policies[..]].concat();
        check(&world, "8.8.8.8 -> y/new tcp/80 yes; y/new -> z/s tcp/80 no");
    }
}

#[test]
fn w09_terminating_and_pending_pods_count() {
    let terminating = pod("x/c1", "10.0.1.1", "app: c")
        .replace("metadata: {", "metadata: {deletionTimestamp: '2026-01-01T00:00:00Z', ");
    let pending = pod_with("x/c2", "10.0.1.2", "app: c", "", "phase: Pending, ");
    let spec = "podSelector: {matchLabels: {app: s}}, ingress: [{from: [{podSelector: {matchLabels: {app: c}}}]}]";
    let world = [terminating, pending, pod("x/s", "10.0.1.9", "app: s"), policy("x/p", spec)];
    check(&world, "x/c1 -> x/s tcp/80 yes; x/c2 -> x/s tcp/80 yes; 10.0.1.3 -> x/s tcp/80 no");
}

#[test]
fn w10_host_network_pods_are_the_node() {
    let host = pod_with("x/h", "192.0.2.10", "app: h", "hostNetwork: true", "");
    let deny = policy("x/deny", "podSelector: {}, policyTypes: [Ingress, Egress]");
    let pods = [host, pod("x/p", "10.0.1.1", ""), pod_on("m", "z/s", "10.0.2.1", "")];
    let with = |spec: &str| [&pods[..], &[deny.clone(), policy("z/q", spec)]].concat();
    let selected =
        "podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: h}}}]}]";
    check(
        &with(selected),
        "node:n -> 8.8.8.8 tcp/80 yes; 8.8.8.8 -> node:n tcp/22 yes; node:n -> x/p tcp/80 yes;
         node:m -> x/p tcp/80 no; node:n -> z/s tcp/80 no",
    );
    let block = "podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.10/32}}]}]";
    check(&with(block), "node:n -> z/s tcp/80 yes");
}

#[test]
fn w11_the_own_node_passes_and_nothing_passes_for_it() {
    let pods = [pod("x/p", "10.0.1.1", ""), pod("y/c", "10.0.1.2", "")];
    let ingress = [&pods[..], &[policy("x/deny", "podSelector: {}")]].concat();
    check(
        &ingress,
        "node:n -> x/p tcp/80 yes; node:n -> x/p udp/9 yes; y/c -> x/p tcp/80 no; 8.8.8.8 -> x/p tcp/80 no",
    );
    // Forwarded with the node's own address as its source: still not the node.
    let (policies, inventory) = world(&ingress);
    let connection = Connection { way: Way::Forwarded, ..connection(&inventory, "node:n -> x/p tcp/80") };
    assert_eq!(super::policies(&policies, &inventory, "n", &connection).outcome, Outcome::Denied);
    let egress = [&pods[..], &[policy("x/deny", "podSelector: {}, policyTypes: [Egress]")]].concat();
    check(&egress, "x/p -> node:n tcp/10250 no; y/c -> node:n tcp/10250 yes");
}

#[test]
fn w12_both_ends_must_permit() {
    let pods = [pod("x/c", "10.0.1.1", ""), pod_on("m", "y/s", "10.0.2.1", "")];
    let policies = [
        policy(
            "x/p",
            "podSelector: {}, policyTypes: [Ingress, Egress], egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: 'y'}}}], ports: [{port: 80}]}]",
        ),
        policy(
            "y/p",
            "podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: x}}}]}]",
        ),
    ];
    check(
        &[&pods[..], &policies[..]].concat(),
        "x/c -> y/s tcp/80 yes; y/s -> x/c tcp/80 no; x/c -> y/s tcp/81 no; 8.8.8.8 -> y/s tcp/80 no",
    );
}

#[test]
fn w14_protocols_families_and_port_ranges_are_exact() {
    let pods = [
        pod("x/s", "10.0.1.1", "").replace("podIPs: [", "podIPs: [{ip: '2001:db8:1::1'}, "),
        pod("y/c", "10.0.1.2", "").replace("podIPs: [", "podIPs: [{ip: '2001:db8:1::2'}, "),
    ];
    let with =
        |ingress: &str| [&pods[..], &[policy("x/p", &format!("podSelector: {{}}, ingress: {ingress}"))]].concat();
    check(
        &with("[{ports: [{protocol: SCTP, port: 81}]}]"),
        "y/c -> x/s sctp/81 yes; y/c -> x/s tcp/81 no; y/c -> x/s udp/81 no",
    );
    check(&with("[{ports: [{protocol: UDP, port: 81}]}]"), "y/c -> x/s udp/81 yes; y/c -> x/s tcp/81 no");
    check(
        &with("[]"),
        "2001:db8:1::2 -> 2001:db8:1::1 nd/135 yes; 2001:db8:1::2 -> 2001:db8:1::1 icmp/135 no;
         2001:db8:1::2 -> 2001:db8:1::1 icmp/2 yes; 2001:db8:1::2 -> 2001:db8:1::1 icmp/128 no;
         2001:db8:1::2 -> 2001:db8:1::1 tcp/80 no; 10.0.1.2 -> 10.0.1.1 tcp/80 no",
    );
    check(
        &with("[{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]"),
        "10.0.1.2 -> 10.0.1.1 tcp/80 yes; 2001:db8:1::2 -> 2001:db8:1::1 tcp/80 no; 2001:db8::1 -> 2001:db8:1::1 tcp/80 no",
    );
    check(
        &with("[{ports: [{port: 80, endPort: 82}]}]"),
        "y/c -> 10.0.1.1 tcp/79 no; y/c -> 10.0.1.1 tcp/80 yes; y/c -> 10.0.1.1 tcp/82 yes; y/c -> 10.0.1.1 tcp/83 no",
    );
}

#[test]
fn w15_tiers_decide_in_their_order() {
    let world = [
        pod("x/a", "10.0.1.1", "app: a"),
        pod("x/b", "10.0.1.2", "app: b"),
        policy("x/in", "podSelector: {matchLabels: {app: a}}, ingress: [{}]"),
        policy(
            "x/out",
            "podSelector: {matchLabels: {app: b}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.1.0.0/16}}]}]",
        ),
    ];
    let (tenants, inventory) = self::world(&world);
    let with = |second: Action| {
        let mut policies = tenants.clone();
        let first = vec![to(Action::Deny, &["169.254.169.254/32"]), to(second, &["10.0.0.0/8"])];
        policies.push(tier(Tier::ConfigMapAdmin, "late", 20, vec![to(Action::Deny, &["0.0.0.0/0"])]));
        policies.push(tier(Tier::ConfigMapAdmin, "early", 10, first));
        policies.push(tier(Tier::ConfigMapBaseline, "rest", 0, vec![to(Action::Deny, &["10.2.0.0/16"])]));
        policies
    };
    let flows = "x/a -> 169.254.169.254 tcp/80 no; x/a -> 10.1.0.1 tcp/80 yes; x/a -> 10.2.0.1 tcp/80 no;
        x/b -> 10.1.0.1 tcp/80 yes; x/a -> 8.8.8.8 tcp/80 no; x/b -> 8.8.8.8 tcp/80 no";
    check_policies(&with(Action::Pass), &inventory, flows);
    check_policies(&with(Action::Pass), &inventory, "x/b -> 10.2.0.1 tcp/80 no; x/b -> 10.3.0.1 tcp/80 no");
    check_policies(&with(Action::Accept), &inventory, "x/b -> 10.3.0.1 tcp/80 yes");

    let metadata = connection(&inventory, "x/a -> 169.254.169.254 tcp/80");
    let decision = policies(&with(Action::Pass), &inventory, "n", &metadata);
    let Cause::Rule { tier, policy, .. } = &decision.cause else { panic!("{decision:?}") };
    assert_eq!((*tier, policy.name.as_ref()), (Tier::ConfigMapAdmin, "early"));
    let isolated = policies(&tenants, &inventory, "n", &connection(&inventory, "x/b -> 8.8.8.8 tcp/80"));
    assert_eq!(isolated.cause.origins().iter().map(ToString::to_string).collect::<Vec<_>>(), ["world.yaml:5 x/out"]);
}

#[test]
fn sem_30_an_unknown_namespace_matches_no_selector() {
    let world = [
        pod("x/s", "10.0.1.1", ""),
        pod("y/c", "10.0.1.2", ""),
        policy(
            "x/p",
            "podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: evil, operator: DoesNotExist}]}}]}]",
        ),
    ];
    let (policies, mut inventory) = self::world(&world);
    check_policies(&policies, &inventory, "y/c -> x/s tcp/80 yes");
    inventory.namespaces.remove("y");
    check_policies(&policies, &inventory, "y/c -> x/s tcp/80 no");
}

#[test]
fn two_pods_at_one_address_are_both_bound_and_match_only_together() {
    let world = [
        pod("x/old", "10.0.1.1", "app: c"),
        pod("x/new", "10.0.1.1", "app: d"),
        pod("x/s", "10.0.1.9", "app: s"),
        policy(
            "x/out",
            "podSelector: {matchLabels: {app: d}}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}]}]",
        ),
        policy(
            "x/in",
            "podSelector: {matchLabels: {app: s}}, ingress: [{from: [{podSelector: {matchLabels: {app: c}}}], ports: [{port: 1}]}, {from: [{podSelector: {}}], ports: [{port: 2}]}]",
        ),
    ];
    let flows = "x/old -> 8.8.8.8 tcp/80 no; x/old -> x/s tcp/1 no; x/old -> x/s tcp/2 yes";
    check(&world, flows);
    // The one that leaves yields.
    let mut world = world;
    world[1] = world[1].replace("metadata: {", "metadata: {deletionTimestamp: '2026-01-01T00:00:00Z', ");
    check(&world, "x/old -> 8.8.8.8 tcp/80 yes; x/old -> x/s tcp/1 yes");
}

#[test]
fn a_pod_reaches_itself_through_a_service_unless_the_baseline_forbids() {
    let world = [pod("x/p", "10.0.1.1", ""), policy("x/deny", "podSelector: {}, policyTypes: [Ingress, Egress]")];
    let (mut policies, inventory) = self::world(&world);
    check_policies(&policies, &inventory, "x/p -> x/p tcp/80 yes");
    policies.push(tier(Tier::ConfigMapBaseline, "rest", 0, vec![to(Action::Deny, &["0.0.0.0/0"])]));
    check_policies(&policies, &inventory, "x/p -> x/p tcp/80 yes");
    policies.push(tier(Tier::ConfigMapAdmin, "first", 0, vec![to(Action::Deny, &["10.0.0.0/8"])]));
    check_policies(&policies, &inventory, "x/p -> x/p tcp/80 no");
}

#[test]
fn router_advertisements_never_come_from_pods() {
    let world = [pod("x/p", "2001:db8:1::1", ""), pod("x/q", "2001:db8:1::2", "")];
    check(
        &world,
        "x/p -> x/q nd/134 no; x/p -> x/q nd/137 no; x/p -> x/q nd/133 yes; fe80::1 -> x/p nd/134 yes; 2001:db8:ff::10 -> x/p nd/134 yes",
    );
}

#[test]
fn exempt_pods_are_not_bound() {
    let world = [pod("x/p", "10.0.1.1", "app: a"), pod("kube-system/dns", "10.0.1.2", "")];
    let (mut policies, inventory) = self::world(&world);
    let mut baseline = tier(Tier::ConfigMapAdmin, "standard", 0, vec![to(Action::Deny, &["0.0.0.0/0"])]);
    let name = policy_lang::name::NAMESPACE_NAME_LABEL.into();
    let system = Requirement { key: name, operator: Operator::In(["kube-system".into()].into()) };
    let exempt =
        PodSelector { namespaces: Namespaces::Matching(Selector::new([system])), pods: Selector::everything() };
    baseline.subject.exempt = [exempt].into();
    policies.push(baseline);
    check_policies(&policies, &inventory, "x/p -> 8.8.8.8 tcp/80 no; kube-system/dns -> 8.8.8.8 tcp/80 yes");
}

#[test]
fn empty_lists_match_nothing_and_passing_the_last_tier_allows() {
    let world = [pod("x/p", "10.0.1.1", "")];
    let (_, inventory) = self::world(&world);
    let nobody = Rule { peers: Peers::AnyOf(Vec::new()), ..to(Action::Deny, &["0.0.0.0/0"]) };
    let no_port = Rule { ports: PortMatches::AnyOf(Vec::new()), ..to(Action::Deny, &["0.0.0.0/0"]) };
    let web =
        PortMatch { protocol: Protocol::Tcp, ports: Ports::Range(PortRange::single(NonZeroU16::new(80).unwrap())) };
    let pass = Rule { ports: PortMatches::AnyOf(vec![web]), ..to(Action::Pass, &["0.0.0.0/0"]) };
    let rules = vec![nobody, no_port, pass, to(Action::Deny, &["0.0.0.0/0"])];
    let policies = [tier(Tier::ConfigMapBaseline, "rest", 0, rules)];
    check_policies(&policies, &inventory, "x/p -> 8.8.8.8 tcp/80 yes; x/p -> 8.8.8.8 tcp/81 no");
}

/// Manifests, one a line, and flows `FROM -> TO PROTOCOL/NUMBER yes|no`. FROM and TO are pods, `node:NAME` or
/// addresses; `nd` is ICMPv6 with a hop limit of 255.
#[track_caller]
fn check(manifests: &[String], flows: &str) {
    let (policies, inventory) = world(manifests);
    check_policies(&policies, &inventory, flows);
}

#[track_caller]
fn check_policies(policies: &[Policy], inventory: &Inventory, flows: &str) {
    for flow in flows.split(';').map(str::trim).filter(|flow| !flow.is_empty()) {
        let (question, expected) = flow.rsplit_once(' ').unwrap();
        let connection = connection(inventory, question);
        let decision = everywhere(policies, inventory, &connection);
        let answer = if decision.outcome == Outcome::Allowed { "yes" } else { "no" };
        assert_eq!(answer, expected, "{flow}: {decision:?}");
    }
}

/// The decisions of both nodes together; the connection's way is that at the node it begins or ends on.
fn everywhere(policies: &[Policy], inventory: &Inventory, connection: &Connection) -> Decision {
    let decisions = ["n", "m"].map(|node| {
        let is_own = |address: IpAddr| inventory.nodes.get(node).is_some_and(|node| node.addresses.contains(&address));
        let way = match (is_own(connection.source), is_own(connection.destination)) {
            (true, _) => Way::FromNode,
            (false, true) => Way::ToNode,
            (false, false) => Way::Forwarded,
        };
        super::policies(policies, inventory, node, &Connection { way, ..*connection })
    });
    let [first, second] = decisions;
    first.and(second)
}

fn connection(inventory: &Inventory, question: &str) -> Connection {
    let words: Vec<&str> = question.split_whitespace().collect();
    let [from, "->", to, transport] = words.as_slice() else { panic!("{question}") };
    let (protocol, number) = transport.split_once('/').unwrap();
    let destination = number.parse().unwrap_or(0);
    let port = |protocol| Transport::Port { protocol, destination };
    let icmp = |hop_limit| Transport::Icmp { icmp_type: number.parse().unwrap(), code: 0, hop_limit };
    let transport = match protocol {
        "tcp" => port(Protocol::Tcp),
        "udp" => port(Protocol::Udp),
        "sctp" => port(Protocol::Sctp),
        "icmp" => icmp(64),
        "nd" => icmp(255),
        _ => Transport::Other(number.parse().unwrap()),
    };
    Connection::new(address(inventory, from), address(inventory, to), transport, Way::Forwarded)
}

fn address(inventory: &Inventory, name: &str) -> IpAddr {
    if let Ok(address) = name.parse() {
        return address;
    }
    if let Some(node) = name.strip_prefix("node:") {
        return inventory.nodes[node].addresses[0];
    }
    let (namespace, name) = name.split_once('/').unwrap();
    inventory.pods[&NamespacedName::new(namespace, name)].addresses[0]
}

fn world(manifests: &[String]) -> (Vec<Policy>, Inventory) {
    let nodes = [("n", "192.0.2.10", "2001:db8:ff::10"), ("m", "192.0.2.20", "2001:db8:ff::20")].map(|(name, v4, v6)| {
        format!("{{apiVersion: v1, kind: Node, metadata: {{name: '{name}'}}, status: {{addresses: [{{type: InternalIP, address: {v4}}}, {{type: InternalIP, address: '{v6}'}}]}}}}")
    });
    let documents: Vec<String> = manifests.iter().cloned().chain(nodes).collect();
    let text = format!("{{apiVersion: v1, kind: List, items: [\n{}]}}", documents.join(",\n"));
    let mut sources = Sources::default();
    let (objects, diagnostics) = manifest::load("world.yaml", &text, &mut sources);
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    let (inventory, _) = Inventory::from_objects(&objects);
    let policies = objects.iter().filter_map(|object| {
        let Object::NetworkPolicy(policy) = object else { return None };
        let (policy, diagnostics) = network_policy::decode(policy, &sources, Strictness::Lenient);
        let is_error =
            |d: &&policy_lang::diagnostic::Diagnostic| d.severity == policy_lang::diagnostic::Severity::Error;
        assert_eq!(diagnostics.iter().find(is_error), None);
        Some(policy)
    });
    (policies.collect(), inventory)
}

fn pod(name: &str, address: &str, labels: &str) -> String {
    pod_with(name, address, labels, "", "")
}

fn pod_on(node: &str, name: &str, address: &str, labels: &str) -> String {
    pod(name, address, labels).replace("nodeName: 'n'", &format!("nodeName: '{node}'"))
}

fn pod_with(name: &str, address: &str, labels: &str, spec: &str, status: &str) -> String {
    let (namespace, name) = name.split_once('/').unwrap();
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{namespace: '{namespace}', name: '{name}', labels: {{{labels}}}}}, \
         spec: {{nodeName: 'n', {spec}}}, status: {{{status}podIPs: [{{ip: '{address}'}}]}}}}"
    )
}

fn policy(name: &str, spec: &str) -> String {
    let (namespace, name) = name.split_once('/').unwrap();
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{namespace: '{namespace}', name: '{name}'}}, \
         spec: {{{spec}}}}}"
    )
}

/// An egress policy of one of the baseline's tiers, for every pod.
fn tier(tier: Tier, name: &str, priority: u16, rules: Vec<Rule>) -> Policy {
    let everyone =
        PodSelector { namespaces: Namespaces::Matching(Selector::everything()), pods: Selector::everything() };
    Policy {
        origin: Origin::default().with_subject(name),
        name: NamespacedName::new("", name),
        tier,
        priority,
        subject: Subject { pods: everyone, exempt: [].into() },
        ingress: None,
        egress: Some(rules),
    }
}

fn to(action: Action, cidrs: &[&str]) -> Rule {
    let peers = cidrs.iter().map(|cidr| Peer::Addresses { cidr: cidr.parse().unwrap(), except: [].into() });
    Rule::new(Origin::default(), action, Peers::AnyOf(peers.collect()), PortMatches::Any)
}
