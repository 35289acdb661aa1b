//! Taking ferm's rules out of iptables' tables, and putting them back: what `host migrate` does beside loading palisade's.
//!
//! Which of the loaded rules are ferm's, iptables says itself: what the file expands to is loaded by it into a network
//! namespace that is thrown away, and read back in the same spelling as what is loaded here.

pub mod iptables;
pub mod merge;
pub mod removal;
pub mod save;

use engine::kernel::in_scratch;
use policy_lang::host::expand::expand;
use policy_lang::host::rule::{Domain, HostRules};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::iptables::{Extent, Iptables, IptablesError};
use self::merge::merged;
use self::removal::{Removal, removals};
use self::save::Saved;
use crate::last_good::Good;

/// What is loaded of one family in one of its two kinds of tables.
#[derive(Debug)]
pub struct Found {
    /// Whose tables.
    pub iptables: Iptables,
    /// What goes, table by table; nothing of tables that the file does not speak of.
    pub removals: Vec<Removal>,
}

/// What was taken away, for the way back. Counters are not kept: ferm sets them to zero at every load too.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Migration {
    taken: Vec<Taken>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Taken {
    iptables: String,
    before: String,
    after: String,
}

/// Why ferm's rules are not found, not removed or not put back.
#[derive(Debug, Error)]
pub enum MigrationError {
    /// A program of iptables did not do it.
    #[error(transparent)]
    Iptables(#[from] IptablesError),
    /// What the file expands to cannot be loaded into a namespace that is thrown away.
    #[error("which rules are ferm's cannot be told: a network namespace for trying them cannot be made")]
    NoScratch(#[source] engine::kernel::KernelError),
    /// iptables does not take it.
    #[error("which rules are ferm's cannot be told: what the file expands to is not taken by iptables")]
    NotTaken(#[source] IptablesError),
}

impl Good for Migration {
    const WHAT: &'static str = "ferm's rules";
    const NAME: &'static str = "migration";
    const HEAD: &'static str = "palisade-migration 1 ";

    fn body(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    fn of_body(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok()
    }
}

/// Finds the rules of a file among what is loaded.
///
/// # Errors
/// [`MigrationError`]; nothing was changed.
pub fn find(rules: &HostRules) -> Result<Vec<Found>, MigrationError> {
    let mut found = Vec::new();
    for domain in [Domain::Ip, Domain::Ip6] {
        let text = expand(rules, domain);
        if text.is_empty() {
            continue;
        }
        for iptables in Iptables::of(domain) {
            let live = iptables.save()?;
            // A kernel without that kind of tables has nothing there, and could not say how it spells the rules.
            if live.says_anything() {
                let ferm = spelled(&iptables, &text)?;
                found.push(Found { removals: removals(&live, &ferm), iptables });
            }
        }
    }
    Ok(found)
}

/// The text as iptables would print it if it were loaded.
fn spelled(iptables: &Iptables, text: &str) -> Result<Saved, MigrationError> {
    in_scratch(|_| iptables.restore(text, Extent::Whole).and_then(|()| iptables.save()))
        .map_err(MigrationError::NoScratch)?
        .map_err(MigrationError::NotTaken)
}

impl Migration {
    /// What will have been taken away when all of it is.
    pub fn of(found: &[Found]) -> Self {
        let taken = |found: &Found| {
            let needed = found.removals.iter().filter(|removal| removal.is_needed());
            let (before, after) = needed.map(|removal| (removal.before.to_string(), removal.after.to_string())).unzip();
            let taken: Taken = Taken { iptables: found.iptables.name.clone(), before, after };
            (!taken.before.is_empty()).then_some(taken)
        };
        Self { taken: found.iter().filter_map(taken).collect() }
    }

    /// Whether there is nothing to take.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Puts ferm's rules back among what others have changed since. What is there already stays as it is.
    ///
    /// # Errors
    /// [`MigrationError::Iptables`]; whatever could be put back is.
    pub fn put_back(&self) -> Result<Vec<String>, MigrationError> {
        let put = self.taken.iter().map(|taken| taken.put_back().map(|()| taken.iptables.clone()));
        // All are tried before the first failure is told.
        put.collect::<Vec<_>>().into_iter().collect::<Result<_, _>>().map_err(MigrationError::Iptables)
    }
}

impl Taken {
    fn put_back(&self) -> Result<(), IptablesError> {
        let gone = || IptablesError::Gone { program: format!("{}-restore", self.iptables) };
        let iptables = Iptables::named(&self.iptables).ok_or_else(gone)?;
        let (before, after) = (Saved::parse(&self.before), Saved::parse(&self.after));
        let now = iptables.save()?;
        let empty = save::Table::default();
        let table = |saved: &'_ Saved, name: &str| saved.table(name).unwrap_or(&empty).clone();
        // A table that was not reached is as it was.
        let changed = before.tables.iter().filter(|before| now.table(&before.name) != Some(before));
        let back = changed.map(|before| merged(before, &table(&after, &before.name), &table(&now, &before.name)));
        iptables.restore(&Saved { tables: back.collect() }.to_string(), Extent::Whole)
    }
}

impl Found {
    /// Takes ferm's rules away, one table at a time.
    ///
    /// # Errors
    /// [`IptablesError`]; tables before the one that is refused are done.
    pub fn remove(&self) -> Result<(), IptablesError> {
        let mut needed = self.removals.iter().filter(|removal| removal.is_needed());
        needed.try_for_each(|removal| self.iptables.restore(&removal.input, Extent::Changes))
    }
}
