//! Sustained swaps under load: no packet that is allowed is lost, no packet that is denied passes, and a swapper that
//! loses or leaks is caught.

mod cluster;
mod engine;
mod host;
pub(crate) mod load;
mod short;
mod slow;
mod text;

use ::engine::kernel::Netlink;

use self::engine::Engine;
use self::load::{Account, laboratory, under_load};
use self::text::{Careful, Naive, Text, Torn};
use crate::privilege::{can_make_namespaces, report};

/// Something that changes the router's ruleset from one generation to the next, in meaning always the same: the sender
/// reaches `open` and nobody else.
pub(crate) trait Swapper {
    /// Loads the first ruleset, generation 0.
    fn install(&mut self);
    /// Goes from the generation before to this one: other chains, other sets.
    fn swap(&mut self, generation: u32);
    /// Changes elements only; updates are numbered from 0 within all generations.
    fn touch(&mut self, generation: u32, update: u32);
}

/// How much is done, and under how many packets a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Structural swaps.
    pub(crate) swaps: u32,
    /// Element updates after each of them.
    pub(crate) touches: u32,
    /// Packets a second of all one-way flows together that are sent.
    pub(crate) rate: u32,
}

/// Installs, swaps and updates under load.
pub(crate) fn sustain(lab: &watcher::lab::Lab, swapper: &mut impl Swapper, effort: Effort) -> Account {
    swapper.install();
    let ((), account) = under_load(lab, effort.rate, || {
        for generation in 1..=effort.swaps {
            swapper.swap(generation);
            for touch in 0..effort.touches {
                swapper.touch(generation, (generation - 1) * effort.touches + touch);
            }
        }
    });
    assert!(account.allowed > 0 && account.denied > 0, "no load: {account:?}");
    let (one_way, passed) = account.flows["allowed_v4"];
    assert!(one_way > 0 && passed > 0, "the one-way flow does not flow: {account:?}");
    account
}

fn describe(name: &str, effort: Effort, account: &Account) -> String {
    format!(
        "{name}: {} swaps and {} element updates under {:.0} packets a second: {} of {} allowed lost, {} of {} denied leaked",
        effort.swaps,
        effort.swaps * effort.touches,
        account.rate,
        account.lost,
        account.allowed,
        account.leaked,
        account.denied
    )
}

#[test]
fn careful_text_loses_and_leaks_nothing() {
    if !can_make_namespaces("careful_text") {
        return;
    }
    let lab = laboratory();
    let effort = Effort { swaps: 100, touches: 10, rate: 60_000 };
    let account = sustain(&lab, &mut Careful(Text::new(&lab)), effort);
    report(&describe("careful text", effort, &account));
    assert_eq!((account.lost, account.leaked), (0, 0), "{account:?}");
}

#[test]
fn naive_text_is_caught() {
    if !can_make_namespaces("naive_text") {
        return;
    }
    let lab = laboratory();
    let effort = Effort { swaps: 100, touches: 0, rate: 60_000 };
    for _ in 0..10 {
        let account = sustain(&lab, &mut Naive(Text::new(&lab)), effort);
        report(&describe("naive text", effort, &account));
        if account.lost > 0 || account.leaked > 0 {
            return;
        }
        lab.namespace("router").unwrap().nft("delete table inet swapped").unwrap();
    }
    panic!("1,000 naive swaps lost and leaked nothing: this load proves nothing");
}

#[test]
fn torn_text_is_seen_to_leak() {
    if !can_make_namespaces("torn_text") {
        return;
    }
    let lab = laboratory();
    let effort = Effort { swaps: 10, touches: 0, rate: 60_000 };
    let account = sustain(&lab, &mut Torn(Text::new(&lab)), effort);
    report(&describe("torn text", effort, &account));
    assert!(account.leaked > 0, "{account:?}");
}

#[test]
fn the_engine_loses_and_leaks_nothing() {
    if !can_make_namespaces("the_engine") {
        return;
    }
    let account = sustain_engine(Effort { swaps: 1000, touches: 10, rate: 60_000 }, 16);
    assert!(account.rate >= 50_000.0, "too little load to prove it: {account:?}");
}

/// Goes through this many generations, again and again: few where compiling takes long.
fn sustain_engine(effort: Effort, generations: u32) -> Account {
    let lab = laboratory();
    let kernel = lab.namespace("router").unwrap().run(Netlink::open).unwrap().unwrap();
    let account = sustain(&lab, &mut Engine::new(kernel, generations), effort);
    report(&describe("engine", effort, &account));
    assert_eq!((account.lost, account.leaked), (0, 0), "{account:?}");
    account
}
