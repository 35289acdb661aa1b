//! The iptables layout, in the form of `iptables-save`.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::{IpVersion, KubeProxy, MASQUERADE, Proxied, TrafficPolicy};

const FILTER_CHAINS: [&str; 6] = [
    "KUBE-EXTERNAL-SERVICES",
    "KUBE-FIREWALL",
    "KUBE-FORWARD",
    "KUBE-NODEPORTS",
    "KUBE-PROXY-FIREWALL",
    "KUBE-SERVICES",
];
const NAT_CHAINS: [&str; 4] = ["KUBE-MARK-MASQ", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-SERVICES"];

/// Both tables of one family.
pub(super) fn rules(proxy: &KubeProxy, version: IpVersion) -> String {
    let mut text = String::from("*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n");
    let mut chains: Vec<String> = NAT_CHAINS.map(String::from).into();
    let mut body = String::new();
    for chain in ["PREROUTING", "OUTPUT"] {
        add(&mut body, format_args!("{chain} -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES"));
    }
    add(
        &mut body,
        format_args!("POSTROUTING -m comment --comment \"kubernetes postrouting rules\" -j KUBE-POSTROUTING"),
    );
    add(&mut body, format_args!("KUBE-POSTROUTING -m mark ! --mark {MASQUERADE}/{MASQUERADE} -j RETURN"));
    add(&mut body, format_args!("KUBE-POSTROUTING -j MARK --set-xmark {MASQUERADE}/0x0"));
    add(&mut body, format_args!("KUBE-POSTROUTING -j MASQUERADE --random-fully"));
    add(&mut body, format_args!("KUBE-MARK-MASQ -j MARK --set-xmark {MASQUERADE}/{MASQUERADE}"));
    for (idx, service) in proxy.services.iter().enumerate() {
        translate(proxy, version, idx, service, &mut chains, &mut body);
    }
    // Last, as kube-proxy has it: NodePorts are on every address of the node.
    add(&mut body, format_args!("KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS"));
    write(&mut text, format_args!("{}{body}COMMIT", declared(&chains)));

    write(&mut text, format_args!("*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT"));
    write(&mut text, format_args!("{}{}COMMIT", declared(&FILTER_CHAINS.map(String::from)), filter(proxy, version)));
    text
}

fn translate(
    proxy: &KubeProxy,
    version: IpVersion,
    idx: usize,
    service: &Proxied,
    chains: &mut Vec<String>,
    body: &mut String,
) {
    let Some((protocol, port)) = service.protocol_and_port() else { return };
    let endpoints = version.endpoints(service);
    if endpoints.is_empty() {
        return;
    }
    let (svc, ext) = (format!("KUBE-SVC-{idx:016}"), format!("KUBE-EXT-{idx:016}"));
    let sep = |number: usize| format!("KUBE-SEP-{idx:08}{number:08}");
    for vip in version.of(&service.cluster_ips) {
        add(body, format_args!("KUBE-SERVICES -d {vip} -p {protocol} --dport {port} -j {svc}"));
        if let Some(cidr) = version.cidr(&proxy.cluster_cidrs) {
            add(body, format_args!("{svc} ! -s {cidr} -d {vip} -p {protocol} --dport {port} -j KUBE-MARK-MASQ"));
        }
    }
    for external in version.of(&service.external_ips) {
        add(body, format_args!("KUBE-SERVICES -d {external} -p {protocol} --dport {port} -j {ext}"));
    }
    if let Some(node_port) = service.node_port {
        add(body, format_args!("KUBE-NODEPORTS -p {protocol} --dport {node_port} -j {ext}"));
    }
    let external = match service.traffic_policy {
        TrafficPolicy::Cluster => {
            add(body, format_args!("{ext} -j KUBE-MARK-MASQ"));
            svc.clone()
        }
        TrafficPolicy::Local => {
            let local = format!("KUBE-SVL-{idx:016}");
            if let Some(cidr) = version.cidr(&proxy.cluster_cidrs) {
                add(body, format_args!("{ext} -s {cidr} -j {svc}"));
            }
            add(body, format_args!("{ext} -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ"));
            add(body, format_args!("{ext} -m addrtype --src-type LOCAL -j {svc}"));
            chains.push(local.clone());
            local
        }
    };
    add(body, format_args!("{ext} -j {external}"));
    let reachable = proxy.external_endpoints(service, version);
    for (number, endpoint) in endpoints.iter().enumerate() {
        pick(body, &svc, &sep(number), endpoints.len() - number);
        add(body, format_args!("{} -s {} -j KUBE-MARK-MASQ", sep(number), endpoint.ip()));
        add(body, format_args!("{} -p {protocol} -j DNAT --to-destination {}", sep(number), target(*endpoint)));
        chains.push(sep(number));
        if external != svc
            && let Some(place) = reachable.iter().position(|local| local == endpoint)
        {
            pick(body, &external, &sep(number), reachable.len() - place);
        }
    }
    chains.extend([svc, ext]);
}

/// One of the endpoints that are left, each as likely as the others.
fn pick(body: &mut String, chain: &str, endpoint: &str, left: usize) {
    if left > 1 {
        // A fraction of at most a few endpoints is exact enough for a laboratory.
        let share = 1.0 / f64::from(u32::try_from(left).unwrap_or(u32::MAX));
        add(body, format_args!("{chain} -m statistic --mode random --probability {share:.11} -j {endpoint}"));
    } else {
        add(body, format_args!("{chain} -j {endpoint}"));
    }
}

fn filter(proxy: &KubeProxy, version: IpVersion) -> String {
    let mut body = String::new();
    let new = "-m conntrack --ctstate NEW";
    for (chain, target) in [
        ("INPUT", "KUBE-PROXY-FIREWALL"),
        ("INPUT", "KUBE-EXTERNAL-SERVICES"),
        ("FORWARD", "KUBE-PROXY-FIREWALL"),
        ("FORWARD", "KUBE-SERVICES"),
        ("FORWARD", "KUBE-EXTERNAL-SERVICES"),
        ("OUTPUT", "KUBE-PROXY-FIREWALL"),
        ("OUTPUT", "KUBE-SERVICES"),
    ] {
        add(&mut body, format_args!("{chain} {new} -j {target}"));
        if (chain, target) == ("FORWARD", "KUBE-PROXY-FIREWALL") {
            add(
                &mut body,
                format_args!("FORWARD -m comment --comment \"kubernetes forwarding rules\" -j KUBE-FORWARD"),
            );
        }
    }
    add(&mut body, format_args!("INPUT -j KUBE-NODEPORTS"));
    add(&mut body, format_args!("INPUT -j KUBE-FIREWALL"));
    add(&mut body, format_args!("OUTPUT -j KUBE-FIREWALL"));
    if version == IpVersion::V4 {
        let martian = "! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT";
        add(&mut body, format_args!("KUBE-FIREWALL {martian} -j DROP"));
    }
    add(&mut body, format_args!("KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP"));
    add(&mut body, format_args!("KUBE-FORWARD -m mark --mark {MASQUERADE}/{MASQUERADE} -j ACCEPT"));
    add(&mut body, format_args!("KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"));
    for service in &proxy.services {
        let Some((protocol, port)) = service.protocol_and_port() else { continue };
        if version.endpoints(service).is_empty() {
            for vip in version.of(&service.cluster_ips) {
                add(&mut body, format_args!("KUBE-SERVICES -d {vip} -p {protocol} --dport {port} -j REJECT"));
            }
        } else if proxy.external_endpoints(service, version).is_empty()
            && let Some(node_port) = service.node_port
        {
            let local = "-m addrtype --dst-type LOCAL";
            add(&mut body, format_args!("KUBE-EXTERNAL-SERVICES {local} -p {protocol} --dport {node_port} -j DROP"));
        }
    }
    body
}

fn declared(chains: &[String]) -> String {
    chains.iter().fold(String::new(), |mut text, chain| {
        write(&mut text, format_args!(":{chain} -"));
        text
    })
}

fn target(endpoint: SocketAddr) -> String {
    // `[ADDRESS]:PORT` is what ip6tables takes too.
    endpoint.to_string()
}

fn add(text: &mut String, rule: std::fmt::Arguments<'_>) {
    write(text, format_args!("-A {rule}"));
}

fn write(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _infallible = writeln!(text, "{line}");
}
