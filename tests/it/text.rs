//! Two ways into the kernel, one result: what netlink loads and what nft loads from the text are listed the same.
//!
//! The table's flags are left out: nft 1.0.6 cannot parse the persist flag that it is to print.

use std::ops::ControlFlow;
use std::process::Command;

use engine::apply::apply;
use engine::kernel::{Kernel, Netlink};
use engine::observed::TableFlags;
use engine::render;
use engine::ruleset::Ruleset;
use watcher::lab::Namespace;

use crate::golden::{cases, compiled};
use crate::privilege::can_make_namespaces;

#[test]
fn netlink_and_text_give_the_same_listing_for_every_golden_case() {
    if !can_make_namespaces("text") {
        return;
    }
    for case in cases() {
        let ruleset = compiled(&case);
        let by_netlink = Namespace::new("netlink").unwrap();
        load(&by_netlink, &ruleset);
        let by_text = Namespace::new("text").unwrap();
        by_text.nft(&render::ruleset(&ruleset)).unwrap();
        assert_eq!(listing(&by_netlink), typed(&listing(&by_text)), "{}", case.display());
    }
}

#[test]
fn a_second_process_adopts_what_it_finds_and_changes_nothing() {
    if !can_make_namespaces("adopt") {
        return;
    }
    for case in cases() {
        let ruleset = compiled(&case);
        let namespace = Namespace::new("adopt").unwrap();
        assert!(load(&namespace, &ruleset) > 0);
        let generation = || namespace.run(|| Netlink::open().unwrap().generation().unwrap()).unwrap();
        let before = generation();
        assert_eq!(load(&namespace, &ruleset), 0, "{}", case.display());
        assert_eq!(generation(), before);
    }
}

/// Applies a ruleset from a new socket and returns how many transactions that took.
fn load(namespace: &Namespace, ruleset: &Ruleset) -> u32 {
    let apply =
        || apply(&mut Netlink::open().unwrap(), ruleset, TableFlags::default(), &mut |_| ControlFlow::Continue(()));
    namespace.run(apply).unwrap().unwrap().n_commits
}

/// A listing with numbers for what nft gives no type: of a set of `ct original proto-dst` that it read as text behind
/// `meta l4proto icmp`, it forgets that its keys are ports.
fn typed(listing: &str) -> String {
    let mut parts: Vec<&str> = listing.split(" [invalid type]").collect();
    let rest = parts.pop().unwrap();
    let numbered = parts.into_iter().map(|part| {
        let (before, digits) = part.rsplit_once("0x").unwrap();
        format!("{before}{}", u32::from_str_radix(digits, 16).unwrap())
    });
    numbered.chain([rest.to_owned()]).collect()
}

fn listing(namespace: &Namespace) -> String {
    let output = namespace.output(Command::new("nft").args(["list", "ruleset"]), "").unwrap();
    String::from_utf8(output.stdout).unwrap()
}
