//! Others that enforce, or whose rules are left over, by the names that they give.

use engine::kernel::SeenFamily;

use super::super::{Code, Facts, Finding};
use super::{listed, reading};

/// Somebody whose rules are known by their names.
struct Maker {
    code: Code,
    name: &'static str,
    tables: &'static [&'static str],
    chains: &'static [&'static str],
    sets: &'static [&'static str],
    interfaces: &'static [&'static str],
    /// What removes its rules by the way of whoever made them.
    fix: &'static str,
}

const NOBODY: Maker =
    Maker { code: Code::MoreThanRead, name: "", tables: &[], chains: &[], sets: &[], interfaces: &[], fix: "" };

/// Prefixes of names, but for tables, which are whole names.
const MAKERS: &[Maker] = &[
    Maker {
        code: Code::CalicoRules,
        name: "Calico",
        tables: &["calico"],
        chains: &["cali-"],
        sets: &["cali40", "cali60"],
        fix: "stop calico-node on this node first; its policy is Felix's",
        ..NOBODY
    },
    Maker {
        code: Code::KubeRouterRules,
        name: "kube-router",
        chains: &["KUBE-ROUTER-", "KUBE-POD-FW-", "KUBE-NWPLCY-"],
        sets: &["KUBE-SRC-", "KUBE-DST-", "inet6:KUBE-SRC-", "inet6:KUBE-DST-"],
        fix: "run kube-router with --run-firewall=false, then once kube-router --cleanup-config",
        ..NOBODY
    },
    Maker {
        code: Code::KubeNetworkPoliciesRules,
        name: "kube-network-policies",
        tables: &["kube-network-policies"],
        fix: "delete its DaemonSet first",
        ..NOBODY
    },
    Maker {
        code: Code::CiliumRules,
        name: "Cilium",
        chains: &["CILIUM_", "OLD_CILIUM_"],
        interfaces: &["cilium_"],
        fix: "cilium-dbg post-uninstall-cleanup on this node, after its DaemonSet is gone",
        ..NOBODY
    },
    Maker {
        code: Code::WeaveRules,
        name: "Weave Net",
        chains: &["WEAVE-NPC"],
        sets: &["weave-"],
        fix: "weave reset on this node, after its DaemonSet is gone",
        ..NOBODY
    },
    Maker {
        code: Code::AntreaRules,
        name: "Antrea",
        chains: &["ANTREA-"],
        sets: &["ANTREA-"],
        interfaces: &["antrea-gw"],
        fix: "leave policy to Antrea on this node: its pods' packets come by no hook",
        ..NOBODY
    },
    Maker {
        code: Code::UfwRules,
        name: "ufw",
        chains: &["ufw-", "ufw6-"],
        fix: "ufw disable, once its rules are written as host rules",
        ..NOBODY
    },
    Maker {
        code: Code::FirewalldRules,
        name: "firewalld",
        tables: &["firewalld"],
        fix: "systemctl disable --now firewalld, once its rules are written as host rules",
        ..NOBODY
    },
    Maker {
        code: Code::DockerRules,
        name: "Docker",
        tables: &["docker-bridges"],
        chains: &["DOCKER"],
        fix: "accept what pods and services need in the chain DOCKER-USER, or run no Docker on nodes",
        ..NOBODY
    },
];

pub(in crate::doctor) fn judge(facts: &Facts, findings: &mut Vec<Finding>) {
    findings.extend(MAKERS.iter().filter_map(|maker| found(maker, facts)));
}

fn found(maker: &Maker, facts: &Facts) -> Option<Finding> {
    let Maker { code, name, tables, chains, sets, interfaces, fix } = maker;
    let begins = |prefixes: &[&str], name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let survey = &facts.survey;
    let is_of_maker = |table: &str| tables.contains(&table);
    let own_tables: Vec<String> = survey
        .tables
        .iter()
        .filter(|table| is_of_maker(&table.name))
        .map(|table| format!("{} {}", table.family, table.name))
        .collect();
    let its_chains: Vec<_> = survey.chains.iter().filter(|chain| begins(chains, &chain.name)).collect();
    let its_sets: Vec<&str> = facts.ipsets.iter().map(|set| &**set).filter(|set| begins(sets, set)).collect();
    let links = facts.links.iter().map(|link| &*link.name);
    let its_links: Vec<&str> = links.filter(|link| begins(interfaces, link)).collect();
    let mut read = Vec::new();
    let mut what = Vec::new();
    let mut note = |place: String, kind: &str, names: Vec<&str>| {
        if !names.is_empty() {
            let value = listed(names);
            what.push(format!("{kind} {value}"));
            read.push(reading(place, value));
        }
    };
    note("nft list tables".to_owned(), "table", own_tables.iter().map(String::as_str).collect());
    let mut in_tables: Vec<(SeenFamily, &str)> = its_chains.iter().map(|chain| (chain.family, &*chain.table)).collect();
    in_tables.sort_unstable();
    in_tables.dedup();
    for (family, table) in &in_tables {
        let here = its_chains.iter().filter(|chain| chain.family == *family && &*chain.table == *table);
        let place = format!("nft -t list table {family} {table}");
        note(place, "chains", here.map(|chain| &*chain.name).collect());
    }
    note("ipset list -n".to_owned(), "sets", its_sets.clone());
    note("ip link".to_owned(), "interface", its_links);
    if read.is_empty() {
        return None;
    }
    let mut fixes = vec![(*fix).to_owned()];
    fixes.extend(own_tables.iter().map(|table| format!("nft delete table {table}")));
    fixes.extend(in_tables.iter().filter_map(|(family, _)| cleanup(*family, chains)));
    fixes.dedup();
    fixes.extend(
        sets.iter()
            .filter(|prefix| its_sets.iter().any(|set| set.starts_with(**prefix)))
            .map(|prefix| format!("ipset list -n | grep '^{prefix}' | xargs -r -n1 ipset destroy")),
    );
    Some(Finding {
        code: *code,
        subject: (*name).to_owned(),
        message: format!("rules of {name}: {}", what.join("; ")),
        read,
        fix: fixes,
    })
}

/// The command that takes the chains out of iptables' tables in nf_tables, and leaves everything else.
fn cleanup(family: SeenFamily, chains: &[&str]) -> Option<String> {
    use engine::ruleset::Family;
    let (save, restore) = match family {
        SeenFamily::Ours(Family::Ip) => ("iptables-nft-save", "iptables-nft-restore"),
        SeenFamily::Ours(Family::Ip6) => ("ip6tables-nft-save", "ip6tables-nft-restore"),
        SeenFamily::Ours(Family::Inet | Family::Arp | Family::Bridge) | SeenFamily::Netdev => return None,
    };
    Some(format!("{save} | grep -vE -- '{}' | {restore}", chains.join("|")))
}
