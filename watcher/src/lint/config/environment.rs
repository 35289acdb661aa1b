//! `environment` of the configuration.

use std::num::NonZeroU16;
use std::sync::Arc;

use engine::lint::environment::{ApiServer, Cni, CniMode, Dns, Environment, Etcd, Forward, Pods, RulesetBudget, Ssh};
use ipnet::IpNet;
use policy_lang::diagnostic::Diagnostic;
use policy_lang::manifest::cidr::{self, Cidr};
use policy_lang::manifest::tree::{Entry, Value};
use policy_lang::name::Labels;

use super::{Refused, text, texts, unknown, wrong};

/// Reads all of it. What is wrong with one fact does not hide what is wrong with another.
pub(super) fn read(environment: &mut Environment, value: &Value, found: &mut Vec<Diagnostic>) -> Result<(), Refused> {
    for entry in value.entries().ok_or_else(|| wrong(value, "a mapping of facts"))? {
        if let Err(refused) = set(environment, entry) {
            found.push(*refused);
        }
    }
    Ok(())
}

fn set(environment: &mut Environment, entry: &Entry) -> Result<(), Refused> {
    const KEYS: [&str; 13] = [
        "podCIDRs",
        "serviceCIDRs",
        "nodeCIDRs",
        "dns",
        "apiServer",
        "ingressControllers",
        "monitoring",
        "ssh",
        "cni",
        "etcd",
        "interfaces",
        "forward",
        "ruleset",
    ];
    let value = &entry.value;
    match entry.key.value.as_ref() {
        "podCIDRs" => environment.pod_cidrs = networks(value)?,
        "serviceCIDRs" => environment.service_cidrs = networks(value)?,
        "nodeCIDRs" => environment.node_cidrs = networks(value)?,
        "ssh" => environment.ssh = Some(ssh(value)?),
        "cni" => environment.cni = Some(cni(value)?),
        "dns" => environment.dns = Some(dns(value)?),
        "apiServer" => environment.api_server = Some(api_server(value)?),
        "ingressControllers" => environment.ingress_controllers = all_pods(value)?,
        "monitoring" => environment.monitoring = all_pods(value)?,
        "etcd" => environment.etcd = Some(etcd(value)?),
        "interfaces" => environment.interfaces = texts(value)?.into_iter().map(Arc::from).collect(),
        "forward" => {
            let mode: Forward = text(value)?.parse().map_err(|()| wrong(value, "`pods-first` or `host-rules`"))?;
            environment.forward = Some(mode);
        }
        "ruleset" => environment.ruleset = ruleset(value)?,
        _ => return Err(unknown(entry, &KEYS)),
    }
    Ok(())
}

fn dns(value: &Value) -> Result<Dns, Refused> {
    const KEYS: [&str; 3] = ["namespace", "podLabels", "ports"];
    only(value, &KEYS)?;
    let labels = value.field("podLabels").ok_or_else(|| wrong(value, "a mapping with `podLabels`"))?;
    let pods = pods(value, Some(labels))?;
    let ports = ports(value, &[53])?;
    Ok(Dns { pods, ports })
}

fn ssh(value: &Value) -> Result<Ssh, Refused> {
    only(value, &["ports", "from"])?;
    let from = value.field("from").ok_or_else(|| wrong(value, "a mapping with `from`"))?;
    Ok(Ssh { ports: ports(value, &[22])?, from: networks(from)? })
}

fn cni(value: &Value) -> Result<Cni, Refused> {
    only(value, &["mode", "port"])?;
    let mode = value.field("mode").ok_or_else(|| wrong(value, "a mapping with `mode`"))?;
    let mode: CniMode = text(mode)?.parse().map_err(|()| wrong(mode, "`vxlan`, `geneve`, `wireguard` or `bgp`"))?;
    let port = value.field("port").map(port).transpose()?.unwrap_or(mode.port());
    Ok(Cni { mode, port })
}

fn etcd(value: &Value) -> Result<Etcd, Refused> {
    only(value, &["cidrs", "ports"])?;
    let cidrs = value.field("cidrs").ok_or_else(|| wrong(value, "a mapping with `cidrs`"))?;
    Ok(Etcd { cidrs: networks(cidrs)?, ports: ports(value, &[2379, 2380])? })
}

fn ruleset(value: &Value) -> Result<RulesetBudget, Refused> {
    only(value, &["rules", "elements"])?;
    let usual = RulesetBudget::default();
    let number = |field, usual| match value.field(field) {
        None => Ok(usual),
        Some(value) => {
            let number = value.scalar().and_then(|scalar| scalar.text.parse::<usize>().ok());
            number.ok_or_else(|| wrong(value, "a number"))
        }
    };
    Ok(RulesetBudget { rules: number("rules", usual.rules)?, elements: number("elements", usual.elements)? })
}

/// `ports` of a mapping, or the usual ones.
fn ports(value: &Value, usual: &[u16]) -> Result<Vec<u16>, Refused> {
    let Some(ports) = value.field("ports") else { return Ok(usual.to_vec()) };
    let items = ports.items().ok_or_else(|| wrong(ports, "a list of ports"))?;
    items.iter().map(port).collect()
}

fn all_pods(value: &Value) -> Result<Vec<Pods>, Refused> {
    let items = value.items().ok_or_else(|| wrong(value, "a list of namespaces with labels"))?;
    items.iter().map(controller).collect()
}

fn controller(value: &Value) -> Result<Pods, Refused> {
    only(value, &["namespace", "podLabels"])?;
    pods(value, value.field("podLabels"))
}

fn pods(value: &Value, labels: Option<&Value>) -> Result<Pods, Refused> {
    let namespace = value.field("namespace").ok_or_else(|| wrong(value, "a mapping with `namespace`"))?;
    let labels = labels.map(self::labels).transpose()?.unwrap_or_default();
    Ok(Pods { namespace: text(namespace)?.into(), labels })
}

pub(super) fn labels(value: &Value) -> Result<Labels, Refused> {
    let mut found = Vec::new();
    for label in value.entries().ok_or_else(|| wrong(value, "labels"))? {
        found.push((Arc::clone(&label.key.value), text(&label.value)?.into()));
    }
    Ok(found.into_iter().collect())
}

fn api_server(value: &Value) -> Result<ApiServer, Refused> {
    only(value, &["cidrs", "port"])?;
    let cidrs = value.field("cidrs").ok_or_else(|| wrong(value, "a mapping with `cidrs`"))?;
    let port = value.field("port").map(port).transpose()?.unwrap_or(6443);
    Ok(ApiServer { cidrs: networks(cidrs)?, port })
}

pub(super) fn only(value: &Value, keys: &[&str]) -> Result<(), Refused> {
    let entries = value.entries().ok_or_else(|| wrong(value, "a mapping"))?;
    let other = entries.iter().find(|entry| !keys.contains(&entry.key.value.as_ref()));
    other.map_or(Ok(()), |entry| Err(unknown(entry, keys)))
}

fn port(value: &Value) -> Result<u16, Refused> {
    let number = value.scalar().and_then(|scalar| scalar.text.parse::<NonZeroU16>().ok());
    number.map(NonZeroU16::get).ok_or_else(|| wrong(value, "a port"))
}

fn networks(value: &Value) -> Result<Vec<IpNet>, Refused> {
    let items = value.items().ok_or_else(|| wrong(value, "a list of CIDRs"))?;
    let network = |item: &Value| match cidr::parse(text(item)?) {
        Ok(Cidr { net, doubt: None }) => Ok(net),
        Ok(Cidr { net, doubt: Some(_) }) => Err(wrong(item, &format!("{net}"))),
        Err(_) => Err(wrong(item, "a CIDR such as 10.42.0.0/16")),
    };
    items.iter().map(network).collect()
}
