//! What others do to the table.

use std::time::Duration;

use super::node::{Node, opens, shuts};
use crate::privilege::{can_make_namespaces, report};
use crate::swap::load::{laboratory, under_load};

const ONE_SHUT: &str = "80/TCP  open  shut\nsender  open  drop\n";

/// How often others delete the table under load.
const DELETIONS: u32 = 20;

/// Packets a second.
const RATE: u32 = 3_000;

#[test]
fn what_others_delete_is_put_right_while_packets_flow() {
    if !can_make_namespaces("agent drift") {
        return;
    }
    let mut node = Node::of(laboratory());
    node.write("policy.yaml", &format!("{}---\n{}", shuts("shut"), opens("opens")));
    node.start_ready(&["--table-owner", "shared"]);
    let restored = || node.metric("palisade_table_restored_total");
    let ((), account) = under_load(&node.lab, RATE, || {
        for n in 1..=DELETIONS {
            node.namespace().nft("delete table inet palisade").unwrap();
            node.wait("it is put right", || restored() >= u64::from(n));
            assert!(node.is_loaded());
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    // How many leak until it is put right hangs on the machine; none may once it is.
    report(&format!("{DELETIONS} deletions of the table: {} of {} denied leaked", account.leaked, account.denied));
    assert_eq!(account.lost, 0, "{account:?}");
    assert!(account.leaked < account.denied, "{account:?}");
    let ((), after) = under_load(&node.lab, RATE, || std::thread::sleep(Duration::from_millis(300)));
    assert!(after.denied > 0 && (after.lost, after.leaked) == (0, 0), "{after:?}");
    let last = node.report().unwrap()["drift"]["last"].as_str().unwrap().to_owned();
    assert!(last.starts_with("nft (process "), "{last}");
}

#[test]
fn what_others_flush_and_edit_is_put_right_and_their_tables_are_left_alone() {
    if !can_make_namespaces("agent flush") {
        return;
    }
    let mut node = Node::new();
    node.write("policy.yaml", &shuts("shut"));
    node.start_ready(&["--table-owner", "shared"]);
    let restored = || node.metric("palisade_table_restored_total");
    let before = node.namespace().nft_list(&["-s", "list", "table", "inet", "palisade"]).unwrap();
    node.namespace().nft("flush ruleset").unwrap();
    node.wait("the flush is put right", || restored() >= 1);
    node.is(ONE_SHUT);
    node.namespace().nft("flush table inet palisade").unwrap();
    node.wait("the rules are put right", || restored() >= 2);
    node.is(ONE_SHUT);
    assert_eq!(before.len(), node.namespace().nft_list(&["-s", "list", "table", "inet", "palisade"]).unwrap().len());
    // Others' own business is none of ours: neither repaired nor counted, nor touched.
    node.namespace().nft("table inet stranger { chain c { }; }").unwrap();
    node.namespace().nft("add rule inet stranger c accept").unwrap();
    node.write("policy.yaml", "");
    node.becomes("80/TCP  open  shut\nsender  open  open\n");
    assert_eq!(restored(), 2);
    assert!(node.namespace().nft_list(&["list", "ruleset"]).unwrap().contains("table inet stranger"));
}

#[test]
fn a_table_that_is_owned_cannot_be_flushed_or_deleted() {
    if !can_make_namespaces("agent owner") {
        return;
    }
    let mut node = Node::new();
    node.write("policy.yaml", &shuts("shut"));
    node.start_ready(&[]);
    if node.report().unwrap()["owner"] != true {
        crate::privilege::skip("agent owner", "this kernel has no tables that outlive their owner");
        return;
    }
    node.namespace().nft("flush ruleset").unwrap();
    assert!(node.namespace().nft("delete table inet palisade").is_err());
    node.is(ONE_SHUT);
    assert_eq!(node.metric("palisade_table_restored_total"), 0);
}
