//! Files of which some have another text than they have: host rules that fixes are tried on.

use std::collections::BTreeMap;

use policy_lang::host::{FileError, Files};

/// Files, and the texts that take the place of some, by their paths.
pub(super) struct Edited<'f> {
    pub(super) files: &'f dyn Files,
    pub(super) texts: &'f BTreeMap<String, String>,
}

impl Files for Edited<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        self.texts.get(path).map_or_else(|| self.files.read(path), |text| Ok(text.clone()))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FileError> {
        self.files.list(folder)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        self.files.glob(pattern)
    }
}
