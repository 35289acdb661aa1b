//! The programs of iptables, which are the only ones that can read and write the tables of its older kind.
//!
//! They are run by `host migrate` and by nothing else (docs/adr/0016).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use policy_lang::host::rule::Domain;
use thiserror::Error;

use super::save::Saved;

/// Where such programs are. Root's own PATH is not asked: what is found here is run as root.
const FOLDERS: &[&str] = &["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin"];

/// How long they wait for kube-proxy and others that write, in seconds.
const PATIENCE: &str = "10";

/// The programs for one family in one of the two kinds of tables.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Iptables {
    /// What people call it, such as `ip6tables-legacy`.
    pub name: String,
    folder: PathBuf,
}

/// Why a program did not do it.
#[derive(Debug, Error)]
pub enum IptablesError {
    /// It cannot be run.
    #[error("{program} cannot be run")]
    NotRun {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It says no.
    #[error("{program} refuses: {said}")]
    Refused {
        /// The program.
        program: String,
        /// The first line of what it says.
        said: String,
    },
    /// It was there, and is not any more.
    #[error("{program} is not there any more")]
    Gone {
        /// The program.
        program: String,
    },
}

/// How much of a table its text is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extent {
    /// The text is the whole of the tables that it names.
    Whole,
    /// The text is changes.
    Changes,
}

impl Iptables {
    /// Those of one domain that this machine has: the older kind and the one on nf_tables, or the only one that there is.
    pub fn of(domain: Domain) -> Vec<Self> {
        let stem = match domain {
            Domain::Ip => "iptables",
            Domain::Ip6 => "ip6tables",
            Domain::Arp | Domain::Eb => return Vec::new(),
        };
        let both = [format!("{stem}-legacy"), format!("{stem}-nft")];
        let found: Vec<Self> = both.iter().filter_map(|name| Self::named(name)).collect();
        if found.is_empty() { Self::named(stem).into_iter().collect() } else { found }
    }

    /// The one that is called so.
    pub fn named(name: &str) -> Option<Self> {
        let folder = FOLDERS.iter().map(Path::new).find(|folder| folder.join(format!("{name}-save")).exists())?;
        Some(Self { name: name.to_owned(), folder: folder.to_owned() })
    }

    /// What is loaded.
    ///
    /// # Errors
    /// [`IptablesError`].
    pub fn save(&self) -> Result<Saved, IptablesError> {
        self.run("save", &[], "").map(|text| Saved::parse(&text))
    }

    /// Loads a text, each of its tables at once or not at all.
    ///
    /// # Errors
    /// [`IptablesError`]; then tables before the one that is refused are loaded.
    pub fn restore(&self, text: &str, extent: Extent) -> Result<(), IptablesError> {
        let arguments: &[&str] = match extent {
            Extent::Whole => &["-w", PATIENCE],
            Extent::Changes => &["-w", PATIENCE, "--noflush"],
        };
        self.run("restore", arguments, text).map(drop)
    }

    fn run(&self, verb: &str, arguments: &[&str], input: &str) -> Result<String, IptablesError> {
        let program = format!("{}-{verb}", self.name);
        let not_run = |source| IptablesError::NotRun { program: program.clone(), source };
        let mut child = Command::new(self.folder.join(&program))
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(not_run)?;
        let stdin = child.stdin.take();
        let output = thread::scope(|scope| {
            // From a thread of its own: a program that prints before it has read all would wait for this one.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
            child.wait_with_output()
        });
        let output = output.map_err(not_run)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("without a word");
        Err(IptablesError::Refused { program, said: said.to_owned() })
    }
}
