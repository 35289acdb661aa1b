//! What a configuration may ask of the machine that it is read on, as traits: this crate runs no command and asks no
//! name server itself.

use crate::host::files::Files;

/// The machine, as far as a configuration may see it.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where includes come from.
    pub files: &'a dyn Files,
    /// What runs backticks and the pipes of `@include`; without it both are refused where they are reached.
    pub commands: Option<&'a dyn Commands>,
    /// What answers `@resolve`; without it names are refused and addresses are taken as they are.
    pub resolver: Option<&'a dyn Resolver>,
    /// The files with what `ipset save` printed.
    pub ipsets: &'a [String],
}

/// Runs shell commands.
pub trait Commands {
    /// The standard output of `/bin/sh -c COMMAND`, bytes that are not UTF-8 as U+FFFD. The implementation bounds the
    /// time.
    ///
    /// # Errors
    /// [`CommandError`] if the command cannot be run, fails, or takes too long.
    fn run(&self, command: &str) -> Result<String, CommandError>;
}

/// Why a command has no output to read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// It ended with this status, or was killed; the operating system's words.
    #[error("it ended with {status}")]
    Failed {
        /// For example `exit status: 1`.
        status: String,
    },
    /// It was still running when its time was over.
    #[error("it was stopped after {seconds} seconds")]
    TooSlow {
        /// The limit.
        seconds: u64,
    },
    /// There is no shell, or no right to run one; the operating system's words.
    #[error("{reason}")]
    NotRun {
        /// A lower-case fragment.
        reason: String,
    },
}

/// Looks names up.
pub trait Resolver {
    /// The records of one type that a name has: addresses for A and AAAA, names for NS and MX. None if the name does
    /// not exist or has no such record.
    ///
    /// # Errors
    /// [`LookupError`] if no answer came, or one that says that there might be one later.
    fn look_up(&self, name: &str, record: Record) -> Result<Vec<String>, LookupError>;
}

/// The type of a record.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Record {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Name servers.
    Ns,
    /// Mail exchangers.
    Mx,
}

/// Why a look-up has no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct LookupError {
    /// A lower-case fragment.
    pub reason: String,
}

impl Surroundings<'_> {
    /// Files only: no command is run and no name is looked up.
    #[must_use]
    pub fn of_files(files: &dyn Files) -> Surroundings<'_> {
        Surroundings { files, commands: None, resolver: None, ipsets: &[] }
    }
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings")
            .field("commands", &self.commands.is_some())
            .field("resolver", &self.resolver.is_some())
            .finish_non_exhaustive()
    }
}

impl std::str::FromStr for Record {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "A" => Ok(Self::A),
            "AAAA" => Ok(Self::Aaaa),
            "NS" => Ok(Self::Ns),
            "MX" => Ok(Self::Mx),
            _ => Err(()),
        }
    }
}
