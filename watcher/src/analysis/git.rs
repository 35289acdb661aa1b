//! Manifests as they were committed, by the program git: nothing is checked out.
//!
//! Its arguments are fixed but for the names of a revision and a path, neither of which can be taken for an option.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

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
    let commit = commit(folder, reference)?;
    let files = files(folder, &commit, reference, path)?;
    let mut contents = Contents::open(folder)?;
    let mut texts = Vec::new();
    for (object, file) in files {
        let shown = format!("git:{reference}:{file}");
        let text = contents.text(&object, &shown)?;
        texts.push((shown, text));
    }
    Ok(texts)
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

/// The manifests in a tree, as pairs of a blob's hash and a path.
fn files(folder: &Path, commit: &str, reference: &str, path: &str) -> Result<Vec<(String, String)>, GitError> {
    let path = path.trim_start_matches("./").trim_matches('/');
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .args(["--literal-pathspecs", "ls-tree", "-r", "-z", "--full-tree", commit, "--"])
        .stdin(Stdio::null());
    if !path.is_empty() && path != "." && path.len() <= NAME_MAX {
        command.arg(path);
    }
    let output = command.output()?;
    let listing = String::from_utf8_lossy(&output.stdout);
    let mut found = Vec::new();
    for line in listing.split_terminator('\0') {
        let (about, file) = line.split_once('\t').ok_or(GitError::Answer)?;
        let mut about = about.split(' ');
        let (Some(mode), Some("blob"), Some(object)) = (about.next(), about.next(), about.next()) else { continue };
        // 120000 is a symbolic link: its text is the path of something else.
        let is_named = file == path;
        let below = Path::new(file.strip_prefix(path).unwrap_or(file));
        let is_hidden = below.iter().any(|part| files::is_hidden(Path::new(part)));
        if mode.starts_with("100") && (is_named || (files::is_manifest(Path::new(file)) && !is_hidden)) {
            found.push((object.to_owned(), file.to_owned()));
        }
        if found.len() > FILES {
            return Err(GitError::TooMany { reference: reference.to_owned(), path: path.to_owned() });
        }
    }
    if !output.status.success() || found.is_empty() {
        return Err(GitError::NoManifests { reference: reference.to_owned(), path: path.to_owned() });
    }
    found.sort_by(|(_, a), (_, b)| a.cmp(b));
    Ok(found)
}

/// A git that hands out the contents of objects, one after the other.
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
