//! Words of the command line.

use clap::ValueEnum;
use engine::lint::selection::Profile;
use policy_lang::diagnostic::Severity;

use crate::lint::config;

/// The rules to begin with.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum ProfileWord {
    Default,
    Strict,
    Ci,
}

/// A severity.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Level {
    Error,
    Warning,
    Info,
}

/// The severity from which on a run fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Threshold {
    Error,
    Warning,
    Info,
    None,
}

impl ProfileWord {
    pub(super) fn profile(self) -> Profile {
        match self {
            Self::Default => Profile::Default,
            Self::Strict => Profile::Strict,
            Self::Ci => Profile::Ci,
        }
    }
}

impl Level {
    pub(super) fn severity(self) -> Severity {
        match self {
            Self::Error => Severity::Error,
            Self::Warning => Severity::Warning,
            Self::Info => Severity::Note,
        }
    }
}

impl Threshold {
    pub(super) fn severity(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Info => Some(Severity::Note),
            Self::None => None,
        }
    }
}

/// `PAL301=error`.
pub(super) fn severity(text: &str) -> Result<(String, Level), String> {
    let (rules, level) = text.split_once('=').ok_or("write RULES=LEVEL, such as PAL301=error")?;
    let level = match config::severity(level) {
        Some(Severity::Error) => Level::Error,
        Some(Severity::Warning) => Level::Warning,
        Some(Severity::Note) => Level::Info,
        None => return Err(format!("`{level}` is none of error, warning, info")),
    };
    Ok((rules.to_owned(), level))
}
