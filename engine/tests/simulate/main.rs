//! The simulator against the kernel: random rulesets, real packets, and the counter of every rule compared.
//!
//! Three network namespaces in a row, a sender, a router with the rules, and a receiver that never answers. Needs root,
//! nft, ip and bash, and says so where they are missing.
#![expect(clippy::disallowed_methods, reason = "the test runs programs, which the crate itself must not")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says why")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where its own premises do not hold")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine::eval::ruleset::{Counted, Journey, receive, send};
use engine::render;
use engine::ruleset::Ruleset;

use crate::lab::{Lab, Probe};

mod generate;
mod lab;

/// How many rulesets; each sees every probe.
const RULESETS: u64 = 10;

/// How often a probe is sent until the two agree.
const ATTEMPTS: usize = 3;

#[test]
fn every_rule_counts_what_the_kernel_counts() {
    let Some(lab) = Lab::new() else {
        eprintln!("skipped: needs root, ip, nft and bash, and the right to make network namespaces");
        return;
    };
    let mut n_counted = 0;
    for seed in 0..RULESETS {
        let ruleset = generate::ruleset(seed);
        let text = render::ruleset(&ruleset);
        lab.load(&text);
        for probe in lab::PROBES {
            let expected = expected(&ruleset, probe);
            n_counted += expected.len();
            // A packet that a busy machine sends twice is no disagreement; what disagrees does so every time.
            let mut counted = lab.send(probe);
            for _ in 1..ATTEMPTS {
                if counted == expected {
                    break;
                }
                counted = lab.send(probe);
            }
            let disagreement = disagreement(&ruleset, &counted, &expected);
            assert!(disagreement.is_empty(), "seed {seed}, {probe:?}\n{disagreement}{text}");
        }
    }
    // A generator whose rules nothing reaches would prove nothing.
    assert!(n_counted > 500, "only {n_counted} rules counted anything");
}

/// A chain and the place of a rule in it.
type Rule = (String, usize);

/// How often each rule counts a probe.
type Counts = BTreeMap<Rule, u64>;

fn expected(ruleset: &Ruleset, probe: &Probe) -> Counts {
    let host = lab::router();
    let packet = probe.packet();
    let Journey { stages, .. } =
        if probe.from_router { send(ruleset, &host, packet) } else { receive(ruleset, &host, packet) };
    let mut counts = Counts::new();
    for counted in stages.into_iter().flat_map(|stage| stage.evaluation.counted) {
        match counted {
            Counted::InRule(rule) => *counts.entry((rule.chain.as_str().into(), rule.index)).or_default() += 1,
            Counted::Named(..) => panic!("the generator makes no named counters"),
        }
    }
    counts
}

/// The rules that the two count differently.
fn disagreement(ruleset: &Ruleset, kernel: &Counts, simulator: &Counts) -> String {
    let mut text = String::new();
    for (name, chain) in ruleset.tables.values().flat_map(|table| &table.chains) {
        for (index, rule) in chain.rules.iter().enumerate() {
            let key = (name.as_str().to_owned(), index);
            let count = |counts: &Counts| counts.get(&key).copied().unwrap_or(0);
            if count(kernel) != count(simulator) {
                let (kernel, simulator) = (count(kernel), count(simulator));
                writeln!(text, "{name}:{index} kernel {kernel}, simulator {simulator}: {}", render::rule(rule))
                    .unwrap();
            }
        }
    }
    text
}
