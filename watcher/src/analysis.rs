//! Everything that somebody wants to know who has manifests and no cluster: files, folders, standard input and revisions
//! of a git repository, read for templates of pods as well as for pods.
//!
//! One document or file that cannot be read is a finding and stops nothing; only a path that leads to nothing at all is
//! an error.

use std::path::{Path, PathBuf};

use engine::inventory::{Inventory, POD_NOT_PLACED};
use engine::workloads::{self, Workloads};
use policy_lang::baseline::{self, Baseline};
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::manifest::{self, Object, Reading, code};
use policy_lang::name::NamespacedName;
use policy_lang::policy::Policy;
use policy_lang::source::{Sources, Span};

use crate::source::files::{self, FileError, STDIN};

mod committed;
mod git;

pub use committed::{Committed, is_committed};
pub use git::GitError;

/// Where manifests are.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// A file, a folder, or `-` for standard input.
    Path(PathBuf),
    /// `git:REF[:PATH]`: a file or a folder as it was committed; the whole repository without a path.
    Git {
        /// A commit by any name that git knows.
        reference: String,
        /// From the root of the repository; empty for all of it.
        path: String,
    },
}

/// The text of one file, under the path that people know it by, or why it cannot be read.
pub type Text = (String, Result<String, FileError>);

/// Why a place cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A path.
    #[error(transparent)]
    File(#[from] FileError),
    /// A revision.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// What manifests say.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    /// The texts, for showing findings.
    pub sources: Sources,
    /// The objects, each once.
    pub objects: Vec<Object>,
    /// Policies of every tier, in the order in which they are asked; a broken one is replaced by what fails closed.
    pub policies: Vec<Policy>,
    /// Namespaces, nodes, Services and pods. Namespaces without an object are assumed.
    pub inventory: Inventory,
    /// Who has pods.
    pub workloads: Workloads,
    /// Every finding.
    pub diagnostics: Vec<Diagnostic>,
}

impl Place {
    /// The place that a word on the command line means.
    pub fn parse(word: &str) -> Self {
        match word.strip_prefix("git:") {
            Some(rest) => {
                let (reference, path) = rest.split_once(':').unwrap_or((rest, ""));
                Self::Git { reference: reference.to_owned(), path: path.to_owned() }
            }
            None => Self::Path(PathBuf::from(word)),
        }
    }

    /// The place that a path means, as a file of assertions or a configuration has it.
    pub fn of_path(path: PathBuf) -> Self {
        match path.to_str() {
            Some(word) if is_committed(&path) => Self::parse(word),
            Some(_) | None => Self::Path(path),
        }
    }

    /// The texts of every manifest there, in the order of their paths.
    ///
    /// # Errors
    /// [`PlaceError`] if there is no such place, or it holds no manifest. A file in a folder that cannot be read is not
    /// one.
    pub fn texts(&self) -> Result<Vec<Text>, PlaceError> {
        match self {
            Self::Path(path) if path.as_path() == Path::new(STDIN) || !path.is_dir() => {
                let text = files::read(path);
                // What is there and cannot be read is a finding like any other, so that the rest is judged.
                match text {
                    Err(error @ FileError::Unreadable { .. }) => Err(error.into()),
                    text => Ok(vec![(files::shown(path), text)]),
                }
            }
            Self::Path(path) => {
                let found = files::manifests(path)?;
                Ok(found.into_iter().map(|file| (files::shown(&file), files::read(&file))).collect())
            }
            Self::Git { reference, path } => Ok(git::texts(reference, path)?),
        }
    }
}

impl Manifests {
    /// Reads every manifest of some places.
    ///
    /// # Errors
    /// [`PlaceError`] if one of the places cannot be read at all; the content of a file never is an error.
    pub fn load(places: &[Place]) -> Result<Self, PlaceError> {
        Self::load_with_baseline(places, &[])
    }

    /// The same with the enforced baseline of these files in the place of the one among the manifests (decisions.md 22);
    /// without files that one counts.
    ///
    /// # Errors
    /// [`PlaceError`] if one of the places cannot be read at all, or one of the files.
    pub fn load_with_baseline(places: &[Place], baseline: &[Place]) -> Result<Self, PlaceError> {
        let mut texts = Vec::new();
        for place in places {
            texts.extend(place.texts()?);
        }
        let mut written = Vec::new();
        for place in baseline {
            for (path, text) in place.texts()? {
                written.push((path, text?));
            }
        }
        Ok(Self::read_with_baseline(texts, &written))
    }

    /// The same from texts.
    pub fn read(texts: Vec<Text>) -> Self {
        Self::read_with_baseline(texts, &[])
    }

    fn read_with_baseline(texts: Vec<Text>, baseline: &[(String, String)]) -> Self {
        let mut loaded = Self::default();
        let mut objects = Vec::new();
        for (path, text) in texts {
            match text {
                Ok(text) => {
                    let (found, diagnostics) =
                        manifest::load_kinds(Reading::Everything, &path, &text, &mut loaded.sources);
                    objects.extend(found);
                    loaded.diagnostics.extend(diagnostics);
                }
                Err(error) => {
                    let source = loaded.sources.add(&path, "");
                    let span = Span { source, start: 0, end: 0 };
                    loaded.diagnostics.push(Diagnostic::error(code::NOT_LOADED, span, error.to_string()));
                }
            }
        }
        loaded.understand(objects, baseline);
        loaded
    }

    /// Whether something is broken that was meant for the cluster, so that a stand-in counts in its place.
    pub fn has_broken_objects(&self) -> bool {
        let is_error = |finding: &&Diagnostic| finding.severity == Severity::Error;
        self.diagnostics.iter().filter(is_error).any(|finding| finding.object.is_some())
    }

    fn understand(&mut self, objects: Vec<Object>, baseline: &[(String, String)]) {
        let (objects, found) = manifest::without_duplicates(objects);
        self.diagnostics.extend(found);
        let (mut policies, found) = crate::source::policies(&objects, &self.sources);
        self.diagnostics.extend(found);
        let (namespace, name) = baseline::CONFIG_MAP;
        let config_map = NamespacedName::new(namespace, name);
        let found = if baseline.is_empty() {
            baseline::find(&objects, &config_map, &self.sources)
        } else {
            baseline::read(baseline, &config_map, &mut self.sources)
        };
        self.diagnostics.extend(found.diagnostics);
        match found.baseline {
            Baseline::Absent => {}
            Baseline::Sound(of_baseline) => policies.extend(of_baseline),
            Baseline::Broken(origin) => policies.extend(baseline::stand_in(&origin)),
        }
        crate::source::sort(&mut policies);
        let (inventory, found) = Inventory::from_objects(&objects);
        self.diagnostics.extend(found);
        let (workloads, found) = workloads::group(&objects, &policies);
        self.diagnostics.extend(found);
        // Where a pod runs matters to nodes only.
        self.diagnostics.retain(|finding| finding.code != POD_NOT_PLACED);
        self.objects = objects;
        self.policies = policies;
        self.inventory = inventory;
        self.workloads = workloads;
    }
}

#[cfg(test)]
mod tests;
