//! From a laboratory and a few texts to rules on its nodes.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::ControlFlow;

use engine::apply::{Step, apply};
use engine::compile::failsafe;
use engine::compile::host::Names;
use engine::compile::options::PodOptions;
use engine::compile::{ForwardMode, HostInput, Input, compile};
use engine::inventory::{Inventory, Node, Pod};
use engine::kernel::Netlink;
use engine::observed::TableFlags;
use engine::ruleset::Ruleset;
use policy_lang::baseline::{self, Baseline};
use policy_lang::diagnostic::Severity;
use policy_lang::host::MemoryFiles;
use policy_lang::manifest::{self, Object};
use policy_lang::name::NamespacedName;
use policy_lang::network_policy::{self, Strictness};
use policy_lang::source::Sources;
use watcher::lab::{Lab, Matrix, Mismatch, Namespace, Topology};

/// A laboratory, and the cluster that its nodes are told about.
pub(crate) struct Cluster {
    pub(crate) lab: Lab,
    pub(crate) topology: Topology,
    pub(crate) inventory: Inventory,
}

/// What is enforced.
#[derive(Debug, Default)]
pub(crate) struct Rules<'a> {
    /// NetworkPolicies.
    pub(crate) policies: &'a str,
    /// The egress baseline; nothing for none.
    pub(crate) baseline: &'a str,
    /// Host rules; nothing for none.
    pub(crate) host: &'a str,
    pub(crate) options: PodOptions,
    pub(crate) mode: ForwardMode,
}

impl Cluster {
    /// Builds the laboratory. Every pod of the description whose name is `NAMESPACE/NAME` is a pod of the cluster, with
    /// the label `pod: NAME`; its namespace has the name label.
    pub(crate) fn new(description: &str, services: &[&str]) -> Self {
        let topology: Topology = description.parse().unwrap();
        let mut lab = Lab::up(&topology).unwrap();
        let services: Vec<_> = services.iter().map(|service| service.parse().unwrap()).collect();
        lab.listen(&services).unwrap();
        let inventory = inventory(&topology);
        Self { lab, topology, inventory }
    }

    /// The namespace of a node, a pod or a host outside.
    pub(crate) fn namespace(&self, name: &str) -> &Namespace {
        self.lab.namespace(name).unwrap()
    }

    /// Somebody's address of the same family.
    pub(crate) fn address(&self, name: &str, like: Family) -> IpAddr {
        let addresses = self.lab.addresses(name).unwrap();
        *addresses.iter().find(|address| address.is_ipv4() == (like == Family::V4)).unwrap()
    }

    /// Forgets a pod's addresses: it is bound to its node, and the API does not know more yet.
    pub(crate) fn pending(&mut self, pod: &str) {
        let (namespace, name) = pod.split_once('/').unwrap();
        self.inventory.pods.get_mut(&NamespacedName::new(namespace, name)).unwrap().addresses.clear();
    }

    /// Loads the rules on every node.
    pub(crate) fn enforce(&self, rules: &Rules<'_>) {
        for node in &self.topology.nodes {
            self.enforce_on(&node.host.name, rules);
        }
    }

    /// Loads the rules on one node.
    pub(crate) fn enforce_on(&self, node: &str, rules: &Rules<'_>) {
        self.apply(node, &self.compile(node, rules));
    }

    /// Takes the rules off a node again.
    pub(crate) fn tear_down(&self, node: &str) {
        self.apply(node, &Ruleset::default());
    }

    pub(crate) fn compile(&self, node: &str, rules: &Rules<'_>) -> Ruleset {
        let Rules { policies, baseline, host, options, mode } = rules;
        let mut sources = Sources::default();
        let (objects, mut findings) = manifest::load("policies.yaml", policies, &mut sources);
        let mut policies = Vec::new();
        for object in &objects {
            let Object::NetworkPolicy(policy) = object else { panic!("not a NetworkPolicy: {object:?}") };
            let (policy, found) = network_policy::decode(policy, &sources, Strictness::Lenient);
            policies.push(policy);
            findings.extend(found);
        }
        if !baseline.is_empty() {
            let (namespace, name) = baseline::CONFIG_MAP;
            let config_map = NamespacedName::new(namespace, name);
            let texts = [("baseline.yaml".to_owned(), (*baseline).to_owned())];
            let found = baseline::read(&texts, &config_map, &mut sources);
            findings.extend(found.diagnostics);
            match found.baseline {
                Baseline::Sound(found) => policies.extend(found),
                Baseline::Absent | Baseline::Broken(_) => panic!("{findings:#?}"),
            }
        }
        let names = Names::built_in();
        let files = MemoryFiles::default().with("node.ferm", host);
        let (parsed, found) = policy_lang::host::parse("node.ferm", &files, &[], &mut sources);
        findings.extend(found);
        let host = (!host.is_empty()).then_some(HostInput {
            rules: &parsed,
            names: &names,
            sources: &sources,
            failsafes: &failsafe::NONE,
        });
        let (ruleset, found) = compile(&Input {
            policies: &policies,
            host,
            inventory: &self.inventory,
            node,
            forward_mode: *mode,
            pods: options,
            sources: &[],
        });
        findings.extend(found);
        assert!(findings.iter().all(|finding| finding.severity != Severity::Error), "{findings:#?}");
        ruleset
    }

    pub(crate) fn apply(&self, node: &str, ruleset: &Ruleset) {
        let mut kernel = self.namespace(node).run(Netlink::open).unwrap().unwrap();
        let watch = &mut |_: Step<'_>| ControlFlow::Continue(());
        apply(&mut kernel, ruleset, TableFlags::default(), watch).unwrap();
    }

    /// Asks what the tables ask; on any difference fails with it, the tables as they came out, and `about`.
    #[track_caller]
    pub(crate) fn assert_tables(&self, about: &str, tables: &str) {
        let tables = Matrix::parse_all(tables).unwrap();
        assert!(!tables.is_empty(), "no table to compare with");
        let (observed, mismatches) = self.lab.compare(&tables).unwrap();
        let lines = |items: Vec<String>| items.join("\n");
        assert!(
            mismatches.is_empty(),
            "{about}: observed:\n{}\ndifferent:\n{}",
            lines(observed.iter().map(ToString::to_string).collect()),
            lines(mismatches.iter().map(Mismatch::to_string).collect()),
        );
    }
}

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) const BOTH: [Self; 2] = [Self::V4, Self::V6];
}

fn inventory(topology: &Topology) -> Inventory {
    let mut inventory = Inventory::default();
    for node in &topology.nodes {
        let name = &*node.host.name;
        inventory.nodes.insert(name.into(), Node { addresses: node.host.addresses.clone(), ..Node::default() });
        for (namespace, pod, addresses) in
            node.pods.iter().filter_map(|pod| pod.name.split_once('/').map(|(ns, name)| (ns, name, &pod.addresses)))
        {
            let labels = [("kubernetes.io/metadata.name".into(), namespace.into())].into();
            inventory.namespaces.insert(namespace.into(), labels);
            let addresses: BTreeSet<_> = addresses.iter().copied().collect();
            let pod_object = Pod {
                labels: [("pod".into(), pod.into())].into(),
                node: Some(name.into()),
                addresses: addresses.into_iter().collect(),
                ..Pod::default()
            };
            inventory.pods.insert(NamespacedName::new(namespace, pod), pod_object);
        }
    }
    inventory
}

/// The packets that a named counter of a table has counted.
pub(crate) fn counted(namespace: &Namespace, table: &str, counter: &str) -> u64 {
    let listing = namespace.nft_list(&["list", "counter", "inet", table, counter]).unwrap();
    let packets = listing.split_whitespace().skip_while(|word| *word != "packets").nth(1);
    packets.unwrap_or_else(|| panic!("{counter}: {listing}")).parse().unwrap()
}

/// Denies everything, in these directions, to every pod of a namespace.
pub(crate) fn deny_all(namespace: &str, directions: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: deny-all, namespace: {namespace}}}\n\
         spec: {{podSelector: {{}}, policyTypes: [{directions}]}}\n"
    )
}

/// A NetworkPolicy of one direction for one pod, with its rules as a YAML flow sequence.
pub(crate) fn policy(pod: &str, direction: &str, rules: &str) -> String {
    let (namespace, name) = pod.split_once('/').unwrap();
    let field = direction.to_lowercase();
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
         metadata: {{name: {name}-{field}, namespace: {namespace}}}\n\
         spec: {{podSelector: {{matchLabels: {{pod: {name}}}}}, policyTypes: [{direction}], {field}: {rules}}}\n"
    )
}

/// An egress baseline with these fields; `default: pass` and `otherwise: allow` unless they say otherwise.
pub(crate) fn baseline(fields: &str) -> String {
    let defaults = [("default:", "default: pass\n"), ("otherwise:", "otherwise: allow\n")];
    let defaults = defaults.iter().filter(|(key, _)| !fields.contains(key)).map(|(_, line)| *line);
    format!(
        "apiVersion: palisade.dev/v1alpha1\nkind: EgressBaseline\nmetadata: {{name: standard}}\n{fields}\n{}",
        defaults.collect::<String>()
    )
}
