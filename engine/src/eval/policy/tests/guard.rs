//! Local addresses that no pod is known to own, and what the node's configuration decides.

use crate::compile::options::{LocalPods, Quarantine};

use super::*;

/// What is asked with these options; no pod is known to own an address of `10.0.9.0/24`.
struct Case {
    policies: Vec<Policy>,
    inventory: Inventory,
    options: PodOptions,
}

impl Case {
    fn new(manifests: &[String]) -> Self {
        let (policies, inventory) = world(manifests);
        let local = LocalPods { ranges: vec!["10.0.0.0/16".parse().unwrap()], ..LocalPods::default() };
        Self { policies, inventory, options: PodOptions { local, ..STANDARD.clone() } }
    }

    fn decide(&self, connection: &Connection) -> Decision {
        let Self { policies, inventory, options } = self;
        Oracle { policies, inventory, node: "n", options }.decide(connection)
    }

    #[track_caller]
    fn check(&self, flows: &str) {
        for flow in flows.split(';').map(str::trim) {
            let (question, expected) = flow.rsplit_once(' ').unwrap();
            let decision = self.decide(&connection(&self.inventory, question));
            let answer = if decision.outcome == Outcome::Allowed { "yes" } else { "no" };
            assert_eq!(answer, expected, "{flow}: {decision:?}");
        }
    }
}

/// Scheduled, its network not set up yet.
fn waiting(name: &str) -> String {
    pod(name, "10.0.1.1", "").replace("podIPs: [{ip: '10.0.1.1'}]", "")
}

#[test]
fn d07_the_baseline_binds_unknown_local_sources_whoever_is_exempt() {
    let mut case = Case::new(&[pod("x/p", "10.0.1.1", "")]);
    let deny = |which, name| tier(which, name, 0, vec![to(Action::Deny, &["8.8.8.8/32"])]);
    for (which, expected) in [
        (Tier::ConfigMapAdmin, "no"),
        (Tier::ClusterAdmin, "yes"),
        (Tier::ClusterBaseline, "yes"),
        (Tier::ConfigMapBaseline, "no"),
    ] {
        let mut policy = deny(which, "deny");
        policy.subject.exempt = [policy.subject.pods.clone()].into();
        case.policies = vec![policy];
        // The pod is exempt, and whoever is outside the local ranges is not bound.
        case.check(&format!(
            "10.0.9.9 -> 8.8.8.8 tcp/80 {expected}; x/p -> 8.8.8.8 tcp/80 yes; 10.1.0.1 -> 8.8.8.8 tcp/80 yes"
        ));
    }
    // One that is about some pods only does not bind whoever it may be.
    let mut policy = deny(Tier::ConfigMapAdmin, "some");
    let web = Requirement { key: "app".into(), operator: Operator::NotIn(["web".into()].into()) };
    policy.subject.pods.pods = Selector::new([web]);
    case.policies = vec![policy];
    case.check("10.0.9.9 -> 8.8.8.8 tcp/80 yes; x/p -> 8.8.8.8 tcp/80 no");
}

#[test]
fn sem_99_isolated_pods_without_an_address_quarantine_unknown_ones() {
    let isolating = |types| policy("x/deny", &format!("podSelector: {{}}, policyTypes: [{types}]"));
    let all = "10.0.9.9 -> 8.8.8.8 tcp/80 yes; 8.8.8.8 -> 10.0.9.9 tcp/80 yes";
    Case::new(&[pod("x/p", "10.0.1.1", ""), isolating("Ingress, Egress")]).check(all);
    Case::new(&[waiting("y/p"), isolating("Ingress, Egress")]).check(all);
    let elsewhere = waiting("x/p").replace("nodeName: 'n'", "nodeName: 'm'");
    Case::new(&[elsewhere, isolating("Ingress, Egress")]).check(all);

    let egress = "10.0.9.9 -> 8.8.8.8 tcp/80 no; 8.8.8.8 -> 10.0.9.9 tcp/80 yes; 10.1.0.1 -> 8.8.8.8 tcp/80 yes";
    let mut case = Case::new(&[waiting("x/p"), isolating("Egress")]);
    case.check(egress);
    let ingress = "10.0.9.9 -> 8.8.8.8 tcp/80 yes; 8.8.8.8 -> 10.0.9.9 tcp/80 no; 10.0.9.9 -> node:n tcp/80 yes";
    Case::new(&[waiting("x/p"), isolating("Ingress")]).check(ingress);

    let decision = case.decide(&connection(&case.inventory, "10.0.9.9 -> 8.8.8.8 tcp/80"));
    assert_eq!(decision.cause, Cause::Quarantine);
    assert_eq!(decision.judgements[0].subject, Bound::Unknown("10.0.9.9".parse().unwrap()));
    case.options.quarantine = Quarantine::Count;
    case.check(all);
    // What the baseline permits passes, what its `otherwise` denies does not.
    case.policies.push(tier(Tier::ConfigMapBaseline, "rest", 0, vec![to(Action::Deny, &["9.9.9.9/32"])]));
    case.check("10.0.9.9 -> 9.9.9.9 tcp/80 no; 10.0.9.9 -> 8.8.8.8 tcp/80 yes");
    case.options.quarantine = Quarantine::Drop;
    case.policies.push(tier(Tier::ConfigMapAdmin, "always", 0, vec![to(Action::Accept, &["8.8.8.8/32"])]));
    case.check("10.0.9.9 -> 8.8.8.8 tcp/80 yes; 10.0.9.9 -> 8.8.4.4 tcp/80 no");
}

#[test]
fn d07_an_interface_can_tell_a_local_pod() {
    let mut case = Case::new(&[waiting("x/p"), policy("x/deny", "podSelector: {}, policyTypes: [Ingress, Egress]")]);
    case.options.local = LocalPods { interface_prefix: Some("cali".into()), ..LocalPods::default() };
    let plain = connection(&case.inventory, "10.0.9.9 -> 8.8.8.8 tcp/80");
    let from = Connection { interfaces: PodInterfaces { input: true, output: false }, ..plain };
    let to = Connection { interfaces: PodInterfaces { input: false, output: true }, ..plain };
    assert_eq!(
        [plain, from, to].map(|connection| case.decide(&connection).outcome),
        [Outcome::Allowed, Outcome::Denied, Outcome::Denied]
    );
    // Link-local, as such packets are.
    let advertisement = connection(&case.inventory, "fe80::9 -> 2001:db8:9::9 nd/134");
    assert_eq!(case.decide(&advertisement).outcome, Outcome::Allowed);
    let advertisement = Connection { interfaces: PodInterfaces { input: true, output: false }, ..advertisement };
    assert_eq!(case.decide(&advertisement).cause, Cause::RoutingFromPod);
    case.options.local.interface_prefix = None;
    assert_eq!(case.decide(&from).outcome, Outcome::Allowed);
}

#[test]
fn d07_the_nodes_own_ranges_count_if_configured() {
    let mut case = Case::new(&[pod("x/p", "10.0.1.1", "")]);
    case.policies.push(tier(Tier::ConfigMapAdmin, "deny", 0, vec![to(Action::Deny, &["8.8.8.8/32"])]));
    case.inventory.nodes.get_mut("n").unwrap().pod_cidrs = vec!["10.7.0.0/16".parse().unwrap()];
    case.inventory.nodes.get_mut("m").unwrap().pod_cidrs = vec!["10.8.0.0/16".parse().unwrap()];
    case.check("10.7.0.1 -> 8.8.8.8 tcp/80 yes");
    case.options.local.node_pod_cidrs = true;
    case.check("10.7.0.1 -> 8.8.8.8 tcp/80 no; 10.8.0.1 -> 8.8.8.8 tcp/80 yes");
}

#[test]
fn sem_85_the_way_to_the_own_node_can_be_opened() {
    let mut case = Case::new(&[
        pod("x/p", "10.0.1.1", "").replace("podIPs: [", "podIPs: [{ip: '2001:db8:1::1'}, "),
        policy("x/deny", "podSelector: {}, policyTypes: [Egress]"),
    ]);
    let to_node = |transport: &str| {
        let connection = connection(&case.inventory, &format!("2001:db8:1::1 -> 2001:db8:ff::10 {transport}"));
        Connection { way: Way::ToNode, ..connection }
    };
    let [web, advertisement] = ["tcp/80", "nd/134"].map(to_node);
    assert_eq!(case.decide(&web).outcome, Outcome::Denied);
    case.options.own_node = OwnNode::Open;
    assert_eq!(case.decide(&web).cause, Cause::OwnNodeOpen);
    assert_eq!(case.decide(&advertisement).cause, Cause::RoutingFromPod);
    assert_eq!(case.decide(&Connection { way: Way::Forwarded, ..web }).outcome, Outcome::Denied);
}
