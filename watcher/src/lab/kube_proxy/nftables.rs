//! The nftables layout: one table for each family, verdict maps to a chain for each Service and each endpoint.

use std::fmt::Write as _;

use super::{IpVersion, KubeProxy, MASQUERADE, Proxied, TrafficPolicy};

/// The chains that hook, and those that they call.
const CHAINS: &str = "
    chain filter-prerouting { type filter hook prerouting priority -110; ct state new jump firewall-check; }
    chain filter-input { type filter hook input priority 0;
        ct state new jump nodeport-endpoints-check; ct state new jump service-endpoints-check; }
    chain filter-forward { type filter hook forward priority 0;
        ct state new jump service-endpoints-check; ct state new jump cluster-ips-check; }
    chain filter-output { type filter hook output priority 0;
        ct state new jump service-endpoints-check; ct state new jump firewall-check; }
    chain filter-output-post-dnat { type filter hook output priority -90; ct state new jump cluster-ips-check; }
    chain nat-prerouting { type nat hook prerouting priority -100; jump services; }
    chain nat-output { type nat hook output priority -100; jump services; }
    chain nat-postrouting { type nat hook postrouting priority 100; jump masquerading; }
    chain reject-chain { reject; }
    chain firewall-check { }
";

/// Both tables.
pub(super) fn rules(proxy: &KubeProxy) -> String {
    [IpVersion::V4, IpVersion::V6].map(|version| table(proxy, version)).concat()
}

fn table(proxy: &KubeProxy, version: IpVersion) -> String {
    let (ip, address) = match version {
        IpVersion::V4 => ("ip", "ipv4_addr"),
        IpVersion::V6 => ("ip6", "ipv6_addr"),
    };
    let mut maps = Maps::default();
    let mut chains = String::new();
    for (idx, service) in proxy.services.iter().enumerate() {
        translate(proxy, version, ip, (idx, service), &mut maps, &mut chains);
    }
    let all_vips = proxy.services.iter().flat_map(|service| version.of(&service.cluster_ips));
    let vips = elements(all_vips.map(|vip| vip.to_string()));
    let nodes = elements(version.of(&proxy.node).into_iter().map(|node| node.to_string()));
    let Maps { services, node_ports, no_endpoints, no_endpoint_node_ports } = maps;
    let by_address = format!("type {address} . inet_proto . inet_service : verdict;");
    let by_port = "type inet_proto . inet_service : verdict;";
    format!(
        "table {ip} kube-proxy {{
            comment \"rules for kube-proxy\"
            set cluster-ips {{ type {address}; {vips} }}
            set nodeport-ips {{ type {address}; {nodes} }}
            map service-ips {{ {by_address} {} }}
            map service-nodeports {{ {by_port} {} }}
            map no-endpoint-services {{ {by_address} {} }}
            map no-endpoint-nodeports {{ {by_port} {} }}
            {CHAINS}
            chain nodeport-endpoints-check {{
                {ip} daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports; }}
            chain service-endpoints-check {{ {ip} daddr . meta l4proto . th dport vmap @no-endpoint-services; }}
            chain cluster-ips-check {{ {ip} daddr @cluster-ips reject comment \"Reject traffic to invalid ports\"; }}
            chain mark-for-masquerade {{ meta mark set meta mark or {MASQUERADE}; }}
            chain masquerading {{
                meta mark and {MASQUERADE} == 0 return;
                meta mark set meta mark xor {MASQUERADE};
                masquerade fully-random; }}
            {chains}
            chain services {{
                {ip} daddr . meta l4proto . th dport vmap @service-ips;
                {ip} daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports; }}
        }}\n",
        elements(services),
        elements(node_ports),
        elements(no_endpoints),
        elements(no_endpoint_node_ports),
    )
}

/// The elements of the verdict maps.
#[derive(Default)]
struct Maps {
    services: Vec<String>,
    node_ports: Vec<String>,
    no_endpoints: Vec<String>,
    no_endpoint_node_ports: Vec<String>,
}

fn translate(
    proxy: &KubeProxy,
    version: IpVersion,
    ip: &str,
    (idx, service): (usize, &Proxied),
    maps: &mut Maps,
    chains: &mut String,
) {
    let Some((protocol, port)) = service.protocol_and_port() else { return };
    let endpoints = version.endpoints(service);
    let name = service.name.replace('/', "-");
    let (internal, external) = (format!("service-{idx:08}-{name}"), format!("external-{idx:08}-{name}"));
    let vips = version.of(&service.cluster_ips);
    if endpoints.is_empty() {
        maps.no_endpoints.extend(vips.iter().map(|vip| format!("{vip} . {protocol} . {port} : goto reject-chain")));
        return;
    }
    maps.services.extend(vips.iter().map(|vip| format!("{vip} . {protocol} . {port} : goto {internal}")));
    let outside = version.of(&service.external_ips).into_iter();
    maps.services.extend(outside.map(|vip| format!("{vip} . {protocol} . {port} : goto {external}")));
    maps.node_ports.extend(service.node_port.map(|port| format!("{protocol} . {port} : goto {external}")));
    let reachable = proxy.external_endpoints(service, version);
    if reachable.is_empty() {
        let node_port = service.node_port.map(|port| format!("{protocol} . {port} : drop"));
        maps.no_endpoint_node_ports.extend(node_port);
    }

    let endpoint_name = |number: usize| format!("endpoint-{idx:08}-{number}-{name}");
    for (number, endpoint) in endpoints.iter().enumerate() {
        let chain = endpoint_name(number);
        let own = endpoint.ip();
        write(chains, format_args!("chain {chain} {{ {ip} saddr {own} jump mark-for-masquerade;"));
        write(chains, format_args!("meta l4proto {protocol} dnat to {endpoint}; }}"));
    }
    let pick = |chosen: &mut dyn Iterator<Item = usize>| {
        let chosen: Vec<_> = chosen.collect();
        let verdicts = chosen.iter().enumerate().map(|(n, number)| format!("{n} : goto {}", endpoint_name(*number)));
        format!("numgen random mod {} vmap {{ {} }};", chosen.len(), verdicts.collect::<Vec<_>>().join(", "))
    };
    write(chains, format_args!("chain {internal} {{"));
    if let Some(cidr) = version.cidr(&proxy.cluster_cidrs) {
        for vip in &vips {
            let packet = format!("{ip} daddr {vip} {protocol} dport {port} {ip} saddr != {cidr}");
            write(chains, format_args!("{packet} jump mark-for-masquerade;"));
        }
    }
    write(chains, format_args!("{} }}", pick(&mut (0..endpoints.len()))));
    write(chains, format_args!("chain {external} {{"));
    match service.traffic_policy {
        TrafficPolicy::Cluster => write(chains, format_args!("jump mark-for-masquerade; goto {internal}; }}")),
        TrafficPolicy::Local => {
            if let Some(cidr) = version.cidr(&proxy.cluster_cidrs) {
                write(chains, format_args!("{ip} saddr {cidr} goto {internal};"));
            }
            write(chains, format_args!("fib saddr type local jump mark-for-masquerade;"));
            write(chains, format_args!("fib saddr type local goto {internal};"));
            let mut local = (0..endpoints.len())
                .filter(|number| endpoints.get(*number).is_some_and(|endpoint| reachable.contains(endpoint)));
            if !reachable.is_empty() {
                write(chains, format_args!("{}", pick(&mut local)));
            }
            write(chains, format_args!("}}"));
        }
    }
}

fn elements(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<_> = items.into_iter().collect();
    if items.is_empty() { String::new() } else { format!("elements = {{ {} }}", items.join(", ")) }
}

fn write(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _infallible = writeln!(text, "{line}");
}
