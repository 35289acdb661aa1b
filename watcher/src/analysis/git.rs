//! Manifests as they were committed, by the program git: nothing is checked out.
//!
//! Its arguments are fixed but for the names of a revision and a path, neither of which can be taken for an option.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use policy_lang::suggest::nearest;

use super::Text;
use crate::source::files::{self, FILE_BYTES, FILES, FileError};

/// Longest name of a commit or a path that is asked for, in bytes.
const NAME_MAX: usize = 4096;

/// Why a revision cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program is not there, or does not answer.
    #[error("cannot run git")]
    Program(#[from] io::Error),
    /// This folder is in no repository, or the repository does not know the name.
    #[error("git knows no commit `{0}` here")]
    Reference(String),
    /// The commit has nothing there.
    #[error("{reference} has nothing at `{path}`, from the root of the repository{near}")]
    Path {
        /// The name of the commit.
        reference: String,
        /// The path.
        path: String,
        /// A path that is nearly the same, as the end of a sentence; empty without one.
        near: String,
    },
    /// The commit holds no manifest there.
    #[error("git:{reference}:{path} holds no file that ends in .yaml, .yml or .json")]
    NoManifests {
        /// The name of the commit.
        reference: String,
        /// The path.
        path: String,
    },
    /// More than [`FILES`] of them.
    #[error("git:{reference}:{path} holds more than {FILES} manifests")]
    TooMany {
        /// The name of the commit.
        reference: String,
        /// The path.
        path: String,
    },
    /// It says something that no git says.
    #[error("git answers in a form that is not known")]
    Answer,
}

/// The texts of every manifest at a path of a commit.
pub(super) fn texts(reference: &str, path: &str) -> Result<Vec<Text>, GitError> {
    texts_in(Path::new("."), reference, path)
}

/// The same of the repository around a folder.
pub(super) fn texts_in(folder: &Path, reference: &str, path: &str) -> Result<Vec<Text>, GitError> {
    let commit = Commit::open(folder, reference)?;
    let path = normal(path);
    let files = commit.files(&path, files::is_manifest)?;
    if files.is_empty() {
        return Err(GitError::NoManifests { reference: reference.to_owned(), path });
    }
    files.into_iter().map(|file| Ok((commit.shown(&file), commit.text(&file)?))).collect()
}

/// A path from the root of a repository, without `.`, `..` and slashes at its ends.
pub(super) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The files of a commit, each read when it is asked for.
#[derive(Debug)]
pub(super) struct Commit {
    reference: String,
    /// The hashes of their contents, by path from the root.
    blobs: BTreeMap<String, String>,
    contents: RefCell<Contents>,
}

impl Commit {
    /// Lists a commit of the repository around a folder.
    pub(super) fn open(folder: &Path, reference: &str) -> Result<Self, GitError> {
        let hash = commit(folder, reference)?;
        let blobs = blobs(folder, &hash)?;
        Ok(Self { reference: reference.to_owned(), blobs, contents: RefCell::new(Contents::open(folder)?) })
    }

    /// How people know a file of it.
    pub(super) fn shown(&self, file: &str) -> String {
        format!("git:{}:{file}", self.reference)
    }

    /// Whether this is a file, and no folder.
    pub(super) fn has(&self, path: &str) -> bool {
        self.blobs.contains_key(path)
    }

    /// The files at a path, sorted: the one of this name, or those of a folder that are wanted and not hidden.
    pub(super) fn files(&self, path: &str, is_wanted: impl Fn(&Path) -> bool) -> Result<Vec<String>, GitError> {
        if self.has(path) {
            return Ok(vec![path.to_owned()]);
        }
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let below = self.blobs.range(prefix.clone()..).map(|(file, _)| file);
        let below: Vec<&String> = below.take_while(|file| file.starts_with(&prefix)).collect();
        if below.is_empty() && !path.is_empty() {
            return Err(GitError::Path {
                reference: self.reference.clone(),
                path: path.to_owned(),
                near: self.near(path),
            });
        }
        let is_hidden = |file: &str| {
            let inside = Path::new(file.strip_prefix(&prefix).unwrap_or(file));
            inside.iter().any(|part| files::is_hidden(Path::new(part)))
        };
        let wanted = below.into_iter().filter(|file| is_wanted(Path::new(file)) && !is_hidden(file));
        let found: Vec<String> = wanted.cloned().collect();
        if found.len() > FILES {
            return Err(GitError::TooMany { reference: self.reference.clone(), path: path.to_owned() });
        }
        Ok(found)
    }

    /// The text of a file, or why it is none.
    pub(super) fn text(&self, file: &str) -> Result<Result<String, FileError>, GitError> {
        let Some(object) = self.blobs.get(file) else {
            let near = self.near(file);
            return Err(GitError::Path { reference: self.reference.clone(), path: file.to_owned(), near });
        };
        self.contents.borrow_mut().text(object, &self.shown(file))
    }

    /// `: did you mean …?`, for a path that is not there.
    fn near(&self, path: &str) -> String {
        let parents = self.blobs.keys().take(FILES).flat_map(|file| Path::new(file).ancestors());
        let paths: BTreeSet<&str> = parents.filter_map(Path::to_str).filter(|path| !path.is_empty()).collect();
        let paths: Vec<&str> = paths.into_iter().collect();
        nearest(path, &paths).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
    }
}

/// The hash of a commit.
fn commit(folder: &Path, reference: &str) -> Result<String, GitError> {
    let unknown = || GitError::Reference(reference.to_owned());
    if reference.is_empty() || reference.len() > NAME_MAX {
        return Err(unknown());
    }
    let name = format!("{reference}^{{commit}}");
    let output = Command::new("git")
        .current_dir(folder)
        .args(["rev-parse", "--verify", "--quiet", "--end-of-options", &name])
        .stdin(Stdio::null())
        .output()?;
    let hash = String::from_utf8(output.stdout).map_err(|_| unknown())?;
    let hash = hash.trim();
    let is_hash = hash.len() >= 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if output.status.success() && is_hash { Ok(hash.to_owned()) } else { Err(unknown()) }
}

/// The hashes of the regular files of a commit, by path.
fn blobs(folder: &Path, commit: &str) -> Result<BTreeMap<String, String>, GitError> {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["ls-tree", "-r", "-z", "--full-tree", commit])
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(GitError::Answer);
    }
    let listing = String::from_utf8_lossy(&output.stdout);
    let mut found = BTreeMap::new();
    for line in listing.split_terminator('\0') {
        let (about, file) = line.split_once('\t').ok_or(GitError::Answer)?;
        let mut about = about.split(' ');
        let (Some(mode), Some("blob"), Some(object)) = (about.next(), about.next(), about.next()) else { continue };
        // 120000 is a symbolic link: its text is the path of something else.
        if mode.starts_with("100") {
            found.insert(file.to_owned(), object.to_owned());
        }
    }
    Ok(found)
}

/// A git that hands out the contents of objects, one after the other.
#[derive(Debug)]
struct Contents {
    child: std::process::Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Contents {
    fn open(folder: &Path) -> Result<Self, GitError> {
        let mut child = Command::new("git")
            .current_dir(folder)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let answers = BufReader::new(child.stdout.take().ok_or(GitError::Answer)?);
        Ok(Self { child, answers })
    }

    fn text(&mut self, object: &str, shown: &str) -> Result<Result<String, FileError>, GitError> {
        let asked = self.child.stdin.as_mut().ok_or(GitError::Answer)?;
        asked.write_all(format!("{object}\n").as_bytes())?;
        asked.flush()?;
        let mut header = String::new();
        self.answers.read_line(&mut header)?;
        let size = header.trim_end().rsplit(' ').next().and_then(|size| size.parse::<u64>().ok());
        let size = size.ok_or(GitError::Answer)?;
        if size > FILE_BYTES {
            // What it is about to send has to be taken before the next question.
            io::copy(&mut (&mut self.answers).take(size + 1), &mut io::sink())?;
            return Ok(Err(FileError::TooLarge { path: shown.to_owned() }));
        }
        let mut bytes = vec![0; usize::try_from(size).map_err(|_| GitError::Answer)?];
        self.answers.read_exact(&mut bytes)?;
        let mut end = [0];
        self.answers.read_exact(&mut end)?;
        Ok(files::text(bytes, shown))
    }
}

impl Drop for Contents {
    fn drop(&mut self) {
        // Without questions to come it ends; who waits for it leaves no process behind.
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}
