//! What `/proc` says, read when it is asked for: the agent itself, conntrack, and the reader of the log.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family as Labelled;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Float, now, number, register};

/// A gauge that is absent where nothing can be told.
type Maybe = Labelled<[(&'static str, &'static str); 0], Gauge>;

/// `NETLINK_NETFILTER`.
const NETFILTER: &str = "12";

/// What `/proc` says.
#[derive(Debug)]
pub struct Machine {
    processor: Counter<f64, AtomicU64>,
    memory: Maybe,
    descriptors: Maybe,
    connections: Maybe,
    connections_max: Maybe,
    log_lost: Counter,
    last: Mutex<Last>,
}

/// What was read last.
#[derive(Debug, Default)]
struct Last {
    processor: Duration,
    /// What each reader of a log had lost, by the port of its socket.
    lost: Option<BTreeMap<u32, u64>>,
}

impl Machine {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let begun = Float::default();
        begun.set(now());
        register(registry, "process_start_time_seconds", begun);
        Self {
            processor: register(registry, "process_cpu_seconds_total", Counter::default()),
            memory: register(registry, "process_resident_memory_bytes", Maybe::default()),
            descriptors: register(registry, "process_open_fds", Maybe::default()),
            connections: register(registry, "palisade_conntrack_entries", Maybe::default()),
            connections_max: register(registry, "palisade_conntrack_entries_max", Maybe::default()),
            log_lost: register(registry, "palisade_log_lost_total", Counter::default()),
            last: Mutex::default(),
        }
    }

    /// Reads it all; costs a few system calls.
    pub fn read(&self) {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let count = |path: &str| text(path).trim().parse().ok();
        set(&self.connections, count("/proc/sys/net/netfilter/nf_conntrack_count"));
        set(&self.connections_max, count("/proc/sys/net/netfilter/nf_conntrack_max"));
        set(&self.memory, resident(&text("/proc/self/status")));
        let descriptors = Path::new("/proc/self/fd").read_dir();
        set(&self.descriptors, descriptors.ok().map(|entries| number(entries.count())));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
            let micros = |time: nix::sys::time::TimeVal| {
                let (seconds, rest) = (time.tv_sec(), time.tv_usec());
                Duration::from_micros(u64::try_from(seconds * 1_000_000 + rest).unwrap_or_default())
            };
            let used = micros(usage.user_time()) + micros(usage.system_time());
            self.processor.inc_by(used.saturating_sub(last.processor).as_secs_f64());
            last.processor = used;
        }
        let net = "/proc/thread-self/net";
        let lost = lost(&text(&format!("{net}/netfilter/nfnetlink_log")), &text(&format!("{net}/netlink")));
        if let Some(before) = &last.lost {
            self.log_lost.inc_by(risen(before, &lost));
        }
        last.lost = Some(lost);
    }
}

fn set(gauge: &Maybe, value: Option<i64>) {
    match value {
        Some(value) => drop(gauge.get_or_create(&[]).set(value)),
        None => gauge.clear(),
    }
}

/// `VmRSS: 1234 kB`.
fn resident(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<i64>().ok()?.checked_mul(1024)
}

/// What each reader of a log has lost. `nfnetlink_log` has `GROUP PORT …` of each group that is read; `netlink` has
/// `POINTER PROTOCOL PORT GROUPS RECEIVED SENT DUMP LOCKS DROPS INODE` of each socket, under a heading.
fn lost(groups: &str, sockets: &str) -> BTreeMap<u32, u64> {
    let readers = groups.lines().filter_map(|line| line.split_whitespace().nth(1)?.parse().ok());
    let mut lost: BTreeMap<u32, u64> = readers.map(|port| (port, 0)).collect();
    for line in sockets.lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, protocol, port, _, _, _, _, _, drops, ..] = words.as_slice() else { continue };
        let (Ok(port), Ok(drops)) = (port.parse::<u32>(), drops.parse::<u64>()) else { continue };
        if let Some(of_reader) = lost.get_mut(&port)
            && *protocol == NETFILTER
        {
            *of_reader = drops;
        }
    }
    lost
}

/// What readers lost since. One that is new has lost all of it since, and so has one that has lost less than before: it
/// is another of the same port.
fn risen(before: &BTreeMap<u32, u64>, now: &BTreeMap<u32, u64>) -> u64 {
    now.iter()
        .map(|(port, lost)| lost.checked_sub(before.get(port).copied().unwrap_or_default()).unwrap_or(*lost))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: &str = "    0   4242     0 2 65535    100  1\n   71   4243     0 2 65535    100  1\n";
    const SOCKETS: &str = "\
sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
000000002eea5b83 0   4243       00000000 0        0        0     2        9        4
0000000059934595 12  4243       00000000 0        0        0     2        7        1430
0000000059934596 12  99         00000000 0        0        0     2        5        1431
";

    #[test]
    fn what_readers_of_a_log_lost_is_in_the_list_of_sockets() {
        assert_eq!(lost(GROUPS, SOCKETS), BTreeMap::from([(4242, 0), (4243, 7)]));
        assert_eq!(lost("", SOCKETS), BTreeMap::new());
        let before = BTreeMap::from([(1, 5), (2, 9), (3, 4)]);
        assert_eq!(risen(&before, &BTreeMap::from([(1, 6), (2, 3), (4, 10)])), 1 + 3 + 10);
    }

    #[test]
    fn memory_is_told_in_bytes() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    1234 kB\n"), Some(1234 * 1024));
        assert_eq!(resident("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_is_described() {
        let machine = Machine::new(&mut Registry::default());
        machine.read();
        assert!(machine.memory.get_or_create(&[]).get() > 1 << 20);
        assert!(machine.descriptors.get_or_create(&[]).get() > 2);
        assert!(machine.processor.get() > 0.0);
    }
}
