//! What one process measures of one shape at one size, and hands to the one that asked on one line of JSON.

use std::fs;
use std::time::Duration;

use engine::compile::{ForwardMode, Input, compile};
use engine::incremental::{Change, Incremental, Surroundings};
use engine::ruleset::Ruleset;
use nix::time::{ClockId, clock_gettime};
use policy_lang::name::NamespacedName;
use serde::{Deserialize, Serialize};
use stats_alloc::Region;

use crate::ALLOCATOR;
use crate::world::{NODE, World};

/// Changes of which the median counts, twice over.
const N_CHANGES: usize = 10;

/// What every change is compiled with.
const SURROUNDINGS: Surroundings<'static> = Surroundings {
    host: None,
    node: NODE,
    forward_mode: ForwardMode::PodsFirst,
    pods: &engine::compile::options::STANDARD,
    sources: &[],
};

/// Compiles of which the median counts.
const N_COMPILES: usize = 3;

/// Figures of one shape at one size.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Figures {
    /// Policies of the cluster.
    pub(crate) policies: usize,
    /// Pods of the cluster.
    pub(crate) pods: usize,
    /// Processor time of a cold compile, in milliseconds.
    pub(crate) cold_ms: f64,
    /// Allocations of a cold compile.
    pub(crate) cold_allocations: usize,
    /// Processor time of a change of a pod of another node that the node's policies may be about, in milliseconds.
    pub(crate) peer_ms: f64,
    /// The same of a pod of the node.
    pub(crate) local_ms: f64,
    /// What policies and facts take before anything is compiled, in MB resident.
    pub(crate) input_mb: f64,
    /// The most that the process had resident, input included, in MB.
    pub(crate) peak_mb: f64,
    /// Sets of the ruleset.
    pub(crate) sets: usize,
    /// Elements of all sets.
    pub(crate) elements: usize,
    /// Rules of all chains.
    pub(crate) rules: usize,
    /// Rules of the longest chain.
    pub(crate) longest: usize,
}

/// Measures a cluster. One process measures one, so that the peak is its own.
pub(crate) fn figures(world: World) -> Figures {
    let input_mb = resident("VmRSS");
    let mut times = Vec::new();
    let region = Region::new(ALLOCATOR);
    let mut ruleset = cold(&world);
    let cold_allocations = region.change().allocations;
    for _ in 0..N_COMPILES {
        drop(ruleset);
        let (made, time) = timed(|| cold(&world));
        ruleset = made;
        times.push(time);
    }
    let table = ruleset.tables.values().next();
    let sets = || table.iter().flat_map(|table| table.sets.values());
    let chains = || table.iter().flat_map(|table| table.chains.values());
    let figures = Figures {
        policies: world.policies.len(),
        pods: world.inventory.pods.len(),
        cold_ms: median(&mut times),
        cold_allocations,
        input_mb,
        sets: sets().count(),
        elements: sets().map(|set| set.elements.len()).sum(),
        rules: chains().map(|chain| chain.rules.len()).sum(),
        longest: chains().map(|chain| chain.rules.len()).max().unwrap_or_default(),
        ..Figures::default()
    };
    drop(ruleset);
    let World { policies, inventory, peer, local } = world;
    let mut incremental = Incremental::new(policies, inventory, SURROUNDINGS);
    let mut change = |name: Option<NamespacedName>| name.map_or(0.0, |name| changed(&mut incremental, &name));
    let (peer_ms, local_ms) = (change(peer), change(local));
    Figures { peer_ms, local_ms, peak_mb: resident("VmHWM"), ..figures }
}

/// A pod loses its labels and gets them back.
fn changed(incremental: &mut Incremental, name: &NamespacedName) -> f64 {
    let mut times = Vec::new();
    for n in 0..2 * N_CHANGES {
        let mut pod = incremental.facts().1.pods[name].clone();
        let former = std::mem::take(&mut pod.labels);
        let (_, time) = timed(|| incremental.apply(Change::Pod(name.clone(), Some(pod.clone())), SURROUNDINGS));
        times.push(time);
        pod.labels = former;
        let (_, time) = timed(|| incremental.apply(Change::Pod(name.clone(), Some(pod)), SURROUNDINGS));
        // The first change of all copies what the ruleset before shares.
        if n >= N_CHANGES {
            times.push(time);
        }
    }
    median(&mut times)
}

fn cold(world: &World) -> Ruleset {
    compile(&input(world)).0
}

/// What a compile sees.
pub(crate) fn input(world: &World) -> Input<'_> {
    Input {
        policies: &world.policies,
        host: None,
        inventory: &world.inventory,
        node: NODE,
        forward_mode: ForwardMode::default(),
        pods: &engine::compile::options::STANDARD,
        sources: &[],
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let now = || Duration::from(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap());
    let before = now();
    let result = work();
    (result, now().saturating_sub(before))
}

/// In milliseconds.
fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

/// A line of /proc/self/status, in MB.
fn resident(line: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kilobytes: f64 = found.and_then(|text| text.split_whitespace().next()).unwrap().parse().unwrap();
    kilobytes / 1024.0
}
