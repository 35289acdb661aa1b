//! The texts of a folder of manifests as they were read last, with what they said before they broke.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::compile::host::Names;
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::host;
use policy_lang::manifest::{self, code};
use policy_lang::source::Sources;

use crate::agent::event::Finding;
use crate::agent::watch::{Stamp, stamp};
use crate::config::Config;
use crate::source::files::{self, FileError};
use crate::source::host_files::HostFiles;
use crate::source::{self, machine};

/// What stands behind the path of a file that is broken, where the objects are meant that it held before.
const FORMER: &str = " (as it was before it broke)";

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// The manifests in their order.
    manifests: BTreeMap<PathBuf, Manifest>,
    /// Which manifests belong to which path of the configuration.
    paths: BTreeMap<PathBuf, Vec<PathBuf>>,
    baseline: BTreeMap<PathBuf, String>,
    /// What the files looked like from outside when they were read.
    stamps: BTreeMap<PathBuf, Stamp>,
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Manifest {
    text: String,
    /// The last text that could be read as a whole, if this one cannot.
    former: Option<String>,
    /// Why the text is not the one on the disk.
    unreadable: Option<String>,
}

/// Whether anything is different from the last time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refreshed {
    Same,
    Changed,
}

/// Whether a path is about what a file held before it broke.
pub(super) fn is_former(path: &str) -> bool {
    path.ends_with(FORMER)
}

impl Texts {
    /// Reads manifests and baselines again. On an error nothing is changed.
    pub(super) fn refresh(&mut self, config: &Config) -> Result<Refreshed, FileError> {
        let mut manifests = BTreeMap::new();
        let mut paths = BTreeMap::new();
        for root in &config.manifests {
            // Otherwise a folder that is not there would be a file that cannot be read, with nothing in it.
            fs::metadata(root).map_err(|error| FileError::Unreadable { path: files::shown(root), error })?;
            let found = files::manifests(root)?;
            for path in &found {
                manifests.insert(path.clone(), self.manifest(path));
            }
            paths.insert(root.clone(), found);
        }
        let mut baseline = BTreeMap::new();
        for path in &config.baseline {
            baseline.insert(path.clone(), files::read(path)?);
        }
        let seen = manifests.keys().chain(baseline.keys()).chain(&config.manifests);
        let stamps = seen.map(|path| (path.clone(), stamp(path))).collect();
        let is_same = (&manifests, &paths, &baseline) == (&self.manifests, &self.paths, &self.baseline);
        (self.manifests, self.paths, self.baseline, self.stamps) = (manifests, paths, baseline, stamps);
        if is_same {
            return Ok(Refreshed::Same);
        }
        Ok(Refreshed::Changed)
    }

    /// Whether some file looks different from outside, came or went.
    pub(super) fn are_stale(&self) -> bool {
        let is_new = |root: &PathBuf, known: &Vec<PathBuf>| files::manifests(root).ok().as_ref() != Some(known);
        self.stamps.iter().any(|(path, known)| stamp(path) != *known)
            || self.paths.iter().any(|(root, known)| is_new(root, known))
            || self.stamps.is_empty()
    }

    /// What to say about files that cannot be read.
    pub(super) fn unreadable(&self) -> BTreeMap<Arc<str>, Vec<Finding>> {
        let broken = self.manifests.iter().filter_map(|(path, manifest)| Some((path, manifest.unreadable.as_ref()?)));
        let finding = |path: &PathBuf, why: &String| {
            let message = format!("{why}: what it held before stays");
            let (severity, code) = (Severity::Error, code::NOT_LOADED.0);
            (files::shown(path).into(), vec![Finding { severity, code, place: Some(files::shown(path)), message }])
        };
        broken.map(|(path, why)| finding(path, why)).collect()
    }

    /// Whether it is only said that a broken file and what it held before are about the same objects.
    pub(super) fn repeats_itself(&self, path: &str, diagnostic: &Diagnostic) -> bool {
        let manifest = self.manifests.get(Path::new(path));
        diagnostic.code == code::DUPLICATE_OBJECT && manifest.is_some_and(|manifest| manifest.former.is_some())
    }

    fn manifest(&self, path: &Path) -> Manifest {
        let known = self.manifests.get(path);
        let text = match files::read(path) {
            Ok(text) => text,
            Err(error) => {
                let unreadable = Some(error.to_string());
                return match known {
                    Some(Manifest { text, former, .. }) => {
                        Manifest { text: text.clone(), former: former.clone(), unreadable }
                    }
                    None => Manifest { unreadable, ..Manifest::default() },
                };
            }
        };
        if let Some(Manifest { text: same, former, unreadable: None }) = known
            && *same == text
        {
            return Manifest { text, former: former.clone(), unreadable: None };
        }
        let former = known.filter(|_| !is_whole(&text)).and_then(|known| match &known.former {
            Some(former) => Some(former.clone()),
            None => is_whole(&known.text).then(|| known.text.clone()),
        });
        Manifest { text, former, unreadable: None }
    }
}

/// Whether every object of a text can be read.
fn is_whole(text: &str) -> bool {
    let (_, found) = manifest::load("", text, &mut Sources::default());
    found.iter().all(|finding| finding.severity != Severity::Error)
}

/// The file that a former text belongs to.
fn real(path: &Path) -> Option<PathBuf> {
    path.to_str()?.strip_suffix(FORMER).map(PathBuf::from)
}

impl source::Texts for Texts {
    fn manifests(&self, path: &Path) -> Result<Vec<PathBuf>, FileError> {
        let mut all = Vec::new();
        for path in self.paths.get(path).into_iter().flatten() {
            // Before it, because of two objects of one name the last counts.
            if self.manifests.get(path).is_some_and(|manifest| manifest.former.is_some()) {
                all.push(PathBuf::from(format!("{}{FORMER}", path.display())));
            }
            all.push(path.clone());
        }
        Ok(all)
    }

    fn text(&self, path: &Path) -> Result<String, FileError> {
        if let Some(text) = self.baseline.get(path) {
            return Ok(text.clone());
        }
        let former = real(path).and_then(|real| self.manifests.get(&real)?.former.clone());
        let text = former.or_else(|| self.manifests.get(path).map(|manifest| manifest.text.clone()));
        text.map_or_else(|| files::read(path), Ok)
    }

    fn openable(&self, path: &Path) -> Result<(), FileError> {
        files::openable(path)
    }

    fn names(&self) -> Names {
        machine::names()
    }
}

impl host::Files for Texts {
    fn read(&self, path: &str) -> Result<String, host::FileError> {
        HostFiles.read(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, host::FileError> {
        HostFiles.list(folder)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, host::FileError> {
        HostFiles.glob(pattern)
    }
}
