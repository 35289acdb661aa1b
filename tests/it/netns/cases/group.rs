//! The cases of a folder of tests/data/netns.

use std::fs;
use std::path::{Path, PathBuf};

use super::arena::Arena;
use super::cluster::Cluster;
use super::script::Script;

/// What is the same for all cases of a folder.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) cluster: Cluster,
    /// The folder's `topology`.
    described: String,
    pub(crate) cases: Vec<(String, Script)>,
}

impl Group {
    /// Reads it, or those cases whose names begin with `PALISADE_CASE`.
    pub(crate) fn read(name: &'static str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/netns").join(name);
        let wanted = std::env::var("PALISADE_CASE").unwrap_or_default();
        let (mut cluster, mut described, mut cases) = (Cluster::default(), String::new(), Vec::new());
        for path in entries(&folder) {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            match path.extension().map(|extension| extension.to_str().unwrap()) {
                Some("case") if stem.starts_with(&wanted) => cases.push((stem, Script::parse(&text))),
                Some("case") => {}
                Some("yaml") => cluster.apply(&text),
                Some(_) | None => described = text,
            }
        }
        assert!(!cases.is_empty(), "no cases in {}", folder.display());
        Self { name, cluster, described, cases }
    }

    /// The laboratory of the cases that have none of their own.
    pub(crate) fn common(&self) -> Arena {
        let world = self.cluster.world();
        let scripts = self.cases.iter().filter(|(_, script)| script.lab.is_none());
        Arena::new([&world], &self.described, scripts.flat_map(|(_, script)| script.tables())).forgetful()
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}
