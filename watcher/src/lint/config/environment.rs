//! `environment` of the configuration.

use std::num::NonZeroU16;
use std::sync::Arc;

use engine::lint::environment::{ApiServer, Cni, CniMode, Dns, Environment, Pods, Ssh};
use ipnet::IpNet;
use policy_lang::diagnostic::Diagnostic;
use policy_lang::manifest::cidr::{self, Cidr};
use policy_lang::manifest::tree::{Entry, Value};
use policy_lang::name::Labels;

use super::{Refused, text, unknown, wrong};

/// Reads all of it. What is wrong with one fact does not hide what is wrong with another.
pub(super) fn read(value: &Value, found: &mut Vec<Diagnostic>) -> Result<Environment, Refused> {
    let mut environment = Environment::default();
    for entry in value.entries().ok_or_else(|| wrong(value, "a mapping of facts"))? {
        if let Err(refused) = set(&mut environment, entry) {
            found.push(*refused);
        }
    }
    Ok(environment)
}

fn set(environment: &mut Environment, entry: &Entry) -> Result<(), Refused> {
    const KEYS: [&str; 8] =
        ["podCIDRs", "serviceCIDRs", "nodeCIDRs", "dns", "apiServer", "ingressControllers", "ssh", "cni"];
    let value = &entry.value;
    match entry.key.value.as_ref() {
        "podCIDRs" => environment.pod_cidrs = networks(value)?,
        "serviceCIDRs" => environment.service_cidrs = networks(value)?,
        "nodeCIDRs" => environment.node_cidrs = networks(value)?,
        "ssh" => environment.ssh = Some(ssh(value)?),
        "cni" => environment.cni = Some(cni(value)?),
        "dns" => environment.dns = Some(dns(value)?),
        "apiServer" => environment.api_server = Some(api_server(value)?),
        "ingressControllers" => {
            let items = value.items().ok_or_else(|| wrong(value, "a list of namespaces with labels"))?;
            environment.ingress_controllers = items.iter().map(controller).collect::<Result<Vec<_>, _>>()?;
        }
        _ => return Err(unknown(entry, &KEYS)),
    }
    Ok(())
}

fn dns(value: &Value) -> Result<Dns, Refused> {
    const KEYS: [&str; 3] = ["namespace", "podLabels", "ports"];
    only(value, &KEYS)?;
    let labels = value.field("podLabels").ok_or_else(|| wrong(value, "a mapping with `podLabels`"))?;
    let pods = pods(value, Some(labels))?;
    let ports = ports(value, 53)?;
    Ok(Dns { pods, ports })
}

fn ssh(value: &Value) -> Result<Ssh, Refused> {
    only(value, &["ports", "from"])?;
    let from = value.field("from").ok_or_else(|| wrong(value, "a mapping with `from`"))?;
    Ok(Ssh { ports: ports(value, 22)?, from: networks(from)? })
}

fn cni(value: &Value) -> Result<Cni, Refused> {
    only(value, &["mode", "port"])?;
    let mode = value.field("mode").ok_or_else(|| wrong(value, "a mapping with `mode`"))?;
    let mode: CniMode = text(mode)?.parse().map_err(|()| wrong(mode, "`vxlan`, `geneve`, `wireguard` or `bgp`"))?;
    let port = value.field("port").map(port).transpose()?.unwrap_or(mode.port());
    Ok(Cni { mode, port })
}

/// `ports` of a mapping, or the usual one.
fn ports(value: &Value, usual: u16) -> Result<Vec<u16>, Refused> {
    let Some(ports) = value.field("ports") else { return Ok(vec![usual]) };
    let items = ports.items().ok_or_else(|| wrong(ports, "a list of ports"))?;
    items.iter().map(port).collect()
}

fn controller(value: &Value) -> Result<Pods, Refused> {
    only(value, &["namespace", "podLabels"])?;
    pods(value, value.field("podLabels"))
}

fn pods(value: &Value, labels: Option<&Value>) -> Result<Pods, Refused> {
    let namespace = value.field("namespace").ok_or_else(|| wrong(value, "a mapping with `namespace`"))?;
    let mut found = Vec::new();
    if let Some(labels) = labels {
        for label in labels.entries().ok_or_else(|| wrong(labels, "labels"))? {
            found.push((Arc::clone(&label.key.value), text(&label.value)?.into()));
        }
    }
    Ok(Pods { namespace: text(namespace)?.into(), labels: found.into_iter().collect::<Labels>() })
}

fn api_server(value: &Value) -> Result<ApiServer, Refused> {
    only(value, &["cidrs", "port"])?;
    let cidrs = value.field("cidrs").ok_or_else(|| wrong(value, "a mapping with `cidrs`"))?;
    let port = value.field("port").map(port).transpose()?.unwrap_or(6443);
    Ok(ApiServer { cidrs: networks(cidrs)?, port })
}

fn only(value: &Value, keys: &[&str]) -> Result<(), Refused> {
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
