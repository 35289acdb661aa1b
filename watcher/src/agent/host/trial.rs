//! Host rules on trial: from when they are told until it is known that they cut nothing off.
//!
//! ```text
//! Asking ──answer, or none──► Due ──in force──► OnTrial ──answer──► good
//!                                                 └──no answer in time──► refused: the last good ones again
//! ```
//! What is asked is always asked by a new connection. Whether something answered before the change is found out first:
//! where nothing did, the change is not to blame, and is in force and unproven until something does.
//!
//! Invariant: this module never looks at the clock, and nobody waits in it.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Origin;
use crate::agent::event::FoundHostRules;
use crate::sealed;
use crate::state_dir::StateDir;

/// How long after an attempt failed the next one begins.
const PAUSE: Duration = Duration::from_secs(1);

/// The same where nobody is to blame, and it may take hours.
const LONG_PAUSE: Duration = Duration::from_secs(10);

/// The file of what a next run has to know, and what it begins with.
const NAME: &str = "host-trial";
const HEAD: &str = "palisade-host-trial 1 ";

/// Where the rules of a source are on their way.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Nothing is on trial.
    Idle,
    /// It is asked whether something answers before they are in force.
    Asking(Arc<FoundHostRules>, Question),
    /// They are to be put in force; whether they are to blame if nothing answers then.
    Due(Arc<FoundHostRules>, Blame),
    /// They are in force; until when something has to answer, if they are to blame.
    OnTrial(Arc<FoundHostRules>, Option<Instant>, Question),
    /// An earlier run ended while these texts were on trial, and may have left them in force.
    Inherited(String, Instant, Question),
}

/// Whether rules are taken back if nothing answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Blame {
    /// Something answered before them.
    Theirs,
    /// Nothing did.
    Nobodys,
}

/// One attempt after another.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// The attempt that is under way.
    asked: Option<u64>,
    /// When the next one is due.
    next: Instant,
    pause: Duration,
    /// Why the last one failed.
    pub(super) why: Option<String>,
}

impl Question {
    /// One that is due at once.
    pub(super) fn new(now: Instant, blame: Blame) -> Self {
        let pause = match blame {
            Blame::Theirs => PAUSE,
            Blame::Nobodys => LONG_PAUSE,
        };
        Self { asked: None, next: now, pause, why: None }
    }

    /// The number of the attempt that is to begin now.
    pub(super) fn due(&mut self, now: Instant, next_number: &mut u64) -> Option<u64> {
        if self.asked.is_some() || now < self.next {
            return None;
        }
        *next_number += 1;
        self.asked = Some(*next_number);
        self.asked
    }

    /// Whether this is the attempt that is under way; what began before is of no interest.
    pub(super) fn is_about(&self, number: u64) -> bool {
        self.asked == Some(number)
    }

    /// The attempt failed.
    pub(super) fn failed(&mut self, why: String, now: Instant) {
        (self.asked, self.next, self.why) = (None, now + self.pause, Some(why));
    }
}

impl Stage {
    /// The question that is open.
    pub(super) fn question(&mut self) -> Option<&mut Question> {
        match self {
            Self::Idle | Self::Due(..) => None,
            Self::Asking(_, question) | Self::OnTrial(_, _, question) | Self::Inherited(_, _, question) => {
                Some(question)
            }
        }
    }

    /// Whether what the kernel has may be what is to blame.
    pub(super) fn is_to_blame(&self) -> bool {
        match self {
            Self::Due(_, blame) => *blame == Blame::Theirs,
            Self::OnTrial(_, limit, _) => limit.is_some(),
            Self::Inherited(..) => true,
            Self::Idle | Self::Asking(..) => false,
        }
    }

    /// Whether these very rules are on their way already.
    pub(super) fn is_about(&self, found: &FoundHostRules) -> bool {
        match self {
            Self::Asking(rules, _) | Self::Due(rules, _) | Self::OnTrial(rules, ..) => digest(rules) == digest(found),
            Self::Idle | Self::Inherited(..) => false,
        }
    }
}

/// What tells texts from all others.
pub(super) fn digest(found: &FoundHostRules) -> String {
    let mut hash = Sha256::new();
    let texts = found.texts.texts.iter().flat_map(|(path, text)| [path, text]);
    let listings = found.texts.listings.iter().flat_map(|(asked, names)| std::iter::once(asked).chain(names));
    for part in std::iter::once(&found.texts.main).chain(texts).chain(listings) {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What a next run has to know of the trials.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// Of the file.
    pub(super) file: Entry,
    /// Of the ConfigMap.
    pub(super) config_map: Entry,
}

/// The same of one source, by digests.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// What is on trial, and is to blame if nothing answers.
    pub(super) on_trial: Option<String>,
    /// What is not enforced again, and why.
    pub(super) refused: Option<(String, String)>,
}

impl Record {
    /// What the last run left; nothing where it cannot be read or is damaged.
    pub(super) fn recall(state: &StateDir) -> Self {
        let read = std::fs::read_to_string(state.file(NAME)).ok();
        read.and_then(|whole| serde_json::from_str(sealed::open(HEAD, &whole)?).ok()).unwrap_or_default()
    }

    /// Leaves it to the next run.
    pub(super) fn keep(&self, state: &StateDir) -> io::Result<()> {
        if *self == Self::default() && !state.file(NAME).exists() {
            return Ok(());
        }
        state.replace(NAME, &sealed::seal(HEAD, &(serde_json::to_string(self)? + "\n")))
    }

    pub(super) fn of(&self, origin: Origin) -> &Entry {
        match origin {
            Origin::File => &self.file,
            Origin::ConfigMap => &self.config_map,
        }
    }
}
