//! From paths to findings: reads manifests, the baseline and host rules for `palisade lint`.
//!
//! Everything that can be read is judged; what cannot be read is a finding, and the rest is judged all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::compile::{HostInput, compile_host_beside, failsafe};
use engine::inventory::Inventory;
use engine::lint::environment::Environment;
use engine::lint::selection::Selection;
use engine::lint::{causes, suppression};
use engine::ruleset::Ruleset;
use policy_lang::baseline::{self, Baseline};
use policy_lang::cluster_policy;
use policy_lang::diagnostic::{Code, Diagnostic, Severity};
use policy_lang::host::rule::HostRules;
use policy_lang::host::{Files, Surroundings};
use policy_lang::manifest::{self, Object, Reading};
use policy_lang::name::NamespacedName;
use policy_lang::network_policy::Strictness;
use policy_lang::policy::Policy;
use policy_lang::source::{SourceId, Sources, Span};

use self::config::Config;
use self::edited::Edited;
use self::past::Past;
use crate::analysis::{Committed, PlaceError, is_committed};
use crate::config::host::Given;
use crate::source::files::{self, FileError, STDIN};
use crate::source::unasked::Unasked;
use crate::source::{Texts as _, machine};

pub mod changed;
pub mod config;
mod edited;
mod foreign;
pub mod known;
mod past;
mod widened;

/// What a file of host rules is called.
const HOST_EXTENSION: &str = "ferm";

/// A text that cannot be judged at all.
const NOT_LOADED: Code = manifest::code::NOT_LOADED;

/// Everything that was read.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The texts.
    pub sources: Sources,
    /// The texts that are reported on; others are context.
    pub reported: Vec<SourceId>,
    objects: Vec<Object>,
    upper: Vec<Policy>,
    host: Vec<(HostRules, Option<Ruleset>)>,
    configurations: Vec<HostFile>,
    found: Vec<Diagnostic>,
    files: Committed,
    /// Where files are read from that are neither given nor edited, if not from this machine as it is.
    past: Option<Past>,
    /// Texts that take the place of files.
    edited: BTreeMap<String, String>,
    /// What stands for names in host rules.
    names: Unasked,
    /// What host rules are given.
    given: Given,
}

/// One file of host rules that was read.
#[derive(Debug)]
struct HostFile {
    path: String,
    /// The paths of what it includes, and of what that includes.
    includes: Vec<String>,
    rules: HostRules,
    found: Vec<Diagnostic>,
}

/// What to read.
#[derive(Clone, Copy, Debug)]
pub struct Paths<'p> {
    /// Files, folders or `-`: reported on.
    pub reported: &'p [PathBuf],
    /// Files and folders that are read and not reported on.
    pub context: &'p [PathBuf],
    /// What standard input is called.
    pub stdin: Option<&'p str>,
    /// Texts that take the place of files, by the paths that findings bear.
    pub edited: &'p BTreeMap<String, String>,
    /// What host rules are given.
    pub given: &'p Given,
}

/// Reads everything.
///
/// # Errors
/// [`PlaceError`] if a path that was given is none, or holds nothing to read.
pub fn load(paths: Paths<'_>) -> Result<Loaded, PlaceError> {
    let mut loaded = Loaded { edited: paths.edited.clone(), given: paths.given.clone(), ..Loaded::default() };
    let mut seen = BTreeSet::new();
    for path in paths.reported {
        loaded.read(path, &paths, &mut seen)?;
    }
    loaded.reported = loaded.texts();
    for path in paths.context {
        loaded.read(path, &paths, &mut seen)?;
    }
    loaded.gather();
    Ok(loaded)
}

/// Reads texts that are already at hand, each with the path that it is known by.
pub fn load_texts(texts: &[(String, String)]) -> Loaded {
    load_past(texts, None, &Given::default())
}

/// The same, with what they include as it was at a commit.
fn load_past(texts: &[(String, String)], past: Option<Past>, given: &Given) -> Loaded {
    let edited = texts.iter().cloned().collect();
    let mut loaded = Loaded { edited, past, given: given.clone(), ..Loaded::default() };
    for (path, text) in texts {
        loaded.add(path, text);
    }
    loaded.reported = loaded.texts();
    loaded.gather();
    loaded
}

/// What is looked for, and not suppressed or excepted.
pub fn judged(loaded: &Loaded, config: &Config, selection: &Selection, today: &str) -> Vec<Diagnostic> {
    let mut findings = loaded.lint(&config.environment);
    selection.apply(&mut findings);
    causes::hide(&mut findings);
    suppression::apply(&mut findings, &loaded.reported, &config.locked, selection, &loaded.sources);
    config.except(&mut findings, today, &loaded.sources);
    engine::lint::sort(&mut findings, &loaded.sources);
    findings
}

impl Loaded {
    /// Every finding about what is reported on, whatever is selected.
    pub fn lint(&self, environment: &Environment) -> Vec<Diagnostic> {
        let Self {
            sources,
            reported,
            objects,
            upper,
            host,
            configurations: _,
            found,
            files: _,
            past: _,
            edited: _,
            names: _,
            given: _,
        } = self;
        let input = engine::lint::Input { objects, sources, upper, host, environment };
        let mut findings = engine::lint::lint(&input, found.clone());
        let reported: BTreeSet<SourceId> = reported.iter().copied().collect();
        findings.retain(|finding| {
            let line = || finding.place.as_ref().and_then(|place| sources.span_of_line(&place.path, place.line));
            finding.span.or_else(line).is_some_and(|span| reported.contains(&span.source))
        });
        findings
    }

    fn read(&mut self, path: &Path, given: &Paths<'_>, seen: &mut BTreeSet<PathBuf>) -> Result<(), PlaceError> {
        let (paths, is_folder) = self.files_of(path)?;
        if paths.is_empty() {
            return Err(FileError::NoManifests { path: files::shown(path) }.into());
        }
        for file in paths {
            // One file by two ways is one file.
            let real = file.canonicalize().unwrap_or_else(|_| file.clone());
            if !seen.insert(real) {
                continue;
            }
            let shown = match given.stdin {
                Some(name) if file == Path::new(STDIN) => name.to_owned(),
                Some(_) | None => relative(&file),
            };
            let read = given.edited.get(&shown).map_or_else(|| self.files.text(&file), |text| Ok(text.clone()));
            match read {
                Ok(text) if is_folder => self.add_from_folder(&shown, &text),
                Ok(text) => self.add(&shown, &text),
                Err(error) if is_folder => self.refuse(&shown, &error),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The files that a path stands for, and whether it is a folder.
    fn files_of(&self, path: &Path) -> Result<(Vec<PathBuf>, bool), PlaceError> {
        if is_committed(path) {
            let found = self.files.within(path, &is_judged)?;
            return Ok((found, !self.files.is_file(path)));
        }
        let is_folder = path != Path::new(STDIN) && path.is_dir();
        let mut paths = match files::manifests(path) {
            Err(FileError::NoManifests { .. }) => Vec::new(),
            found => found?,
        };
        if is_folder {
            paths.extend(files::with_extension(path, HOST_EXTENSION)?);
        }
        Ok((paths, is_folder))
    }

    fn add(&mut self, path: &str, text: &str) {
        if Path::new(path).extension().is_some_and(|extension| extension == HOST_EXTENSION) {
            self.add_host(path);
            return;
        }
        let (objects, found) = manifest::load_kinds(Reading::Everything, path, text, &mut self.sources);
        self.objects.extend(objects);
        self.found.extend(found);
    }

    /// A folder holds texts of other programs as well, which nobody asked about.
    fn add_from_folder(&mut self, path: &str, text: &str) {
        let before = self.found.len();
        self.add(path, text);
        let found = self.found.split_off(before);
        let sources = &self.sources;
        self.found.extend(found.into_iter().filter(|finding| !foreign::is_of_another_program(finding, sources)));
    }

    fn add_host(&mut self, path: &str) {
        let first = self.sources.ids().count();
        let present: &dyn Files = &self.files;
        let files = Edited { files: self.past.as_ref().map_or(present, |past| past), texts: &self.edited };
        // What a name server would say now is not what the rules say.
        let Given { definitions, ipsets } = &self.given;
        let surroundings = Surroundings { files: &files, commands: None, resolver: Some(&self.names), ipsets };
        let (rules, found) = policy_lang::host::parse_in(path, surroundings, definitions, &mut self.sources);
        let read = self.sources.ids().skip(first).map(|source| self.sources.path(source).to_string());
        let mut read: Vec<String> = read.collect();
        let own = if read.is_empty() { path.to_owned() } else { read.remove(0) };
        self.configurations.push(HostFile { path: own, includes: read, rules, found });
    }

    /// Keeps the configurations that no other one includes: a part of one makes no sense by itself.
    fn gather_host(&mut self) {
        let configurations = std::mem::take(&mut self.configurations);
        let real = |path: &str| Path::new(path).canonicalize().unwrap_or_else(|_| PathBuf::from(path));
        let included: BTreeSet<PathBuf> = configurations
            .iter()
            .flat_map(|file| file.includes.iter().filter(|include| **include != file.path).map(|path| real(path)))
            .collect();
        for HostFile { path, includes: _, rules, found } in configurations {
            if included.contains(&real(&path)) {
                continue;
            }
            let broken = found.iter().any(|finding| finding.severity == Severity::Error);
            self.found.extend(found);
            let compiled = (!broken).then(|| self.compiled(&rules));
            let ruleset = compiled.and_then(|(ruleset, found)| {
                let broken = found.iter().any(|finding| finding.severity == Severity::Error);
                self.found.extend(found);
                (!broken).then_some(ruleset)
            });
            self.host.push((rules, ruleset));
        }
    }

    /// What the compiler makes of host rules, and says of them.
    fn compiled(&self, rules: &HostRules) -> (Ruleset, Vec<Diagnostic>) {
        let names = machine::names();
        let host = HostInput { rules, names: &names, sources: &self.sources, failsafes: &failsafe::NONE };
        let mut words = rules.words(&["saddr", "daddr"]);
        let inventory = words.any(|word| word.peer.is_some()).then(|| Inventory::from_objects(&self.objects).0);
        let (ruleset, found) = compile_host_beside(host, &inventory.unwrap_or_default());
        (ruleset, found.into_iter().filter(|finding| finding.code.0.starts_with("PAL6")).collect())
    }

    fn refuse(&mut self, path: &str, error: &FileError) {
        let source = self.sources.add(path, "");
        let span = Span { source, start: 0, end: 0 };
        self.found.push(Diagnostic::error(NOT_LOADED, span, format!("this file was not read: {error}")));
    }

    /// What only all objects together tell.
    fn gather(&mut self) {
        self.gather_host();
        let (objects, found) = manifest::without_duplicates(std::mem::take(&mut self.objects));
        self.objects = objects;
        self.found.extend(found);
        let (_, found) = Inventory::from_objects(&self.objects);
        self.found.extend(found);
        let (policies, found) = cluster_policy::decode_all(&self.objects, &self.sources, Strictness::Lenient);
        // One that cannot be read is enforced as its stand-in, which nobody wrote.
        let broken = found.iter().filter(|finding| finding.severity == Severity::Error);
        let broken: BTreeSet<_> =
            broken.filter_map(|finding| Some(Arc::clone(&finding.object.as_ref()?.name))).collect();
        self.upper.extend(policies.into_iter().filter(|policy| !broken.contains(&policy.name.name)));
        self.found.extend(found);
        let (namespace, name) = baseline::CONFIG_MAP;
        let baseline = baseline::find(&self.objects, &NamespacedName::new(namespace, name), &self.sources);
        self.found.extend(baseline.diagnostics);
        match baseline.baseline {
            Baseline::Sound(policies) => self.upper.extend(policies),
            Baseline::Absent | Baseline::Broken(_) => {}
        }
        crate::source::sort(&mut self.upper);
    }

    fn texts(&self) -> Vec<SourceId> {
        self.sources.ids().collect()
    }
}

/// Whether a file of a folder is looked at.
fn is_judged(file: &Path) -> bool {
    files::is_manifest(file) || file.extension().is_some_and(|extension| extension == HOST_EXTENSION)
}

/// A path from the working directory, without `./` before it.
fn relative(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let inside = here.as_deref().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path);
    let shown = files::shown(inside);
    shown.strip_prefix("./").map_or_else(|| shown.clone(), ToOwned::to_owned)
}
