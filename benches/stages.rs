//! Each stage by itself, at four sizes: parse, compile, plan, encode.
//!
//! There is no door to the encoder alone, so `encode` is [`Kernel::check`]: the fill is encoded, sent without an end,
//! built and given up by the kernel. It runs in a network namespace of its own and needs root; without, it is left out.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up stops")]
#![expect(clippy::print_stderr, reason = "a bench that is left out says so")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use engine::diff::diff;
use engine::kernel::fake::Fake;
use engine::kernel::{Guard, Kernel, Netlink};
use engine::observed::{Observed, TableFlags};
use engine::plan::Round;
use engine::ruleset::{Ruleset, TableKey};
use watcher::lab::Namespace;

use self::pipeline::{Cluster, Host};

mod pipeline;
mod world;

const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];

/// Ten runs, the fewest that criterion takes: the largest size needs most of a second for one.
const N_SAMPLES: usize = 10;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(N_SAMPLES)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .without_plots()
        .configure_from_args();
    parse(&mut criterion);
    compile(&mut criterion);
    plan(&mut criterion);
    encode(&mut criterion);
    criterion.final_summary();
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for size in SIZES {
        let text = world::manifests(size);
        group.bench_function(BenchmarkId::new("policies", size), |bencher| {
            bencher.iter_with_large_drop(|| Cluster::read(black_box(&text)));
        });
        let text = world::host_rules(size);
        group.bench_function(BenchmarkId::new("host rules", size), |bencher| {
            bencher.iter_with_large_drop(|| Host::read(black_box(&text)));
        });
    }
    group.finish();
}

fn compile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compile");
    for size in SIZES {
        let cluster = Cluster::read(&world::manifests(size));
        group.bench_function(BenchmarkId::new("policies", size), |bencher| {
            bencher.iter_with_large_drop(|| black_box(&cluster).compile());
        });
        for (name, text) in
            [("host rules", world::host_rules(size)), ("host rules, unlike", world::odd_host_rules(size))]
        {
            let host = Host::read(&text);
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter_with_large_drop(|| black_box(&host).compile());
            });
        }
    }
    group.finish();
}

fn plan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    for size in SIZES {
        let desired = Cluster::read(&world::manifests(size)).compile();
        let before = observed(&Cluster::read(&world::manifests(size)).without_first_policy().compile());
        let same = observed(&desired);
        let host = Host::read(&world::host_rules(size)).compile();
        let nothing = Observed::default();
        for (name, observed, desired) in [
            ("policies, from nothing", &nothing, &desired),
            ("policies, one changed", &before, &desired),
            ("policies, nothing to do", &same, &desired),
            ("host rules, from nothing", &nothing, &host),
        ] {
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter_with_large_drop(|| diff(black_box(observed), black_box(desired), TableFlags::default()));
            });
        }
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let namespace = match Namespace::new("encode") {
        Ok(namespace) => namespace,
        Err(error) => {
            eprintln!("encode is left out: {error}");
            return;
        }
    };
    let mut kernel = namespace.run(Netlink::open).unwrap().unwrap();
    let mut group = criterion.benchmark_group("encode");
    for size in SIZES {
        for (name, desired) in [
            ("policies", Cluster::read(&world::manifests(size)).compile()),
            ("host rules", Host::read(&world::host_rules(size)).compile()),
            ("host rules, unlike", Host::read(&world::odd_host_rules(size)).compile()),
        ] {
            let round = first_round(&Observed::default(), &desired);
            let ops = [round.fill, round.flip].concat();
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| kernel.check(black_box(&ops)).unwrap());
            });
        }
    }
    group.finish();
}

/// What a kernel has that was given this ruleset.
fn observed(ruleset: &Ruleset) -> Observed {
    let mut kernel = Fake::current();
    let round = first_round(&Observed::default(), ruleset);
    for ops in [round.fill, round.flip] {
        if !ops.is_empty() {
            kernel.commit(&ops, Guard::None).unwrap();
        }
    }
    let tables: Vec<TableKey> = ruleset.tables.keys().cloned().collect();
    kernel.observe(&tables).unwrap()
}

fn first_round(observed: &Observed, desired: &Ruleset) -> Round {
    diff(observed, desired, TableFlags::default()).rounds.into_iter().next().unwrap()
}
