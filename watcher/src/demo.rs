//! The demonstration: a cluster of network namespaces, enforced as its sources say, and asked with real packets.
//!
//! Three judge every question and have to agree: the oracle reads the policies, the simulator walks the compiled
//! rulesets, and the kernel gets packets. What the sources say comes from the first two alone; no expectation is
//! ever taken from the kernel.
//!
//! What is absent: anything that outlives it, and anything in the network namespace that it was started in.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::compile::options::{PodOptions, STANDARD};
use engine::compile::{ForwardMode, HostInput, Input, compile};
use engine::inventory::Inventory;
use engine::ruleset::Ruleset;
use policy_lang::diagnostic::Diagnostic;
use policy_lang::policy::Policy;

use crate::lab::LabError;
use crate::source::Loaded;

pub use self::judge::{Denial, Judge, Verdict};
pub use self::report::{Cell, Family, Report};
pub use self::scene::{Party, Place, Scene, SceneError};
pub use self::stage::{Built, Enforced, Stage, owner};
pub use self::tighten::{Cut, Tightening};

pub mod examples;
pub mod json;
pub mod text;
pub mod traces;

mod denials;
mod judge;
mod outside;
mod path;
mod report;
mod scene;
mod services;
mod stage;
mod table;
mod tighten;

/// What is enforced: the policies, the cluster, and what each of its nodes gets to load.
#[derive(Clone, Debug)]
pub struct World {
    /// Policies of every tier.
    pub policies: Vec<Policy>,
    /// The cluster.
    pub inventory: Inventory,
    /// How pod policy is enforced on every node.
    pub options: PodOptions,
    /// The ruleset of each node.
    pub rulesets: BTreeMap<Arc<str>, Ruleset>,
    /// The same without the host rules: what the oracle, which knows policies only, is compared with.
    pub pod_rulesets: BTreeMap<Arc<str>, Ruleset>,
}

/// Why there was nothing to see.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The laboratory.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The kernel of a node.
    #[error("node {node}")]
    Kernel {
        /// Which.
        node: Box<str>,
        /// What it refused.
        source: engine::kernel::KernelError,
    },
    /// A node's ruleset could not be loaded.
    #[error("node {node}")]
    Apply {
        /// Which.
        node: Box<str>,
        /// What was refused.
        source: engine::apply::ApplyError,
    },
    /// Live connections on a node could not be judged.
    #[error("live connections on node {node}")]
    Flows {
        /// Which.
        node: Box<str>,
        /// Why.
        source: crate::flows::FlowsError,
    },
    /// What a node denies could not be read.
    #[error("node {node}")]
    Log {
        /// Which.
        node: Box<str>,
        /// Why.
        source: engine::kernel::LogError,
    },
    /// The same later on.
    #[error("what node {node} denies: {source}")]
    Drops {
        /// Which.
        node: Box<str>,
        /// Why.
        source: anyhow::Error,
    },
}

impl World {
    /// Compiles what was read, for every node of the cluster, as nodes are without a configuration; each finding is
    /// given once.
    pub fn compile(loaded: Loaded, forward_mode: ForwardMode) -> (Self, Vec<Diagnostic>) {
        Self::compile_as(loaded, forward_mode, STANDARD.clone())
    }

    /// The same for nodes whose operator has decided.
    pub fn compile_as(loaded: Loaded, forward_mode: ForwardMode, options: PodOptions) -> (Self, Vec<Diagnostic>) {
        let Loaded { sources, policies, inventory, host, names, failsafes, records, .. } = loaded;
        let failsafes = &failsafes;
        let host = host.as_ref().map(|rules| HostInput { rules, names: &names, sources: &sources, failsafes });
        let mut findings: Vec<Diagnostic> = Vec::new();
        let mut rulesets = BTreeMap::new();
        let mut pod_rulesets = BTreeMap::new();
        for node in inventory.nodes.keys() {
            let input = Input {
                policies: &policies,
                host,
                inventory: &inventory,
                node,
                forward_mode,
                pods: &options,
                sources: &records,
            };
            let (ruleset, found) = compile(&input);
            findings.extend(found.into_iter().filter(|finding| !findings.contains(finding)).collect::<Vec<_>>());
            rulesets.insert(Arc::clone(node), ruleset);
            pod_rulesets.insert(Arc::clone(node), compile(&Input { host: None, ..input }).0);
        }
        (Self { policies, inventory, options, rulesets, pod_rulesets }, findings)
    }
}
