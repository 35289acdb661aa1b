//! Many agents as the API server sees them: the agent's own source, which asks, watches and reads as on a node, with
//! nobody behind it who compiles.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use watcher::agent::cluster::{Cluster, Options};
use watcher::agent::event::{Event, Hear, Source as _, channel};

/// How long all of them may take to be in sync.
const LIMIT: Duration = Duration::from_secs(600);

pub(crate) struct Fleet {
    ears: Vec<Hear>,
    n_sources: usize,
}

impl Fleet {
    /// Starts so many, all at once, as after a rollout of the worst kind.
    pub(crate) fn start(size: usize, kubeconfig: &Path) -> Self {
        let mut n_sources = 0;
        let start = |_| {
            let options = Options { kubeconfig: Some(kubeconfig.to_owned()), ..Options::default() };
            let cluster = Box::new(Cluster::new(options));
            n_sources = cluster.names().len();
            let (tell, hear) = channel();
            thread::spawn(move || cluster.run(tell));
            hear
        };
        Self { ears: (0..size).map(start).collect(), n_sources }
    }

    /// Waits until each has heard everything once; how long that took.
    pub(crate) fn until_in_sync(&self) -> Duration {
        let begun = Instant::now();
        let mut missing: Vec<usize> = self.ears.iter().map(|_| self.n_sources).collect();
        while missing.iter().any(|missing| *missing > 0) {
            assert!(begun.elapsed() < LIMIT, "not in sync: {missing:?}");
            let mut n_heard = 0;
            for (hear, missing) in self.ears.iter().zip(&mut missing) {
                while let Some(message) = hear.at_hand() {
                    n_heard += 1;
                    // One that is refused by a busy server asks again by itself.
                    if matches!(message.event, Event::InSync) {
                        *missing = missing.saturating_sub(1);
                    }
                }
            }
            if n_heard == 0 {
                thread::sleep(Duration::from_millis(5));
            }
        }
        begun.elapsed()
    }

    /// Hears so many changes on each of them; when each had heard the last.
    pub(crate) fn hear(&self, n_changes: usize) -> Vec<Instant> {
        let mut heard: Vec<usize> = self.ears.iter().map(|_| 0).collect();
        let mut done: Vec<Option<Instant>> = vec![None; self.ears.len()];
        let begun = Instant::now();
        while done.iter().any(Option::is_none) {
            assert!(begun.elapsed() < LIMIT, "not everybody heard of {n_changes}: {heard:?}");
            let mut is_idle = true;
            for ((hear, heard), done) in self.ears.iter().zip(&mut heard).zip(&mut done) {
                while let Some(message) = hear.at_hand() {
                    is_idle = false;
                    if let Event::Changed(changes) = &message.event {
                        *heard += changes.len();
                    }
                    if *heard >= n_changes {
                        done.get_or_insert(message.at);
                    }
                }
            }
            if is_idle {
                thread::sleep(Duration::from_millis(1));
            }
        }
        done.into_iter().flatten().collect()
    }
}
