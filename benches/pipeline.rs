//! The way from text to a ruleset, stage by stage, with everything checked that could make a figure mean nothing.

use engine::compile::failsafe;
use engine::compile::host::Names;
use engine::compile::{ForwardMode, HostInput, Input, compile};
use engine::inventory::Inventory;
use engine::ruleset::Ruleset;
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::host::MemoryFiles;
use policy_lang::host::rule::HostRules;
use policy_lang::manifest::{Object, load};
use policy_lang::network_policy::{self, Strictness};
use policy_lang::policy::Policy;
use policy_lang::source::Sources;

/// The node that everything is compiled for.
pub(crate) const NODE: &str = "node-0";

/// Manifests that have been read.
#[derive(Debug)]
pub(crate) struct Cluster {
    policies: Vec<Policy>,
    inventory: Inventory,
}

/// Host rules that have been read.
#[derive(Debug)]
pub(crate) struct Host {
    rules: HostRules,
    sources: Sources,
    names: Names,
}

impl Cluster {
    /// Reads manifests.
    pub(crate) fn read(text: &str) -> Self {
        let mut sources = Sources::default();
        let (objects, diagnostics) = load("world.yaml", text, &mut sources);
        without_errors(&diagnostics);
        let mut policies = Vec::new();
        for object in &objects {
            if let Object::NetworkPolicy(policy) = object {
                let (policy, diagnostics) = network_policy::decode(policy, &sources, Strictness::Lenient);
                without_errors(&diagnostics);
                policies.push(policy);
            }
        }
        let (inventory, _) = Inventory::from_objects(&objects);
        Self { policies, inventory }
    }

    /// Compiles it.
    pub(crate) fn compile(&self) -> Ruleset {
        let Self { policies, inventory } = self;
        compiled(&Input { policies, inventory, host: None, ..NOTHING })
    }

    /// The same cluster without its first policy, which is one for pods of the node.
    pub(crate) fn without_first_policy(mut self) -> Self {
        self.policies.remove(0);
        self
    }
}

impl Host {
    /// Reads a ferm configuration.
    pub(crate) fn read(text: &str) -> Self {
        let mut sources = Sources::default();
        let files = MemoryFiles::default().with("world.ferm", text);
        let (rules, diagnostics) = policy_lang::host::parse("world.ferm", &files, &[], &mut sources);
        without_errors(&diagnostics);
        Self { rules, sources, names: Names::built_in() }
    }

    /// Compiles it.
    pub(crate) fn compile(&self) -> Ruleset {
        let Self { rules, sources, names } = self;
        let inventory = Inventory::default();
        compiled(&Input {
            host: Some(HostInput { rules, names, sources, failsafes: &failsafe::NONE }),
            inventory: &inventory,
            ..NOTHING
        })
    }
}

const NOTHING: Input<'static> = Input {
    policies: &[],
    host: None,
    inventory: &Inventory {
        namespaces: std::collections::BTreeMap::new(),
        nodes: std::collections::BTreeMap::new(),
        services: std::collections::BTreeMap::new(),
        pods: std::collections::BTreeMap::new(),
    },
    node: NODE,
    forward_mode: ForwardMode::PodsFirst,
    pods: &engine::compile::options::STANDARD,
    sources: &[],
};

fn compiled(input: &Input<'_>) -> Ruleset {
    let (ruleset, diagnostics) = compile(input);
    without_errors(&diagnostics);
    ruleset
}

fn without_errors(diagnostics: &[Diagnostic]) {
    let error = diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error);
    assert!(error.is_none(), "{error:#?}");
}
