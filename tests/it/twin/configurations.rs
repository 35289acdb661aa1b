//! The configurations that both routers get, as files that ferm can read.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::draw;

/// One configuration, and how it is called in messages.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// A folder of configurations that goes when it is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    pub(super) configurations: Vec<Configuration>,
}

impl Folder {
    /// Everything of the corpus, and so many that are drawn.
    pub(super) fn new(drawn: u64) -> Self {
        // Tests of one process run side by side.
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("palisade-twin-{}-{number}", std::process::id()));
        let mut folder = Self { path: path.clone(), configurations: Vec::new() };
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        // ferm writes beside what it reads, and includes are relative.
        for part in ["ferm", "host"] {
            copy(&data.join(part), &path.join(part), &mut folder.configurations);
        }
        let own = sorted(&data.join("twin"));
        for entry in own.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "ferm")) {
            folder.split(&entry);
        }
        for number in 0..drawn {
            folder.add(&format!("drawn/{number}"), &draw::configuration(number));
        }
        let root = format!("{}/", path.display());
        for Configuration { name, .. } in &mut folder.configurations {
            *name = name.trim_start_matches(&root).to_owned();
        }
        folder
    }

    /// A file of several configurations.
    fn split(&mut self, file: &Path) {
        for (name, text) in split_file(file) {
            self.add(&name, &text);
        }
    }

    fn add(&mut self, name: &str, text: &str) {
        let path = self.path.join("own").join(name.replace(' ', "-"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        // Comments to ferm, which leaves ipset alone.
        let sets: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# ipset: ")).collect();
        if !sets.is_empty() {
            fs::write(sets_of(&path), sets.join("\n") + "\n").unwrap();
        }
        self.configurations.push(Configuration { name: name.to_owned(), path });
    }
}

/// The configurations of a file, each below a line `### NAME`, with their names.
pub(super) fn split_file(file: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(file).unwrap();
    let about = file.file_stem().unwrap().to_string_lossy().into_owned();
    let parts = text.split("### ").skip(1).map(|part| part.split_once('\n').unwrap());
    parts.map(|(name, text)| (format!("{about}/{name}"), text.to_owned())).collect()
}

/// The file with the sets that a configuration names.
pub(super) fn sets_of(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.ipsets", path.display()))
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind only if somebody else holds it.
        let _left = fs::remove_dir_all(&self.path);
    }
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn copy(from: &Path, to: &Path, found: &mut Vec<Configuration>) {
    fs::create_dir_all(to).unwrap();
    for path in sorted(from) {
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to, found);
            continue;
        }
        fs::copy(&path, &to).unwrap();
        // What is broken on purpose would keep ferm busy for ever.
        let is_broken = path.parent().is_some_and(|folder| folder.ends_with("broken"));
        if to.extension().is_some_and(|extension| extension == "ferm") && !is_broken {
            found.push(Configuration { name: to.display().to_string(), path: to });
        }
    }
}
