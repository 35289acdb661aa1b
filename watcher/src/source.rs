//! From paths to everything that a compile wants to know, with every finding on the way.
//!
//! What cannot be read at all is an error. What can be read and is wrong is a finding; a stand-in that fails closed
//! then takes its place, and the caller decides whether it may be enforced.

use std::path::{Path, PathBuf};

use engine::compile::HostInput;
use engine::compile::failsafe::Failsafes;
use engine::compile::host::Names;
use engine::compile::marker::{SourceKind, SourceRecord};
use engine::inventory::Inventory;
use policy_lang::baseline::{self, Baseline};
use policy_lang::cluster_policy;
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::host::rule::HostRules;
use policy_lang::host::{Commands, Files, Resolver, code};
use policy_lang::manifest::{self, Object, Reading};
use policy_lang::name::NamespacedName;
use policy_lang::network_policy::{self, Strictness};
use policy_lang::policy::{Policy, Tier};
use policy_lang::share::Pool;
use policy_lang::source::Sources;

use self::files::{FileError, STDIN};
use self::host_texts::{Asked, HostTexts, Noted};
use self::this_machine::ThisMachine;
use crate::config::Config;
use crate::config::host::HostReading;

pub mod files;
pub mod host_files;
pub mod host_texts;
pub mod machine;
#[cfg(feature = "kernel")]
pub(crate) mod resolver;
pub(crate) mod shell;
pub mod stand_in;
mod this_machine;
pub(crate) mod unasked;

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The texts, for showing findings.
    pub sources: Sources,
    /// Policies of every tier; a broken one is replaced by what fails closed.
    pub policies: Vec<Policy>,
    /// The cluster.
    pub inventory: Inventory,
    /// The host rules, if any were asked for; broken ones are replaced by what fails closed.
    pub host: Option<HostRules>,
    /// What the words of host rules stand for on this machine.
    pub names: Names,
    /// What host rules cannot cut.
    pub failsafes: Failsafes,
    /// What the ruleset will say that it was built from.
    pub records: Vec<SourceRecord>,
    /// What became of the baseline.
    pub baseline: LoadedBaseline,
    /// What became of the host rules.
    pub host_state: LoadedHost,
    /// Every finding.
    pub diagnostics: Vec<Diagnostic>,
}

/// What became of the baseline.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum LoadedBaseline {
    /// There is none.
    #[default]
    Absent,
    /// It is among the policies. These are its texts.
    Sound(Vec<baseline::Text>),
    /// It is broken, and [`baseline::stand_in`] is among the policies.
    StandIn,
    /// It is broken, and the last good one is among the policies.
    LastGood,
}

/// What became of the host rules.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum LoadedHost {
    /// There are none.
    #[default]
    Absent,
    /// They are what was written. This is what they were read from.
    Sound(HostTexts),
    /// They are broken, and [`stand_in::host`] is in their place.
    StandIn,
    /// They are broken, and the last good ones are in their place.
    LastGood,
}

/// Why the sources as a whole could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Standard input can be read once only.
    #[error("standard input (`-`) can be one source only")]
    StdinTwice,
}

/// What the policies among objects mean, without the baseline: a broken one is replaced by what fails closed.
pub(crate) fn policies(objects: &[Object], sources: &Sources) -> (Vec<Policy>, Vec<Diagnostic>) {
    let mut policies = Vec::new();
    let mut diagnostics = Vec::new();
    let mut pool = Pool::default();
    for object in objects {
        match object {
            Object::NetworkPolicy(policy) => {
                let (policy, found) = network_policy::decode(policy, sources, Strictness::Lenient);
                policies.push(pool.policy(policy));
                diagnostics.extend(found);
            }
            Object::Pod(pod) => policies.extend(network_policy::quarantine(pod)),
            Object::Workload(workload) => policies.extend(network_policy::quarantine_template(workload)),
            Object::Namespace(_)
            | Object::Node(_)
            | Object::ConfigMap(_)
            | Object::Service(_)
            | Object::EndpointSlice(_)
            | Object::ClusterNetworkPolicy(_)
            | Object::EgressBaseline(_)
            | Object::Route(_) => {}
        }
    }
    let (of_cluster, found) = cluster_policy::decode_all(objects, sources, Strictness::Lenient);
    policies.extend(of_cluster);
    diagnostics.extend(found);
    (policies, diagnostics)
}

/// In the order in which they are asked.
pub(crate) fn sort(policies: &mut [Policy]) {
    policies.sort_by(|a, b| (a.tier, a.priority, &a.name).cmp(&(b.tier, b.priority, &b.name)));
}

/// Whether only the baseline has policies of a tier.
pub(crate) fn is_of_baseline(tier: Tier) -> bool {
    match tier {
        Tier::ConfigMapAdmin | Tier::ConfigMapBaseline => true,
        Tier::ClusterAdmin | Tier::NetworkPolicy | Tier::ClusterBaseline => false,
    }
}

/// Where the texts of the sources are. Host rules and what they include come through [`Files`].
pub trait Texts: Files {
    /// The files that a path of manifests stands for, in order.
    ///
    /// # Errors
    /// [`FileError`] if the path is none, or holds none.
    fn manifests(&self, path: &Path) -> Result<Vec<PathBuf>, FileError>;

    /// The text of a manifest or a baseline.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be read.
    fn text(&self, path: &Path) -> Result<String, FileError>;

    /// Whether host rules are there and may be read, without reading them.
    ///
    /// # Errors
    /// [`FileError`] if not.
    fn openable(&self, path: &Path) -> Result<(), FileError>;

    /// What the words of host rules stand for where these texts are enforced.
    fn names(&self) -> Names;

    /// What runs the commands of host rules, where they are enforced.
    fn commands(&self) -> Option<&dyn Commands> {
        None
    }

    /// What looks the names in host rules up, where they are enforced.
    fn resolver(&self) -> Option<&dyn Resolver> {
        None
    }

    /// What host rules were read from that were applied the last time.
    fn former(&self) -> Option<HostTexts> {
        None
    }
}

/// Reads every source of a configuration from the files of this machine.
///
/// # Errors
/// [`SourceError`] if a file cannot be read; its content never is an error.
pub fn load(config: &Config) -> Result<Loaded, SourceError> {
    load_from(config, &ThisMachine::default())
}

/// The same from texts that may be anywhere.
///
/// # Errors
/// As [`load`].
pub fn load_from(config: &Config, texts: &dyn Texts) -> Result<Loaded, SourceError> {
    read(config, texts, Reading::Enforced).map(|(loaded, _)| loaded)
}

/// The same with the objects of the manifests, what makes pods among them, for whoever asks for more than policy does.
///
/// # Errors
/// As [`load`].
pub fn load_with_objects(config: &Config, texts: &dyn Texts) -> Result<(Loaded, Vec<Object>), SourceError> {
    read(config, texts, Reading::Everything)
}

fn read(config: &Config, texts: &dyn Texts, reading: Reading) -> Result<(Loaded, Vec<Object>), SourceError> {
    let Config { host, manifests, baseline, node: _, forward: _, pods: _, host_options } = config;
    let paths = host.iter().chain(manifests).chain(baseline);
    if paths.filter(|path| path.as_path() == Path::new(STDIN)).count() > 1 {
        return Err(SourceError::StdinTwice);
    }
    let mut loaded = Loaded { failsafes: host_options.failsafes(), ..Loaded::default() };
    let objects = loaded.read_manifests(manifests, texts, reading)?;
    loaded.read_baseline(baseline, &objects, texts)?;
    sort(&mut loaded.policies);
    if let Some(path) = host {
        loaded.read_host(path, &host_options.reading, texts)?;
    }
    Ok((loaded, objects))
}

impl Loaded {
    /// Whether something is broken, so that only `--keep-going` may enforce the rest.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The host rules as a compile wants them.
    pub fn host_input(&self) -> Option<HostInput<'_>> {
        let Self { host, names, sources, failsafes, .. } = self;
        host.as_ref().map(|rules| HostInput { rules, names, sources, failsafes })
    }

    /// Takes host rules whose words make no sense out again, and puts the stand-in in their place.
    pub fn host_fails_closed(&mut self) {
        self.host = Some(stand_in::host(&mut self.sources));
        self.host_state = LoadedHost::StandIn;
    }

    /// Puts the last good host rules in the place of the stand-in for broken ones, unless they are broken too.
    pub fn restore_host(&mut self, kept: &HostTexts) {
        let (rules, found) = host_texts::replay(kept, &mut self.sources);
        if found.iter().all(|finding| finding.severity != Severity::Error) {
            self.host = Some(rules);
            self.host_state = LoadedHost::LastGood;
        }
    }

    fn read_manifests(
        &mut self,
        paths: &[PathBuf],
        texts: &dyn Texts,
        reading: Reading,
    ) -> Result<Vec<Object>, FileError> {
        let mut objects = Vec::new();
        for path in paths {
            self.record(SourceKind::Manifests, path);
            for file in texts.manifests(path)? {
                let text = texts.text(&file)?;
                let (found, diagnostics) =
                    manifest::load_kinds(reading, &files::shown(&file), &text, &mut self.sources);
                objects.extend(found);
                self.diagnostics.extend(diagnostics);
            }
        }
        let (objects, diagnostics) = manifest::without_duplicates(objects);
        self.diagnostics.extend(diagnostics);
        let (policies, diagnostics) = policies(&objects, &self.sources);
        self.policies.extend(policies);
        self.diagnostics.extend(diagnostics);
        let (inventory, diagnostics) = Inventory::from_objects(&objects);
        self.inventory = inventory;
        self.diagnostics.extend(diagnostics);
        Ok(objects)
    }

    /// Reads the baseline from files of its own, or finds it among the manifests.
    fn read_baseline(&mut self, paths: &[PathBuf], objects: &[Object], texts: &dyn Texts) -> Result<(), FileError> {
        let (namespace, name) = baseline::CONFIG_MAP;
        let config_map = NamespacedName::new(namespace, name);
        let found = if paths.is_empty() {
            baseline::find(objects, &config_map, &self.sources)
        } else {
            let mut written = Vec::new();
            for path in paths {
                self.record(SourceKind::Baseline, path);
                written.push((files::shown(path), texts.text(path)?));
            }
            baseline::read(&written, &config_map, &mut self.sources)
        };
        self.diagnostics.extend(found.diagnostics);
        self.baseline = match found.baseline {
            Baseline::Absent => LoadedBaseline::Absent,
            Baseline::Sound(policies) => {
                self.policies.extend(policies);
                LoadedBaseline::Sound(found.texts)
            }
            Baseline::Broken(origin) => {
                self.policies.extend(baseline::stand_in(&origin));
                LoadedBaseline::StandIn
            }
        };
        Ok(())
    }

    /// Puts the last good baseline in the place of the stand-in for a broken one, unless it is broken too.
    pub fn restore_baseline(&mut self, texts: &[baseline::Text]) {
        let restored = baseline::restore(texts, &mut self.sources);
        let Baseline::Sound(policies) = restored.baseline else { return };
        self.policies.retain(|policy| !is_of_baseline(policy.tier));
        self.policies.extend(policies);
        self.baseline = LoadedBaseline::LastGood;
        sort(&mut self.policies);
    }

    fn read_host(&mut self, path: &Path, reading: &HostReading, texts: &dyn Texts) -> Result<(), FileError> {
        self.record(SourceKind::Host, path);
        // A configuration that is not there is a wrong argument, not a broken configuration.
        texts.openable(path)?;
        let shown = path.display().to_string();
        let former = if reading.resolves() { texts.former() } else { None };
        let noted = Noted::new(Asked {
            commands: texts.commands().filter(|_| reading.allows_commands()),
            resolver: texts.resolver().filter(|_| reading.resolves()),
            former: former.as_ref(),
            prefers_former: reading.prefers_former,
            ipsets: &reading.given.ipsets,
            files: texts,
        });
        let (rules, diagnostics) = noted.read(&shown, &reading.given.definitions, &mut self.sources);
        let (read, doubts) = noted.into_texts(&shown);
        self.host_state = LoadedHost::Sound(read);
        self.diagnostics.extend(doubts.into_iter().map(|doubt| Diagnostic::placeless_warning(code::DOUBTFUL, doubt)));
        let broken = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        self.diagnostics.extend(diagnostics);
        self.host = Some(rules);
        self.names = texts.names();
        if broken {
            self.host_fails_closed();
        }
        Ok(())
    }

    fn record(&mut self, kind: SourceKind, path: &Path) {
        self.records.push(SourceRecord { kind, path: path.display().to_string() });
    }
}
