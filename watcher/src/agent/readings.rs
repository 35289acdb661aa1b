//! Reads the counters of denied packets when somebody asks for metrics, on a thread with a socket of its own.
//!
//! Invariant: however often and by however many it is asked, the kernel is read once in [`FRESH`].

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use engine::apply::our_tables;
use engine::kernel::{Kernel, KernelError, Netlink};
use tokio::sync::oneshot;
use tokio::time;
use tracing::warn;

use super::board::Board;
use crate::drops;

/// For how long a reading is good. Counters of ten thousand places take some ten milliseconds.
pub const FRESH: Duration = Duration::from_secs(5);

/// How long somebody waits for a reading; then the last one is shown.
const PATIENCE: Duration = Duration::from_secs(1);

/// Most who wait for a reading; others are shown the last one.
const WAITING: usize = 16;

/// Asks for a reading.
#[derive(Clone, Debug)]
pub struct Readings(SyncSender<oneshot::Sender<()>>);

impl Readings {
    /// Begins, with what the counters have now. As many policies as this have a metric of their own.
    ///
    /// What is denied from here on is counted: nothing that comes later is ready before this has been read.
    pub fn start(board: Arc<Board>, policies_max: usize) -> Self {
        let (sender, receiver) = sync_channel(WAITING);
        let mut kernel = None;
        read(&mut kernel, &board, policies_max);
        thread::spawn(move || answer(&receiver, kernel, &board, policies_max));
        Self(sender)
    }

    /// Waits for a reading that is fresh, but not for long.
    pub async fn refresh(&self) {
        let (done, wait) = oneshot::channel();
        if self.0.try_send(done).is_ok() {
            let _too_late = time::timeout(PATIENCE, wait).await;
        }
    }
}

fn answer(asked: &Receiver<oneshot::Sender<()>>, mut kernel: Option<Netlink>, board: &Board, policies_max: usize) {
    let mut last = Instant::now();
    for done in asked {
        if last.elapsed() >= FRESH {
            read(&mut kernel, board, policies_max);
            last = Instant::now();
        }
        // Whoever asked may have gone.
        let _: Result<(), ()> = done.send(());
    }
}

fn read(kernel: &mut Option<Netlink>, board: &Board, policies_max: usize) {
    let packets = &board.metrics.packets;
    match places(kernel, policies_max) {
        Ok(places) => packets.count(&places, policies_max),
        Err(error) => {
            packets.reading_errors.inc();
            warn!(event = "counters-not-read", %error);
            // The next one begins with a new socket.
            *kernel = None;
        }
    }
}

fn places(kernel: &mut Option<Netlink>, policies_max: usize) -> Result<Vec<drops::CountedPlace>, KernelError> {
    let kernel = match kernel {
        Some(kernel) => kernel,
        None => kernel.insert(Netlink::open()?),
    };
    let mut places = Vec::new();
    for key in our_tables() {
        let counters = kernel.counters(&key)?;
        // The policy is in the comments of rules, and those cost more to read than the counters.
        let wants_rules = policies_max > 0 && !counters.is_empty();
        let rules = if wants_rules { kernel.counting_rules(&key)? } else { std::collections::BTreeMap::new() };
        places.extend(drops::places(&counters, &rules));
    }
    drops::sort(&mut places);
    Ok(places)
}
