//! Reading host rules, and remembering what was asked for on the way.

use std::cell::RefCell;
use std::collections::BTreeMap;

use engine::compile::host::Names;
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::host::rule::HostRules;
use policy_lang::host::{self, FileError, Files};
use policy_lang::source::Sources;

use crate::agent::event::{FoundHostRules, Soundness};
use crate::source::host_texts::{Asked, HostTexts, Noted, replay};
use crate::source::{machine, stand_in};

/// The path of the rules that close the node.
const STAND_IN: &str = "palisade:broken-host-rules";

/// Reads host rules with whatever they include.
pub(in crate::agent) fn read(main: &str, files: &dyn Files) -> (FoundHostRules, Vec<Diagnostic>) {
    read_asking(main, Asked::of_files(files), &[])
}

/// The same with others to ask than files.
pub(super) fn read_asking(main: &str, asked: Asked<'_>, definitions: &[String]) -> (FoundHostRules, Vec<Diagnostic>) {
    let noted = Noted::new(asked);
    let mut sources = Sources::default();
    let (rules, mut found) = noted.read(main, definitions, &mut sources);
    let (texts, doubts) = noted.into_texts(main);
    found.extend(doubts.into_iter().map(|doubt| Diagnostic::placeless_warning(host::code::DOUBTFUL, doubt)));
    judged(rules, sources, texts, found)
}

fn judged(
    rules: HostRules,
    sources: Sources,
    texts: HostTexts,
    mut found: Vec<Diagnostic>,
) -> (FoundHostRules, Vec<Diagnostic>) {
    found.extend(rules.refused_commands());
    let is_broken = found.iter().any(|finding| finding.severity == Severity::Error);
    let soundness = if is_broken { Soundness::Broken } else { Soundness::Sound };
    let names = machine::names();
    (FoundHostRules { rules, names, sources, soundness, texts }, found)
}

/// Host rules as they were kept, with the words of this machine as it is; nothing if they are broken.
pub(in crate::agent) fn kept(texts: &HostTexts) -> Option<FoundHostRules> {
    let mut sources = Sources::default();
    let (rules, found) = replay(texts, &mut sources);
    let (found, _) = judged(rules, sources, texts.clone(), found);
    (found.soundness == Soundness::Sound).then_some(found)
}

/// One configuration of two: the first one's rules come first.
pub(in crate::agent) fn both(first: &FoundHostRules, second: &FoundHostRules) -> FoundHostRules {
    let mut sources = Sources::default();
    let mut rules = |found: &FoundHostRules| {
        // Both are sound, and their texts are all that they were read from.
        replay(&found.texts, &mut sources).0
    };
    let (earlier, later) = (rules(first), rules(second));
    FoundHostRules { rules: earlier.followed_by(later), sources, ..first.clone() }
}

/// What closes the node.
pub(in crate::agent) fn closed() -> FoundHostRules {
    let mut sources = Sources::default();
    FoundHostRules {
        rules: stand_in::host(&mut sources),
        names: Names::built_in(),
        sources,
        soundness: Soundness::Broken,
        texts: HostTexts { main: STAND_IN.to_owned(), ..HostTexts::default() },
    }
}

/// Whether these are the rules that close the node.
pub(in crate::agent) fn is_closed(found: &FoundHostRules) -> bool {
    found.texts.main == STAND_IN
}

/// Files of this machine, and what they looked like from outside when they were asked for: also those that were not
/// there, and what was in a folder.
pub(super) struct Watched<F> {
    pub(super) files: F,
    asked: RefCell<BTreeMap<Question, Answer>>,
}

/// What is asked of files.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Question {
    /// The text of a file.
    Text(String),
    /// What is in a folder.
    Folder(String),
    /// What matches a pattern.
    Pattern(String),
}

/// What there is to compare of an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Answer {
    Stamp(crate::agent::watch::Stamp),
    Names(Option<Vec<String>>),
}

impl<F: Files> Watched<F> {
    /// Nothing was asked yet.
    pub(super) fn new(files: F) -> Self {
        Self { files, asked: RefCell::default() }
    }

    /// Whether any question has another answer by now.
    pub(super) fn are_stale(&self) -> bool {
        self.asked.borrow().iter().any(|(question, answer)| self.answer(question) != *answer)
    }

    /// Everything that was asked.
    pub(super) fn asked(&self) -> Vec<Question> {
        self.asked.borrow().keys().cloned().collect()
    }

    /// Nothing was asked.
    pub(super) fn forget(&self) {
        self.asked.borrow_mut().clear();
    }

    fn note(&self, question: Question) {
        // Before the answer is used: what changes meanwhile then looks stale.
        let answer = self.answer(&question);
        self.asked.borrow_mut().entry(question).or_insert(answer);
    }

    fn answer(&self, question: &Question) -> Answer {
        let sorted = |names: Result<Vec<String>, FileError>| {
            let mut names = names.ok();
            if let Some(names) = &mut names {
                names.sort();
            }
            Answer::Names(names)
        };
        match question {
            Question::Text(path) => Answer::Stamp(crate::agent::watch::stamp(path.as_ref())),
            Question::Folder(path) => sorted(self.files.list(path)),
            Question::Pattern(pattern) => sorted(self.files.glob(pattern)),
        }
    }
}

impl<F: Files> Files for Watched<F> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        self.note(Question::Text(path.to_owned()));
        self.files.read(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FileError> {
        self.note(Question::Folder(folder.to_owned()));
        self.files.list(folder)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        self.note(Question::Pattern(pattern.to_owned()));
        self.files.glob(pattern)
    }
}
