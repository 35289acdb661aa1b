//! The machine that this program runs on: its files, its shell and its name servers.

use std::path::{Path, PathBuf};

use engine::compile::host::Names;
#[cfg(feature = "kernel")]
use policy_lang::host::Resolver;
use policy_lang::host::{Commands, FileError, Files};

use super::files;
use super::host_files::HostFiles;
use super::host_texts::HostTexts;
#[cfg(feature = "kernel")]
use super::resolver::NameServers;
use super::shell::Shell;
use super::{Texts, machine};
use crate::last_good;
use crate::state_dir::StateDir;

/// Whatever of it host rules may ask.
#[derive(Default)]
pub(crate) struct ThisMachine {
    shell: Shell,
    #[cfg(feature = "kernel")]
    name_servers: NameServers,
}

impl Files for ThisMachine {
    fn read(&self, path: &str) -> Result<String, FileError> {
        HostFiles.read(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FileError> {
        HostFiles.list(folder)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        HostFiles.glob(pattern)
    }
}

impl Texts for ThisMachine {
    fn manifests(&self, path: &Path) -> Result<Vec<PathBuf>, files::FileError> {
        files::manifests(path)
    }

    fn text(&self, path: &Path) -> Result<String, files::FileError> {
        files::read(path)
    }

    fn openable(&self, path: &Path) -> Result<(), files::FileError> {
        files::openable(path)
    }

    fn names(&self) -> Names {
        machine::names()
    }

    fn commands(&self) -> Option<&dyn Commands> {
        Some(&self.shell)
    }

    #[cfg(feature = "kernel")]
    fn resolver(&self) -> Option<&dyn Resolver> {
        Some(&self.name_servers)
    }

    fn former(&self) -> Option<HostTexts> {
        // One that is damaged helps nobody here; whoever falls back to it says so.
        last_good::recall::<HostTexts>(&StateDir::from_environment()).ok().flatten()
    }
}
