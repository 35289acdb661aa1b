//! Whether packets get as far as the hooks: forwarding, router advertisements, the reverse path.

use super::super::facts::Role;
use super::super::{Code, Facts, Finding};
use super::{listed, parameter, set};

pub(in crate::doctor) fn judge(facts: &Facts, findings: &mut Vec<Finding>) {
    if facts.role == Role::Pods {
        families(facts, findings);
        interfaces(facts, findings);
    }
    advertisements(facts, findings);
    reverse_path(facts, findings);
}

fn families(facts: &Facts, findings: &mut Vec<Finding>) {
    let (needs_ipv4, needs_ipv6) = facts.pods.as_ref().map_or((true, false), |pods| (pods.has_ipv4, pods.has_ipv6));
    for (family, path, is_needed) in
        [("IPv4", "ipv4/ip_forward", needs_ipv4), ("IPv6", "ipv6/conf/all/forwarding", needs_ipv6)]
    {
        if is_needed && facts.number(path) == Some(0) {
            findings.push(Finding {
                code: Code::ForwardingOff,
                subject: family.to_owned(),
                message: format!("{family} is not forwarded"),
                read: vec![parameter(facts, path)],
                fix: vec![set(path, "1")],
            });
        }
    }
}

fn interfaces(facts: &Facts, findings: &mut Vec<Finding>) {
    if facts.number("ipv4/ip_forward") != Some(1) {
        return;
    }
    for link in facts.links.iter().filter(|link| link.is_up && &*link.name != "lo" && link.master.is_none()) {
        let path = format!("ipv4/conf/{}/forwarding", link.name);
        if facts.number(&path) == Some(0) {
            findings.push(Finding {
                code: Code::InterfaceForwardingOff,
                subject: link.name.to_string(),
                message: format!("what comes in by {} is not forwarded", link.name),
                read: vec![parameter(facts, &path)],
                fix: vec![set(&path, "1")],
            });
        }
    }
}

fn advertisements(facts: &Facts, findings: &mut Vec<Finding>) {
    for link in &facts.links {
        let forwarding = format!("ipv6/conf/{}/forwarding", link.name);
        let accept = format!("ipv6/conf/{}/accept_ra", link.name);
        if facts.number(&forwarding) != Some(1) {
            continue;
        }
        let is_of_link = |interface: &str| interface == &*link.name;
        let has_address = facts.addresses.iter().any(|a| is_of_link(&a.interface) && a.is_global && a.is_dynamic);
        let read = vec![parameter(facts, &accept), parameter(facts, &forwarding)];
        match facts.number(&accept) {
            Some(1) if has_address => findings.push(Finding {
                code: Code::AdvertisementsIgnored,
                subject: link.name.to_string(),
                message: format!("{} has an address by router advertisements, and ignores further ones", link.name),
                read,
                fix: vec![set(&accept, "2")],
            }),
            Some(2) => findings.push(Finding {
                code: Code::AdvertisementsAccepted,
                subject: link.name.to_string(),
                message: format!("{} takes routes from router advertisements although the node is a router", link.name),
                read,
                fix: vec![format!("{}, unless its address and default route come by them", set(&accept, "0"))],
            }),
            Some(_) | None => {}
        }
    }
}

fn reverse_path(facts: &Facts, findings: &mut Vec<Finding>) {
    let all = facts.number("ipv4/conf/all/rp_filter").unwrap_or(0);
    let path = |name: &str| format!("ipv4/conf/{name}/rp_filter");
    let is_strict = |name: &str| facts.number(&path(name)).is_some_and(|own| own.max(all) == 1);
    let names = facts.links.iter().map(|link| &*link.name).filter(|name| *name != "lo");
    let strict: Vec<&str> = names.filter(|name| is_strict(name)).collect();
    let Some(first) = strict.first() else { return };
    let mut read = vec![parameter(facts, "ipv4/conf/all/rp_filter")];
    read.extend(strict.iter().take(super::LISTED).map(|name| parameter(facts, &path(name))));
    findings.push(Finding {
        code: Code::ReversePathStrict,
        subject: "IPv4".to_owned(),
        message: format!("the reverse path is held strictly on {}", listed(strict.iter().copied())),
        read,
        fix: vec![format!("{}, where ways there and back differ", set(&path(first), "2"))],
    });
}
