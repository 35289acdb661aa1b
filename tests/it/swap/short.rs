//! The same in small, for a machine whose processors are emulated.

use std::env;

use super::load::laboratory;
use super::text::{Naive, Text, Torn};
use super::{Effort, describe, sustain, sustain_engine};
use crate::privilege::{can_make_namespaces, report};

/// Structural swaps of the engine, unless `PALISADE_SWAPS` says another number.
const SWAPS: u32 = 50;
/// Packets a second of all one-way flows together, unless `PALISADE_SWAP_RATE` says another number.
const RATE: u32 = 6_000;
/// How often the naive swapper may get away with it; on idle machines it loses packets in nearly every round.
const ROUNDS_MAX: u32 = 10;
/// Generations that come in turn; each is compiled eight times before the first swap.
const GENERATIONS: u32 = 4;

#[test]
fn the_engine_loses_and_leaks_nothing() {
    if !can_make_namespaces("short::the_engine") {
        return;
    }
    sustain_engine(Effort { swaps: number("PALISADE_SWAPS", SWAPS), touches: 10, rate: rate() }, GENERATIONS);
}

#[test]
fn torn_text_is_seen_to_leak() {
    if !can_make_namespaces("short::torn_text") {
        return;
    }
    let lab = laboratory();
    let effort = Effort { swaps: 5, touches: 0, rate: rate() };
    let account = sustain(&lab, &mut Torn(Text::new(&lab)), effort);
    report(&describe("torn text", effort, &account));
    assert!(account.leaked > 0, "{account:?}");
}

#[test]
fn naive_text_is_caught() {
    if !can_make_namespaces("short::naive_text") {
        return;
    }
    let lab = laboratory();
    let effort = Effort { swaps: 20, touches: 0, rate: rate() };
    for _ in 0..ROUNDS_MAX {
        let account = sustain(&lab, &mut Naive(Text::new(&lab)), effort);
        report(&describe("naive text", effort, &account));
        if account.lost > 0 || account.leaked > 0 {
            return;
        }
        lab.namespace("router").unwrap().nft("delete table inet swapped").unwrap();
    }
    panic!("{} naive swaps lost and leaked nothing: this load proves nothing", ROUNDS_MAX * effort.swaps);
}

fn rate() -> u32 {
    number("PALISADE_SWAP_RATE", RATE)
}

fn number(variable: &str, default: u32) -> u32 {
    env::var(variable).map_or(default, |text| text.parse().unwrap())
}
