//! `palisade init`: a commented configuration to begin with.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;

use super::{Failure, Outcome};
use crate::lint::config;
use crate::report;

/// Write a commented palisade.yaml for `palisade lint`.
///
/// Everything in it but the version is a comment: what holds without it holds until something is changed. A file that
/// is there is left alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes:\n  0  written\n  2  there is a file already, or it cannot be written")]
pub(super) struct Args {
    /// The folder to write it to.
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    let path = args.folder.join(config::FILE);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .and_then(|mut file| file.write_all(TEMPLATE.as_bytes()));
    written.with_context(|| format!("writing {}", path.display())).map_err(Failure::Input)?;
    report::message(&format!("wrote {}", path.display()));
    Ok(Outcome::Clean)
}

/// The file. A test reads it with every line in force.
const TEMPLATE: &str = "\
# What `palisade lint` goes by. Every field but the version may be left out; the schema is docs/reference/palisade.schema.json.
version: 1

# What is judged where the command line names nothing. Patterns are relative to this file.
#include: [\"k8s/**/*.yaml\"]

# What is read and never reported on: namespaces and policies of others.
#context: [platform]

# default, or strict, which looks for posture as well.
#profile: default

# Rules by code, beginning of codes, or name. `select` replaces those of the profile, `extendSelect` adds to them.
#select: [PAL0, PAL1]
#extendSelect: [PAL124]
#ignore: [PAL205]

# Other severities: error, warning or info.
#severity: {PAL301: error}

# The severity from which on the exit code is 1: error, warning, info or none.
#failOn: warning

# Rules that no comment and no exception suppresses.
#locked: [PAL504]

# Findings that were there before: written by `palisade lint --update-known`.
#known: .palisade-known.json

# Exceptions for what nobody here may edit.
#perPath: {\"vendor/**\": {ignore: [PAL2]}}
#perObject: [{kind: NetworkPolicy, namespace: shop, name: \"legacy-*\", ignore: [PAL201], reason: vendored, until: \"2027-01-31\"}]

# What host rules are given when they are read: variables in ferm's notation, and files with what `ipset save` printed.
#hostDefinitions: ['$LAN=10.0.0.0/8']
#hostIpsets: [host/ipset.save]

# What manifests do not say. A rule that needs a fact is silent without it.
#environment:
#  podCIDRs: [10.42.0.0/16, \"fd42::/56\"]
#  serviceCIDRs: [10.43.0.0/16]
#  nodeCIDRs: [192.0.2.0/24]
#  dns: {namespace: kube-system, podLabels: {k8s-app: kube-dns}, ports: [53]}
#  apiServer: {cidrs: [192.0.2.10/32], port: 6443}
#  etcd: {cidrs: [192.0.2.10/32], ports: [2379, 2380]}
#  ingressControllers: [{namespace: ingress-nginx, podLabels: {app.kubernetes.io/name: ingress-nginx}}]
#  monitoring: [{namespace: monitoring, podLabels: {app.kubernetes.io/name: prometheus}}]
#  ssh: {ports: [22], from: [198.51.100.0/24]}
#  cni: {mode: vxlan, port: 8472}
#  interfaces: [eth0, \"cali+\"]
#  forward: pods-first
#  ruleset: {rules: 5000, elements: 100000}

# Parts of the organisation, and what they may open to one another: everything else is a finding.
#zones: {prod: {namespaceLabels: {env: prod}}, dev: {namespaceLabels: {env: dev}}}
#zoneRules: [{from: dev, to: prod, allow: none}]

# How much of what is possible may be open in each namespace, in percent.
#permissiveness: {shop: 30}
";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use policy_lang::source::Sources;
    use serde_json::Value;

    use super::*;
    use crate::lint::config::Config;

    /// The file without the marks of its comments, but for those that are sentences.
    fn in_force() -> String {
        let lines = TEMPLATE.lines().map(|line| line.strip_prefix('#').filter(|rest| is_field(rest)).unwrap_or(line));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn is_field(rest: &str) -> bool {
        !rest.starts_with(' ') || rest.starts_with("  ")
    }

    #[test]
    fn the_template_has_every_property_of_the_schema() {
        let schema =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/palisade.schema.json"))
                .unwrap();
        let (mut wanted, in_force) = (BTreeSet::new(), in_force());
        properties(&serde_json::from_str(&schema).unwrap(), &mut wanted);
        let has = |name: &&String| in_force.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == **name);
        let missing: Vec<_> = wanted.iter().filter(|name| !has(name)).collect();
        assert!(wanted.len() > 40, "the schema has {} properties", wanted.len());
        assert!(missing.is_empty(), "the template says nothing of {missing:?}");
    }

    fn properties(schema: &Value, found: &mut BTreeSet<String>) {
        match schema {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if name == "properties" {
                        found.extend(value.as_object().unwrap().keys().cloned());
                    }
                    properties(value, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| properties(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn the_template_is_read_as_it_is_and_with_every_line_in_force() {
        let in_force = in_force();
        assert!(in_force.contains("\nselect:") && in_force.contains("\nenvironment:"));
        for text in [TEMPLATE, &in_force] {
            let (_, found) = Config::parse(Path::new("palisade.yaml"), text, &mut Sources::default());
            assert_eq!(found, []);
        }
    }
}
