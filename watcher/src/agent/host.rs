//! The host rules of every source, and which of them are enforced.
//!
//! A file on the node and a ConfigMap can both hold host rules. In each chain those of the file come first, and where both
//! give a chain a policy the file's holds: what is written on a node is not undone from elsewhere.
//!
//! Invariant: what is broken, or gone, never takes back what was good. Only where nothing ever was good is the node closed
//! to what is new.

use std::sync::Arc;

use engine::compile::builder::TableBuilder;
use engine::compile::host;
use policy_lang::diagnostic::Severity;

pub use self::file::HostFile;
use self::reading::{both, closed};
use super::event::{FoundHostRules, Soundness, SourceName};

mod file;
pub(super) mod reading;

/// Where host rules come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// A file on the node.
    File,
    /// A ConfigMap.
    ConfigMap,
}

/// The good host rules of each source, to be kept.
#[derive(Clone, Debug, Default)]
pub struct Good {
    /// Those of the file.
    pub file: Option<Arc<FoundHostRules>>,
    /// Those of the ConfigMap.
    pub config_map: Option<Arc<FoundHostRules>>,
}

/// Every source of host rules.
#[derive(Debug)]
pub struct HostFirewall {
    file: Slot,
    config_map: Slot,
    /// Bits of the connection mark that are not the host rules' to write.
    reserved_mark: u32,
}

/// One source.
#[derive(Debug)]
struct Slot {
    origin: Origin,
    /// Whether it has said anything.
    has_answered: bool,
    /// The last that were good.
    good: Option<Arc<FoundHostRules>>,
    /// Those that are to be in force.
    enforced: Option<Arc<FoundHostRules>>,
    /// Why they are not those that were told last.
    fault: Option<String>,
}

impl Origin {
    /// Of whom a source tells.
    pub fn of(source: &SourceName) -> Option<Self> {
        [Self::File, Self::ConfigMap].into_iter().find(|origin| origin.source() == *source)
    }

    /// Who tells of them.
    pub fn source(self) -> SourceName {
        match self {
            Self::File => SourceName::host(),
            Self::ConfigMap => SourceName::host_config_map(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::File => "the host rules of the node",
            Self::ConfigMap => "the host rules of the ConfigMap",
        }
    }
}

impl Good {
    /// Those of the sources that there are, together.
    pub fn together(&self) -> Option<Arc<FoundHostRules>> {
        together(self.file.as_ref(), self.config_map.as_ref())
    }
}

impl HostFirewall {
    /// What was kept of these sources; of others nothing is of interest any more.
    pub fn new(kept: &Good, sources: &[SourceName], reserved_mark: u32) -> Self {
        let slot = |origin: Origin, good: &Option<Arc<FoundHostRules>>| {
            let good = good.clone().filter(|_| sources.contains(&origin.source()));
            Slot { origin, has_answered: false, good, enforced: None, fault: None }
        };
        Self {
            file: slot(Origin::File, &kept.file),
            config_map: slot(Origin::ConfigMap, &kept.config_map),
            reserved_mark,
        }
    }

    /// A source has these now, or none.
    pub fn tell(&mut self, origin: Origin, found: Option<Arc<FoundHostRules>>) {
        let reserved = self.reserved_mark;
        let slot = self.slot(origin);
        slot.has_answered = true;
        match found {
            None => slot.are_gone(),
            Some(found) => match fault(&found, reserved) {
                Some(why) => slot.are_broken(&why),
                None => slot.are_sound(found),
            },
        }
    }

    /// What is to be in force.
    pub fn enforced(&self) -> Option<Arc<FoundHostRules>> {
        together(self.file.enforced.as_ref(), self.config_map.enforced.as_ref())
    }

    /// The same with what was kept of those that have not said anything.
    pub fn with_kept(&self) -> Option<Arc<FoundHostRules>> {
        let of = |slot: &Slot| if slot.has_answered { slot.enforced.clone() } else { slot.good.clone() };
        together(of(&self.file).as_ref(), of(&self.config_map).as_ref())
    }

    /// What is good, to be kept.
    pub fn good(&self) -> Good {
        Good { file: self.file.good.clone(), config_map: self.config_map.good.clone() }
    }

    /// Why other host rules are in force than were told last.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        [&self.file, &self.config_map].into_iter().filter_map(|slot| slot.fault.as_deref())
    }

    fn slot(&mut self, origin: Origin) -> &mut Slot {
        match origin {
            Origin::File => &mut self.file,
            Origin::ConfigMap => &mut self.config_map,
        }
    }
}

impl Slot {
    fn are_sound(&mut self, found: Arc<FoundHostRules>) {
        self.fault = None;
        self.good = Some(Arc::clone(&found));
        self.enforced = Some(found);
    }

    fn are_broken(&mut self, why: &str) {
        let rest = if self.good.is_some() { "the last good ones stay" } else { "nothing new comes in to the node" };
        self.fault = Some(format!("{} are broken, and {rest}: {why}", self.origin.words()));
        self.enforced = Some(self.good.clone().unwrap_or_else(|| Arc::new(closed())));
    }

    /// Whoever could delete them by mistake, or by intent, must not open the node with it.
    fn are_gone(&mut self) {
        let words = self.origin.words();
        self.fault = self.good.as_ref().map(|_| {
            format!("{words} are gone: the last good ones stay enforced; write some without a rule to end them")
        });
        self.enforced.clone_from(&self.good);
    }
}

/// Why rules cannot be enforced as written.
fn fault(found: &FoundHostRules, reserved_connection_mark: u32) -> Option<String> {
    if found.soundness == Soundness::Broken {
        return Some("they could not be read".to_owned());
    }
    let options = host::Options { names: &found.names, sources: &found.sources, reserved_connection_mark };
    let findings = host::lower(&found.rules, &mut TableBuilder::default(), options);
    findings.into_iter().find(|finding| finding.severity == Severity::Error).map(|finding| finding.message)
}

/// Those of the file, and then those of the ConfigMap. What closes the node closes it whatever the other one opens.
fn together(
    file: Option<&Arc<FoundHostRules>>,
    config_map: Option<&Arc<FoundHostRules>>,
) -> Option<Arc<FoundHostRules>> {
    match (file, config_map) {
        (None, None) => None,
        (Some(only), None) | (None, Some(only)) => Some(Arc::clone(only)),
        (Some(closed), Some(_)) | (Some(_), Some(closed)) if reading::is_closed(closed) => Some(Arc::clone(closed)),
        (Some(file), Some(config_map)) => Some(Arc::new(both(file, config_map))),
    }
}
