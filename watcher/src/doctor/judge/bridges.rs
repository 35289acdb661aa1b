//! Bridges whose frames no hook of IP sees.

use engine::kernel::SeenFamily;
use engine::ruleset::{Family, TableKey};

use super::super::facts::{Pods, Role};
use super::super::{Code, Facts, Finding};
use super::{parameter, reading, set};

/// Ports from which on a bridge can hide something.
const PORTS: usize = 2;

pub(in crate::doctor) fn judge(facts: &Facts, findings: &mut Vec<Finding>) {
    // A table of ours on the bridges judges there (`bridgedPods: table`).
    let ours = TableKey::ours(Family::Bridge);
    let on_bridges = SeenFamily::Ours(ours.family);
    if facts.survey.tables.iter().any(|table| table.family == on_bridges && &*table.name == ours.name.as_str()) {
        return;
    }
    let calls = ["bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables"];
    let fix = || {
        let [v4, v6] = calls.map(|path| set(path, "1"));
        vec![format!("modprobe br_netfilter && {v4} && {v6}")]
    };
    if let Some(Pods { hidden, .. }) = &facts.pods {
        findings.extend(hidden.iter().map(|unseen| Finding {
            code: Code::BridgeHidesPods,
            subject: unseen.bridge.to_string(),
            message: unseen.to_string(),
            read: calls.iter().map(|path| parameter(facts, path)).collect(),
            fix: fix(),
        }));
        return;
    }
    if facts.role == Role::HostOnly {
        return;
    }
    for bridge in facts.bridges.iter().filter(|bridge| !bridge.calls_ipv4 || !bridge.calls_ipv6) {
        let index = facts.links.iter().find(|link| link.name == bridge.name).map(|link| link.index);
        let ports = facts.links.iter().filter(|link| link.master.is_some() && link.master == index).count();
        if ports < PORTS {
            continue;
        }
        let family = match (bridge.calls_ipv4, bridge.calls_ipv6) {
            (false, false) => "IPv4 and IPv6",
            (false, true) => "IPv4",
            (true, _) => "IPv6",
        };
        let mut read: Vec<_> = calls.iter().map(|path| parameter(facts, path)).collect();
        read.push(reading(format!("ip link show master {}", bridge.name), format!("{ports} ports")));
        findings.push(Finding {
            code: Code::BridgeHidesPods,
            subject: bridge.name.to_string(),
            message: format!("bridge {} with {ports} ports hands its frames of {family} to no IP hook", bridge.name),
            read,
            fix: fix(),
        });
    }
}
