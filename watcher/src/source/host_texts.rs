//! Everything that host rules were read from, so that they can be read again as they were.

use std::cell::RefCell;
use std::collections::BTreeMap;

use policy_lang::host::{FileError, Files, MemoryFiles};
use serde::{Deserialize, Serialize};

/// What was answered when it was asked what is in a folder, or what matches a pattern.
pub type Listings = BTreeMap<String, Vec<String>>;

/// The texts and what was asked for on the way.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HostTexts {
    /// The path of the main file.
    pub main: String,
    /// Its text and those that it includes, by path, in the order of the first reading.
    pub texts: Vec<(String, String)>,
    /// What was in the folders and matched the patterns that were asked about.
    pub listings: Listings,
}

/// Files whose answers are noted: texts each once.
pub(crate) struct Noted<'a> {
    files: &'a dyn Files,
    texts: RefCell<Vec<(String, String)>>,
    listings: RefCell<Listings>,
}

/// The answers that were noted, given again: a folder that was empty is not one that is missing, and not every pattern is
/// understood without a file system.
pub(crate) struct Replayed<'a> {
    files: MemoryFiles,
    listings: &'a Listings,
}

impl<'a> Noted<'a> {
    /// Nothing was asked yet.
    pub(crate) fn new(files: &'a dyn Files) -> Self {
        Self { files, texts: RefCell::default(), listings: RefCell::default() }
    }

    /// What was answered.
    pub(crate) fn into_texts(self, main: &str) -> HostTexts {
        let (texts, listings) = (self.texts.into_inner(), self.listings.into_inner());
        HostTexts { main: main.to_owned(), texts, listings }
    }
}

impl<'a> Replayed<'a> {
    /// These answers.
    pub(crate) fn new(texts: &'a HostTexts) -> Self {
        let files = texts.texts.iter().fold(MemoryFiles::default(), |files, (path, text)| files.with(path, text));
        Self { files, listings: &texts.listings }
    }
}

impl Files for Replayed<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        self.files.read(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FileError> {
        self.listings.get(&of_folder(folder)).map_or_else(|| self.files.list(folder), |names| Ok(names.clone()))
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        self.listings.get(&of_pattern(pattern)).map_or_else(|| self.files.glob(pattern), |paths| Ok(paths.clone()))
    }
}

impl Files for Noted<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        let text = self.files.read(path)?;
        let mut texts = self.texts.borrow_mut();
        if !texts.iter().any(|(known, _)| known == path) {
            texts.push((path.to_owned(), text.clone()));
        }
        Ok(text)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let names = self.files.list(folder)?;
        self.listings.borrow_mut().insert(of_folder(folder), names.clone());
        Ok(names)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        let paths = self.files.glob(pattern)?;
        self.listings.borrow_mut().insert(of_pattern(pattern), paths.clone());
        Ok(paths)
    }
}

fn of_folder(folder: &str) -> String {
    format!("folder {folder}")
}

fn of_pattern(pattern: &str) -> String {
    format!("pattern {pattern}")
}
