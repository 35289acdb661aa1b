//! The source that is a folder of manifests, and files of the baseline beside it: an agent without a cluster.
//!
//! When something may have changed ([`watch`]) everything is read again, and what differs is told.
//!
//! Invariant: what cannot be read never takes back what could be. A file that breaks keeps the objects that it had, and
//! a folder that is gone or holds no manifest leaves everything as it is.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use notify::RecursiveMode;
use policy_lang::baseline::Baseline;
use policy_lang::diagnostic::Severity;

use self::difference::Told;
use self::texts::Texts;
use super::event::{Event, Finding, FoundBaseline, Source, SourceName, Tell};
use super::watch::{self, Watch};
use crate::config::Config;
use crate::source::{self, Loaded, LoadedBaseline, SourceError};

mod difference;
mod texts;

/// Manifests in a folder, and files of the baseline where they are given.
#[derive(Debug)]
pub struct Files {
    config: Config,
}

impl Files {
    /// The manifests and baselines that a configuration names; its host rules are a source of their own.
    pub fn new(config: Config) -> Self {
        Self { config: Config { host: None, ..config } }
    }
}

impl Source for Files {
    fn names(&self) -> Vec<SourceName> {
        vec![SourceName::manifests(), SourceName::baseline()]
    }

    fn run(self: Box<Self>, tell: Tell) {
        let names = self.names();
        let mut reader = Reader { config: self.config, texts: Texts::default(), told: Told::default(), lost: None };
        let mut watch = Watch::new(watched(&reader.config));
        loop {
            let was_lost = reader.lost.is_some();
            if reader.read(&tell, &names).is_break() {
                return;
            }
            if was_lost && reader.lost.is_none() {
                // The folder that is there now is another one.
                watch = Watch::new(watched(&reader.config));
            }
            while !watch.waits_for_a_change(|| reader.texts.are_stale()) {
                if tell.is_over() {
                    return;
                }
            }
        }
    }
}

struct Reader {
    config: Config,
    texts: Texts,
    told: Told,
    /// Why nothing can be read, once that was told.
    lost: Option<String>,
}

impl Reader {
    /// Reads everything and tells what is different.
    fn read(&mut self, tell: &Tell, names: &[SourceName]) -> ControlFlow<()> {
        match self.texts.refresh(&self.config) {
            Ok(texts::Refreshed::Same) if self.lost.is_none() && self.told.anything => return ControlFlow::Continue(()),
            Ok(texts::Refreshed::Same | texts::Refreshed::Changed) => {}
            Err(error) => return self.lost(&error.into(), tell, names),
        }
        match source::load_from(&self.config, &self.texts) {
            Ok(loaded) => {
                self.tell(loaded, tell)?;
                self.lost = None;
                names.iter().try_for_each(|name| tell.tell(name, Event::InSync))
            }
            Err(error) => self.lost(&error, tell, names),
        }
    }

    fn lost(&mut self, error: &SourceError, tell: &Tell, names: &[SourceName]) -> ControlFlow<()> {
        let why = error.to_string();
        if self.lost.as_ref() == Some(&why) {
            return ControlFlow::Continue(());
        }
        self.lost = Some(why.clone());
        names.iter().try_for_each(|name| tell.tell(name, Event::Lost(why.clone())))
    }

    fn tell(&mut self, loaded: Loaded, tell: &Tell) -> ControlFlow<()> {
        let manifests = SourceName::manifests();
        for (about, findings) in self.told.findings(findings(&loaded, &self.texts)) {
            tell.tell(&manifests, Event::Said { about, findings })?;
        }
        let Loaded { policies, inventory, baseline, .. } = loaded;
        let (of_baseline, policies) =
            policies.into_iter().partition::<Vec<_>, _>(|policy| source::is_of_baseline(policy.tier));
        let changes = self.told.changes(policies, inventory);
        if !changes.is_empty() {
            tell.tell(&manifests, Event::Changed(changes))?;
        }
        if self.told.is_new_baseline(&of_baseline, &baseline) {
            let origin = of_baseline.first().map(|policy| policy.origin.clone()).unwrap_or_default();
            let (baseline, texts) = match baseline {
                LoadedBaseline::Absent => (Baseline::Absent, Vec::new()),
                LoadedBaseline::Sound(texts) => (Baseline::Sound(of_baseline), texts),
                LoadedBaseline::StandIn | LoadedBaseline::LastGood => (Baseline::Broken(origin), Vec::new()),
            };
            tell.tell(&SourceName::baseline(), Event::Baseline(FoundBaseline { baseline, texts }))?;
        }
        ControlFlow::Continue(())
    }
}

/// What there is to say, by file. What is said of a former reading of a broken file is known already.
fn findings(loaded: &Loaded, texts: &Texts) -> BTreeMap<Arc<str>, Vec<Finding>> {
    let mut by_file: BTreeMap<Arc<str>, Vec<Finding>> = texts.unreadable();
    for diagnostic in &loaded.diagnostics {
        // One line for every pod that is not placed yet would bury the rest.
        if diagnostic.severity == Severity::Note {
            continue;
        }
        let of_span = diagnostic.span.map(|span| Arc::clone(loaded.sources.path(span.source)));
        let path = of_span.or_else(|| diagnostic.place.as_ref().map(|place| Arc::clone(&place.path)));
        let path = path.unwrap_or_else(|| "manifests".into());
        if !texts::is_former(&path) && !texts.repeats_itself(&path, diagnostic) {
            by_file.entry(path).or_default().push(Finding::new(diagnostic, &loaded.sources));
        }
    }
    by_file
}

/// Folders rather than files: a file that is replaced is another one.
fn watched(config: &Config) -> Vec<(PathBuf, RecursiveMode)> {
    let manifests = config.manifests.iter().map(|path| (path.clone(), RecursiveMode::Recursive));
    let baselines = config.baseline.iter().map(|path| (watch::folder(path), RecursiveMode::NonRecursive));
    manifests.chain(baselines).collect()
}
