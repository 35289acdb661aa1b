//! Peers and kinds of ICMP that only admins' policies have.

use policy_lang::peer::ServicePart;
use policy_lang::port::{IcmpMatch, IcmpVersion};

use crate::inventory::{Endpoint, Service};

use super::*;

fn deny_to(peer: Peer) -> Policy {
    let rule = Rule { peers: Peers::AnyOf(vec![peer]), ..to(Action::Deny, &[]) };
    tier(Tier::ConfigMapAdmin, "deny", 0, vec![rule])
}

#[test]
fn c10_nodes_are_their_addresses_by_their_labels() {
    let (_, mut inventory) = world(&[pod("x/p", "10.0.1.1", "")]);
    inventory.nodes.get_mut("m").unwrap().labels.insert("role".into(), "db".into());
    let role = Requirement { key: "role".into(), operator: Operator::Exists };
    let some = [deny_to(Peer::Nodes(Selector::new([role])))];
    check_policies(&some, &inventory, "x/p -> node:m tcp/80 no; x/p -> node:n tcp/80 yes; x/p -> 8.8.8.8 tcp/80 yes");
    let all = [deny_to(Peer::Nodes(Selector::everything()))];
    check_policies(&all, &inventory, "x/p -> node:m tcp/80 no; x/p -> node:n icmp/8 no; x/p -> 8.8.8.8 tcp/80 yes");
}

#[test]
fn d05_a_service_is_each_of_its_endpoints_with_its_port_or_its_own_addresses_at_any() {
    let (_, mut inventory) = world(&[pod("x/p", "10.0.1.1", "")]);
    let endpoint = |address: &str, protocol, port| Endpoint { address: address.parse().unwrap(), protocol, port };
    let service = Service {
        addresses: vec!["10.96.0.10".parse().unwrap()],
        endpoints: vec![
            endpoint("10.0.2.1", Protocol::Tcp, Some(53)),
            endpoint("10.0.2.1", Protocol::Udp, Some(53)),
            endpoint("10.0.2.2", Protocol::Udp, None),
        ],
    };
    let name = NamespacedName::new("kube-system", "dns");
    inventory.services.insert(name.clone(), service);
    let peer = |part| [deny_to(Peer::Service { name: name.clone(), part })];
    check_policies(
        &peer(ServicePart::Endpoints),
        &inventory,
        "x/p -> 10.0.2.1 udp/53 no; x/p -> 10.0.2.1 tcp/53 no; x/p -> 10.0.2.1 tcp/9153 yes; x/p -> 10.0.2.1 icmp/8 yes;
         x/p -> 10.0.2.2 udp/9 no; x/p -> 10.0.2.2 tcp/53 yes; x/p -> 10.96.0.10 udp/53 yes",
    );
    check_policies(
        &peer(ServicePart::Addresses),
        &inventory,
        "x/p -> 10.96.0.10 udp/53 no; x/p -> 10.96.0.10 tcp/9 no; x/p -> 10.0.2.1 udp/53 yes",
    );
    let unknown = Peer::Service { name: NamespacedName::new("x", "none"), part: ServicePart::Endpoints };
    check_policies(&[deny_to(unknown)], &inventory, "x/p -> 10.0.2.1 udp/53 yes");
}

#[test]
fn d10_kinds_of_icmp_stand_beside_ports() {
    let (_, inventory) = world(&[
        pod("x/p", "10.0.1.1", "").replace("podIPs: [", "podIPs: [{ip: '2001:db8:1::1'}, "),
        pod("x/q", "10.0.1.2", "").replace("podIPs: [", "podIPs: [{ip: '2001:db8:1::2'}, "),
    ]);
    let with = |version, icmp_type, code| {
        let icmp = [IcmpMatch { version, icmp_type, code }].into();
        let web = PortMatch { protocol: Protocol::Tcp, ports: Ports::All };
        let rule = Rule { icmp, ports: PortMatches::AnyOf(vec![web]), peers: Peers::Any, ..to(Action::Deny, &[]) };
        [tier(Tier::ConfigMapAdmin, "deny", 0, vec![rule])]
    };
    let [v4, v6] = ["10.0.1.1 -> 10.0.1.2", "2001:db8:1::1 -> 2001:db8:1::2"];
    let check = |policies: &[Policy], expected: [&str; 4]| {
        let [echo, timestamp, echo6, web] = expected;
        let flows = format!("{v4} icmp/8 {echo}; {v4} icmp/13 {timestamp}; {v6} icmp/128 {echo6}; {v4} tcp/80 {web}");
        check_policies(policies, &inventory, &flows);
    };
    check(&with(IcmpVersion::V4, Some(8), None), ["no", "yes", "yes", "no"]);
    check(&with(IcmpVersion::V4, Some(8), Some(1)), ["yes", "yes", "yes", "no"]);
    check(&with(IcmpVersion::V4, None, None), ["no", "no", "yes", "no"]);
    check(&with(IcmpVersion::V6, Some(128), Some(0)), ["yes", "yes", "no", "no"]);
    // Discovery is not for any policy to cut.
    check_policies(&with(IcmpVersion::V6, None, None), &inventory, &format!("{v6} nd/135 yes; {v6} icmp/135 no"));
}
