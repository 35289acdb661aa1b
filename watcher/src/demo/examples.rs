//! The examples, built into the program, so that it has something to show wherever it runs.

use std::path::{Path, PathBuf};

use engine::compile::host::Names;
use policy_lang::host::{FileError as HostFileError, Files, MemoryFiles};

use crate::config::Config;
use crate::source::Texts;
use crate::source::files::FileError;

/// The folder of manifests.
const CLUSTER: &str = "examples/cluster";
/// The baseline, which lies among the manifests.
const BASELINE: &str = "examples/cluster/baseline.yaml";
/// The host rules.
const HOST: &str = "examples/host/node.ferm";

/// Every file, by the path that a clone has it at.
const TEXTS: [(&str, &str); 7] = [
    (BASELINE, include_str!("../../../examples/cluster/baseline.yaml")),
    ("examples/cluster/namespaces.yaml", include_str!("../../../examples/cluster/namespaces.yaml")),
    ("examples/cluster/nodes.yaml", include_str!("../../../examples/cluster/nodes.yaml")),
    ("examples/cluster/pods.yaml", include_str!("../../../examples/cluster/pods.yaml")),
    ("examples/cluster/policies.yaml", include_str!("../../../examples/cluster/policies.yaml")),
    ("examples/cluster/services.yaml", include_str!("../../../examples/cluster/services.yaml")),
    (HOST, include_str!("../../../examples/host/node.ferm")),
];

/// The examples as texts.
#[derive(Clone, Debug)]
pub struct Examples {
    files: MemoryFiles,
}

impl Default for Examples {
    fn default() -> Self {
        let files = TEXTS.iter().fold(MemoryFiles::default(), |files, (path, text)| files.with(path, text));
        Self { files }
    }
}

/// The configuration that names all three sources of the examples.
pub fn config() -> Config {
    Config {
        host: Some(HOST.into()),
        manifests: vec![CLUSTER.into()],
        baseline: vec![BASELINE.into()],
        ..Config::default()
    }
}

impl Texts for Examples {
    fn manifests(&self, path: &Path) -> Result<Vec<PathBuf>, FileError> {
        let paths = TEXTS.iter().map(|(found, _)| PathBuf::from(found));
        Ok(paths.filter(|found| found.starts_with(path)).collect())
    }

    fn text(&self, path: &Path) -> Result<String, FileError> {
        let missing =
            || FileError::Unreadable { path: path.display().to_string(), error: std::io::ErrorKind::NotFound.into() };
        let found = TEXTS.iter().find(|(found, _)| Path::new(found) == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(missing)
    }

    fn openable(&self, path: &Path) -> Result<(), FileError> {
        self.text(path).map(drop)
    }

    fn names(&self) -> Names {
        Names::built_in()
    }
}

impl Files for Examples {
    fn read(&self, path: &str) -> Result<String, HostFileError> {
        self.files.read(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, HostFileError> {
        self.files.list(folder)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, HostFileError> {
        self.files.glob(pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_built_in_and_has_no_finding_worse_than_a_note() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for folder in [CLUSTER, "examples/host"] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                let path = format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap());
                let built_in = TEXTS.iter().find(|(found, _)| *found == path).map(|(_, text)| (*text).to_owned());
                assert_eq!(built_in, std::fs::read_to_string(root.join(&path)).ok(), "{path}");
            }
        }
        let loaded = crate::source::load_from(&config(), &Examples::default()).unwrap();
        assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
        assert_eq!(loaded.inventory.nodes.len(), 2);
        assert!(loaded.inventory.pods.len() >= 8);
    }
}
