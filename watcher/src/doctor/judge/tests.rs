//! Facts in, codes out: each finding alone, and none on a clean node.

use engine::compile::bridge::Bridge;
use engine::kernel::{
    BpfFilter, Effects, Features, Link, Passing, SeenBase, SeenChain, SeenFamily, SeenFlowtable, SeenTable,
};
use engine::ruleset::{Family, Hook};

use super::super::facts::{AddressV6, Folder, Lock, Pods, Role};
use super::super::{CODES, Code, Facts, Finding, examine};

/// A node with two interfaces and nothing wrong.
fn clean() -> Facts {
    let link = |index, name: &str| Link { index, name: name.into(), is_up: true, ..Link::default() };
    let parameters = [
        ("ipv4/ip_forward", "1"),
        ("ipv6/conf/all/forwarding", "1"),
        ("ipv4/conf/all/rp_filter", "0"),
        ("netfilter/nf_conntrack_max", "262144"),
        ("netfilter/nf_conntrack_count", "1000"),
        ("netfilter/nf_conntrack_tcp_be_liberal", "0"),
        ("ipv4/conf/eth0/forwarding", "1"),
        ("ipv4/conf/eth0/rp_filter", "0"),
        ("ipv6/conf/eth0/forwarding", "1"),
        ("ipv6/conf/eth0/accept_ra", "1"),
        ("ipv4/conf/lo/forwarding", "0"),
        ("ipv4/conf/lo/rp_filter", "1"),
    ];
    let folder = |path: &str| Folder {
        path: path.to_owned(),
        is_read_only: false,
        free_bytes: 1 << 30,
        free_inodes: Some(1_000),
    };
    Facts {
        parameters: parameters.map(|(path, value)| (path.to_owned(), value.to_owned())).into(),
        links: vec![link(1, "lo"), link(2, "eth0")],
        release: Some("6.12.1-amd64".to_owned()),
        features: Some(Features { owner: true, persist: true, ..Features::default() }),
        clock: Some(1_800_000_000),
        is_synchronised: Some(true),
        lock: Some(Lock::Free),
        folders: vec![folder("/run"), folder("/var/lib")],
        ..Facts::default()
    }
}

fn chain(family: Family, table: &str, name: &str, base: Option<(Hook, i32, bool)>) -> SeenChain {
    let base =
        base.map(|(hook, priority, drops)| SeenBase { hook: Some(hook), priority, drops, effects: Effects::default() });
    SeenChain { family: SeenFamily::Ours(family), table: table.into(), name: name.into(), base }
}

fn with_effects(effects: Effects) -> SeenChain {
    let mut chain = chain(Family::Inet, "theirs", "c", Some((Hook::Forward, -50, false)));
    chain.base.as_mut().unwrap().effects = effects;
    chain
}

#[track_caller]
fn finds(change: impl FnOnce(&mut Facts), expected: &[Code]) -> Vec<Finding> {
    let mut facts = clean();
    change(&mut facts);
    let findings = examine(&facts);
    let codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, expected, "{findings:#?}");
    for finding in &findings {
        assert!(!finding.read.is_empty() && !finding.fix.is_empty() && !finding.message.ends_with('.'), "{finding:?}");
    }
    findings
}

fn set(path: &str, value: &str) -> impl FnOnce(&mut Facts) {
    move |facts| drop(facts.parameters.insert(path.to_owned(), value.to_owned()))
}

#[test]
fn a_clean_node_has_no_finding() {
    finds(|_| {}, &[]);
}

#[test]
fn forwarding_is_needed_in_the_families_of_the_pods() {
    let found = finds(set("ipv4/ip_forward", "0"), &[Code::ForwardingOff]);
    assert_eq!(found[0].read[0].place, "/proc/sys/net/ipv4/ip_forward");
    assert_eq!(found[0].read[0].value, "0");
    assert_eq!(found[0].fix, ["sysctl -w net.ipv4.ip_forward=1"]);
    finds(set("ipv6/conf/all/forwarding", "0"), &[]);
    let v6_pods = |facts: &mut Facts| {
        set("ipv6/conf/all/forwarding", "0")(facts);
        set("ipv4/ip_forward", "0")(facts);
        facts.pods = Some(Pods { has_ipv6: true, ..Pods::default() });
    };
    assert_eq!(finds(v6_pods, &[Code::ForwardingOff])[0].subject, "IPv6");
    let host_only = |facts: &mut Facts| {
        facts.role = Role::HostOnly;
        set("ipv4/ip_forward", "0")(facts);
    };
    finds(host_only, &[]);
    finds(set("ipv4/conf/eth0/forwarding", "0"), &[Code::InterfaceForwardingOff]);
}

#[test]
fn router_advertisements_matter_where_an_address_hangs_on_them() {
    let address = |is_dynamic| AddressV6 { interface: "eth0".to_owned(), is_global: true, is_dynamic };
    finds(|facts| facts.addresses.push(address(false)), &[]);
    finds(|facts| facts.addresses.push(address(true)), &[Code::AdvertisementsIgnored]);
    finds(set("ipv6/conf/eth0/accept_ra", "2"), &[Code::AdvertisementsAccepted]);
}

#[test]
fn the_stricter_of_two_reverse_path_filters_does_not_always_win() {
    finds(set("ipv4/conf/all/rp_filter", "1"), &[Code::ReversePathStrict]);
    finds(set("ipv4/conf/eth0/rp_filter", "1"), &[Code::ReversePathStrict]);
    let loose = |facts: &mut Facts| {
        set("ipv4/conf/all/rp_filter", "2")(facts);
        set("ipv4/conf/eth0/rp_filter", "1")(facts);
    };
    finds(loose, &[]);
}

#[test]
fn a_bridge_hides_pods_if_it_calls_nobody_and_has_two_ports() {
    let bridge = |ports: u32, calls: bool| {
        move |facts: &mut Facts| {
            let port = |n| Link { index: 10 + n, name: format!("veth{n}").into(), master: Some(3), ..Link::default() };
            facts.bridges.push(Bridge { name: "cni0".into(), calls_ipv4: calls, calls_ipv6: calls });
            facts.links.push(Link { index: 3, name: "cni0".into(), ..Link::default() });
            facts.links.extend((0..ports).map(port));
        }
    };
    finds(bridge(1, false), &[]);
    finds(bridge(2, true), &[]);
    finds(bridge(2, false), &[Code::BridgeHidesPods]);
    let judged_there = |facts: &mut Facts| {
        bridge(2, false)(facts);
        let family = SeenFamily::Ours(Family::Bridge);
        facts.survey.tables.push(SeenTable { family, name: "palisade".into(), owner: None });
    };
    finds(judged_there, &[]);
}

#[test]
fn connection_tracking_has_to_be_there_with_room() {
    finds(|facts| drop(facts.parameters.remove("netfilter/nf_conntrack_max")), &[Code::ConntrackAbsent]);
    finds(set("netfilter/nf_conntrack_count", "209715"), &[]);
    finds(set("netfilter/nf_conntrack_count", "209716"), &[Code::ConntrackFull]);
    finds(set("netfilter/nf_conntrack_max", "131071"), &[Code::ConntrackSmall]);
    finds(set("netfilter/nf_conntrack_tcp_be_liberal", "1"), &[Code::ConntrackLiberal]);
}

#[test]
fn ipvs_is_fine_where_the_configuration_says_so() {
    finds(|facts| facts.n_ipvs_services = 3, &[Code::IpvsServices]);
    finds(|facts| (facts.n_ipvs_services, facts.expects_ipvs) = (3, true), &[]);
}

#[test]
fn what_goes_past_netfilter_is_named() {
    finds(|facts| facts.links[1].has_xdp = true, &[Code::XdpProgram]);
    finds(|facts| facts.links[1].kind = Some("netkit".into()), &[Code::NetkitInterface]);
    let program = BpfFilter { interface: 2, passing: Passing::Egress, name: None };
    assert_eq!(
        finds(|facts| facts.programs.push(program), &[Code::TcProgram])[0].subject,
        "eth0 egress without a name"
    );
    let flowtable = SeenFlowtable { family: SeenFamily::Ours(Family::Inet), table: "t".into(), name: "f".into() };
    assert_eq!(finds(|facts| facts.survey.flowtables.push(flowtable), &[Code::Flowtable])[0].subject, "inet t f");
}

#[test]
fn base_chains_of_others_matter_where_ours_are_asked() {
    let drops = |family, hook| chain(family, "filter", "C", Some((hook, 0, true)));
    for hook in [Hook::Input, Hook::Forward, Hook::Output] {
        finds(|facts| facts.survey.chains.push(drops(Family::Ip, hook)), &[Code::ForeignDropPolicy]);
    }
    finds(|facts| facts.survey.chains.push(drops(Family::Arp, Hook::Input)), &[]);
    let ours = chain(Family::Inet, "palisade", "pl_forward", Some((Hook::Forward, 10, true)));
    finds(|facts| facts.survey.chains.push(ours), &[]);
    let effects = |effects: Effects| |facts: &mut Facts| facts.survey.chains.push(with_effects(effects));
    finds(effects(Effects { drops: true, ..Effects::default() }), &[Code::ForeignDrops]);
    finds(effects(Effects { untracks: true, ..Effects::default() }), &[Code::ForeignUntracks]);
    finds(effects(Effects { steals: ["queue"].into(), ..Effects::default() }), &[Code::ForeignSteals]);
    let mut late = with_effects(Effects { drops: true, ..Effects::default() });
    late.base.as_mut().unwrap().priority = 20;
    finds(|facts| facts.survey.chains.push(late), &[]);
}

#[test]
fn everybody_who_enforces_is_known_by_the_names_that_they_give() {
    let chains = [
        ("cali-FORWARD", Code::CalicoRules),
        ("KUBE-ROUTER-FORWARD", Code::KubeRouterRules),
        ("KUBE-POD-FW-ABC", Code::KubeRouterRules),
        ("KUBE-NWPLCY-ABC", Code::KubeRouterRules),
        ("CILIUM_FORWARD", Code::CiliumRules),
        ("WEAVE-NPC-DEFAULT", Code::WeaveRules),
        ("ANTREA-FORWARD", Code::AntreaRules),
        ("ufw-user-input", Code::UfwRules),
        ("DOCKER-USER", Code::DockerRules),
    ];
    for (name, code) in chains {
        let found = finds(|facts| facts.survey.chains.push(chain(Family::Ip, "filter", name, None)), &[code]);
        assert!(found[0].fix.iter().any(|fix| fix.contains("iptables-nft-restore")), "{found:?}");
    }
    // kube-proxy's and flannel's are nobody's business.
    for name in ["KUBE-SERVICES", "KUBE-FORWARD", "FLANNEL-FWD", "service-2QRHZV4L"] {
        finds(|facts| facts.survey.chains.push(chain(Family::Ip, "nat", name, None)), &[]);
    }
    let tables = [
        ("kube-network-policies", Code::KubeNetworkPoliciesRules),
        ("calico", Code::CalicoRules),
        ("firewalld", Code::FirewalldRules),
    ];
    for (name, code) in tables {
        let table = SeenTable { family: SeenFamily::Ours(Family::Inet), name: name.into(), owner: None };
        let found = finds(|facts| facts.survey.tables.push(table), &[code]);
        assert!(found[0].fix.contains(&format!("nft delete table inet {name}")), "{found:?}");
    }
    for (name, code) in [("KUBE-SRC-A", Code::KubeRouterRules), ("cali40s:A", Code::CalicoRules)] {
        finds(|facts| facts.ipsets.push(name.into()), &[code]);
    }
}

#[test]
fn the_machine_has_to_be_fit() {
    finds(|facts| facts.release = Some("5.10.0-30-amd64".to_owned()), &[Code::KernelOld]);
    finds(|facts| facts.release = Some("5.15.0".to_owned()), &[]);
    finds(|facts| facts.features = Some(Features::default()), &[Code::KernelWithoutOwner]);
    finds(|facts| facts.clock = Some(0), &[Code::ClockWrong]);
    finds(|facts| facts.is_synchronised = Some(false), &[Code::ClockUnsynchronised]);
    finds(|facts| facts.folders[0].is_read_only = true, &[Code::FolderNotWritable]);
    finds(|facts| facts.folders[1].free_bytes = 1, &[Code::FolderFull]);
    finds(|facts| facts.folders[1].free_inodes = Some(1), &[Code::FolderFull]);
    finds(|facts| facts.folders[1].free_inodes = None, &[]);
    finds(|facts| facts.legacy.push(("iptables-legacy", "filter".to_owned())), &[Code::LegacyTables]);
    let flushes = ("/etc/nftables.conf".to_owned(), "flush ruleset".to_owned());
    finds(|facts| facts.flushes = Some(flushes), &[Code::NftablesService]);
    finds(|facts| facts.survey.is_cut = true, &[Code::MoreThanRead]);
}

#[test]
fn an_owner_that_nobody_knows_is_another_agent() {
    let owned = |own_port, lock: &'static str| {
        move |facts: &mut Facts| {
            let family = SeenFamily::Ours(Family::Inet);
            facts.survey.tables.push(SeenTable { family, name: "palisade".into(), owner: Some(7) });
            facts.own_port = own_port;
            facts.lock = Some(if lock.is_empty() { Lock::Free } else { Lock::Held(lock.to_owned()) });
        }
    };
    finds(owned(None, "process 7: palisade agent"), &[]);
    finds(owned(None, ""), &[Code::AnotherOwner]);
    finds(owned(Some(7), "process 7: palisade agent"), &[]);
    finds(owned(Some(8), "process 8: palisade agent"), &[Code::AnotherOwner]);
}

#[test]
fn the_worst_comes_first_and_no_code_is_without_a_judgement() {
    let bad = |facts: &mut Facts| {
        set("ipv4/conf/all/rp_filter", "1")(facts);
        facts.links[1].has_xdp = true;
        set("ipv4/ip_forward", "0")(facts);
    };
    finds(bad, &[Code::ForwardingOff, Code::XdpProgram, Code::ReversePathStrict]);
    let judges = concat!(
        include_str!("ahead.rs"),
        include_str!("bridges.rs"),
        include_str!("foreign.rs"),
        include_str!("forwarding.rs"),
        include_str!("machine.rs"),
        include_str!("makers.rs"),
        include_str!("tracking.rs"),
    );
    for definition in CODES {
        assert!(judges.contains(&format!("Code::{:?},", definition.code)), "{:?}", definition.code);
    }
}
