//! What the agent of this node answers, and for how long that is good.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::agent::{ask, serve};
use crate::drops::Owner;
use crate::run_dir::RunDir;

/// For how long an answer is good: an address may have another owner then.
const FRESH: Duration = Duration::from_secs(2);

/// Most answers that are kept.
const KEPT_MAX: usize = 4096;

/// For how long an agent that did not answer is not asked again.
const REST: Duration = Duration::from_secs(2);

/// The agent of this node, and what it answered.
pub(super) struct Agent {
    socket: PathBuf,
    known: BTreeMap<IpAddr, (Instant, Vec<Owner>)>,
    silent_since: Option<Instant>,
}

impl Agent {
    pub(super) fn of(run: &RunDir) -> Self {
        Self { socket: run.file(serve::SOCKET), known: BTreeMap::new(), silent_since: None }
    }

    /// Whether one runs.
    pub(super) fn answers(&self) -> bool {
        ask::owners(&self.socket, &[]).is_ok()
    }

    /// Who has these addresses; nothing if no agent answers, or it does not know yet.
    pub(super) fn owners(&mut self, addresses: [IpAddr; 2]) -> Option<[Vec<Owner>; 2]> {
        let is_fresh = |(at, _): &(Instant, Vec<Owner>)| at.elapsed() < FRESH;
        if !addresses.iter().all(|address| self.known.get(address).is_some_and(is_fresh)) {
            self.ask(&addresses)?;
        }
        Some(addresses.map(|address| self.known.get(&address).map(|(_, owners)| owners.clone()).unwrap_or_default()))
    }

    fn ask(&mut self, addresses: &[IpAddr]) -> Option<()> {
        if self.silent_since.is_some_and(|at| at.elapsed() < REST) {
            return None;
        }
        let Some(answer) = ask::owners(&self.socket, addresses).ok().flatten() else {
            self.silent_since = Some(Instant::now());
            return None;
        };
        self.silent_since = None;
        if self.known.len() > KEPT_MAX {
            self.known.clear();
        }
        let now = Instant::now();
        self.known.extend(answer.into_iter().map(|(address, owners)| (address, (now, owners))));
        Some(())
    }
}
