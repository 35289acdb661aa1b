//! The source that is a file of host rules on the node, with whatever it includes.
//!
//! Invariant: a file that is gone, or cannot be read, takes nothing back; neither does one that is broken.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use notify::RecursiveMode;
use policy_lang::diagnostic::Severity;

use super::reading::{self, Question, Watched};
use crate::agent::event::{Event, Finding, Source, SourceName, Tell};
use crate::agent::watch::{self, Watch};
use crate::config::host::HostReading;
use crate::source::files;
use crate::source::host_files::HostFiles;
use crate::source::host_texts::{Asked, HostTexts};
use crate::source::resolver::NameServers;

/// Host rules in a file.
#[derive(Debug)]
pub struct HostFile {
    path: PathBuf,
    reading: HostReading,
}

impl HostFile {
    /// Those of this file. No command is run, whatever the configuration allows: an agent has rights that only its own
    /// program is to use.
    pub fn new(path: PathBuf, reading: HostReading) -> Self {
        Self { path, reading }
    }
}

impl Source for HostFile {
    fn names(&self) -> Vec<SourceName> {
        vec![SourceName::host()]
    }

    fn run(self: Box<Self>, tell: Tell) {
        let files = Watched::new(HostFiles);
        let mut told = Told::default();
        let mut folders = folders(&self.path, &[]);
        let mut watch = Watch::new(listened(&folders));
        loop {
            files.forget();
            // The file itself counts even where it could not be opened.
            let stamp = watch::stamp(&self.path);
            let names = NameServers::default();
            if told.read(&self, (&files, &names), &tell).is_break() {
                return;
            }
            let expires = names.expires();
            let now = self::folders(&self.path, &files.asked());
            if now != folders {
                folders = now;
                watch = Watch::new(listened(&folders));
            }
            let has_expired = || expires.is_some_and(|expires| Instant::now() >= expires);
            let is_stale = || files.are_stale() || watch::stamp(&self.path) != stamp || has_expired();
            while !watch.waits_for_a_change(is_stale) {
                if tell.is_over() {
                    return;
                }
            }
        }
    }
}

/// Everything that was read, and what there is to say about it.
type Reading = (HostTexts, Vec<Finding>);

/// What the loop was told.
#[derive(Debug, Default)]
struct Told {
    /// What was read, and what there is to say about it: an include that is missing changes nothing else.
    last: Option<Reading>,
    /// Why nothing can be read.
    lost: Option<String>,
}

impl Told {
    /// Reads everything and tells what is different.
    fn read(
        &mut self,
        file: &HostFile,
        (files, names): (&Watched<HostFiles>, &NameServers),
        tell: &Tell,
    ) -> ControlFlow<()> {
        let HostFile { path, reading } = file;
        let source = SourceName::host();
        if let Err(error) = files::openable(path) {
            let why = error.to_string();
            if self.lost.as_ref() == Some(&why) {
                return ControlFlow::Continue(());
            }
            self.lost = Some(why.clone());
            return tell.tell(&source, Event::Lost(why));
        }
        let main = path.display().to_string();
        let asked = Asked {
            resolver: reading.resolves().then_some(names),
            former: self.last.as_ref().map(|(texts, _)| texts),
            ipsets: &reading.given.ipsets,
            ..Asked::of_files(files)
        };
        let (found, diagnostics) = reading::read_asking(&main, asked, &reading.given.definitions);
        let findings = diagnostics.iter().filter(|finding| finding.severity > Severity::Note);
        let findings: Vec<Finding> = findings.map(|finding| Finding::new(finding, &found.sources)).collect();
        let now = Some((found.texts.clone(), findings.clone()));
        if now != self.last {
            self.last = now;
            tell.tell(&source, Event::Said { about: main.into(), findings })?;
            tell.tell(&source, Event::HostRules(Some(Arc::new(found))))?;
        }
        self.lost = None;
        tell.tell(&source, Event::InSync)
    }
}

/// The folders in which something may change that host rules were read from.
fn folders(main: &Path, asked: &[Question]) -> BTreeSet<PathBuf> {
    let of = |question: &Question| match question {
        Question::Text(path) | Question::Pattern(path) => watch::folder(path.as_ref()),
        Question::Folder(path) => PathBuf::from(path),
    };
    asked.iter().map(of).chain([watch::folder(main)]).collect()
}

/// Folders rather than files: a file that is replaced is another one.
fn listened(folders: &BTreeSet<PathBuf>) -> Vec<(PathBuf, RecursiveMode)> {
    folders.iter().map(|folder| (folder.clone(), RecursiveMode::NonRecursive)).collect()
}
