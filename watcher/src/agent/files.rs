//! The source that is a folder of manifests, and files beside it: an agent without a cluster.
//!
//! A change is heard of at once, and looked for all the same every few seconds: what is mounted from elsewhere or
//! reached by a link is not always heard of. Everything is read again then, and what differs is told.
//!
//! Invariant: what cannot be read never takes back what could be. A file that breaks keeps the objects that it had, and
//! a folder that is gone or holds no manifest leaves everything as it is.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use policy_lang::baseline::Baseline;
use policy_lang::diagnostic::Severity;

use self::difference::Told;
use self::texts::Texts;
use super::event::{Event, Finding, FoundBaseline, FoundHostRules, Soundness, Source, SourceName, Tell};
use crate::config::Config;
use crate::source::{self, Loaded, LoadedBaseline, SourceError, files};

mod difference;
mod texts;

/// How often it is looked whether something changed that nobody told of.
const POLL: Duration = Duration::from_secs(2);

/// How long a file may take to be written after the first that is heard of it. A half-written one does no harm.
const SETTLE: Duration = Duration::from_millis(20);

/// Manifests in a folder, and files of the baseline and of host rules where they are given.
#[derive(Debug)]
pub struct Files {
    config: Config,
}

impl Files {
    /// The sources that a configuration names.
    pub fn new(config: Config) -> Self {
        Self { config }
    }
}

impl Source for Files {
    fn names(&self) -> Vec<SourceName> {
        let mut names = vec![SourceName::manifests(), SourceName::baseline()];
        names.extend(self.config.host.as_ref().map(|_| SourceName::host()));
        names
    }

    fn run(self: Box<Self>, tell: Tell) {
        let names = self.names();
        let mut reader = Reader { config: self.config, texts: Texts::default(), told: Told::default(), lost: None };
        let mut watch = Watch::new(&reader.config);
        loop {
            let was_lost = reader.lost.is_some();
            if reader.read(&tell, &names).is_break() {
                return;
            }
            if was_lost && reader.lost.is_none() {
                // The folder that is there now is another one.
                watch = Watch::new(&reader.config);
            }
            while !watch.waits_for_a_change(&reader.texts) {
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
        let Loaded { sources, policies, inventory, host, names, records: _, baseline, diagnostics } = loaded;
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
        let Some(rules) = host else { return ControlFlow::Continue(()) };
        let texts = self.texts.of_host();
        if !self.told.is_new_host(&texts) {
            return ControlFlow::Continue(());
        }
        let main = self.config.host.as_deref().map(files::shown).unwrap_or_default();
        let is_of_host = |path: &str| texts.iter().any(|(host, _)| host == path);
        let is_broken = diagnostics.iter().any(|finding| {
            let path = finding.span.map(|span| sources.path(span.source));
            finding.severity == Severity::Error && path.is_some_and(|path| is_of_host(path))
        });
        let soundness = if is_broken { Soundness::Broken } else { Soundness::Sound };
        let found = FoundHostRules { rules, names, sources, soundness, main, texts };
        tell.tell(&SourceName::host(), Event::HostRules(Some(Arc::new(found))))
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

/// Waits until something may have changed.
struct Watch {
    /// Held, because it ends with it. None where the system has no more watches to give: then it is polled only.
    _watcher: Option<RecommendedWatcher>,
    heard: Receiver<()>,
    /// Held, so that a watcher that could not be made does not end the waiting at once.
    _keep: SyncSender<()>,
}

impl Watch {
    fn new(config: &Config) -> Self {
        let (tell, heard) = mpsc::sync_channel(1);
        let keep = tell.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading what changed is no change.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                // One notice that waits is enough.
                let (Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(()))) = tell.try_send(());
            }
        });
        let watcher = watcher.ok().map(|mut watcher| {
            for (path, mode) in watched(config) {
                // What cannot be watched is polled.
                drop(watcher.watch(&path, mode));
            }
            watcher
        });
        Self { _watcher: watcher, heard, _keep: keep }
    }

    /// False if there is none for the time of a poll.
    fn waits_for_a_change(&self, texts: &Texts) -> bool {
        match self.heard.recv_timeout(POLL) {
            Ok(()) => {
                std::thread::sleep(SETTLE);
                while self.heard.try_recv().is_ok() {}
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => texts.are_stale(),
        }
    }
}

/// Folders rather than files: a file that is replaced is another one.
fn watched(config: &Config) -> Vec<(PathBuf, RecursiveMode)> {
    let folder = |path: &PathBuf| {
        let parent = path.parent().unwrap_or(Path::new("."));
        if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() }
    };
    let manifests = config.manifests.iter().map(|path| (path.clone(), RecursiveMode::Recursive));
    let others = config.baseline.iter().chain(&config.host).map(|path| (folder(path), RecursiveMode::NonRecursive));
    manifests.chain(others).collect()
}
