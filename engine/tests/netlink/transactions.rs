//! Changes of what is there.

use std::thread;
use std::time::Duration;

use engine::kernel::{Guard, Kernel, Netlink};
use engine::observed::TableFlags;
use engine::plan::{OpKind, RulePosition};
use engine::ruleset::{Comment, Expr, Rule};

use crate::fixture::{add_chain, add_rule, add_table, comments, name, op, ours, scratch, table};

#[test]
fn rules_are_added_before_others_deleted_and_flushed() {
    scratch(|kernel| {
        let counted = |comment| add_rule("a", comment, vec![Expr::Counter]);
        kernel.commit(&[add_table(), add_chain("a"), counted("1"), counted("3")], Guard::None).unwrap();
        let handles: Vec<_> = table(kernel).chains[&name("a")].rules.iter().map(|rule| rule.handle).collect();
        let rule = Rule { exprs: vec![Expr::Notrack], comment: Some(Comment::new("2")) };
        let before = RulePosition::Before(handles[1]);
        kernel.commit(&[op(OpKind::AddRule { chain: name("a"), position: before, rule })], Guard::None).unwrap();
        assert_eq!(comments(kernel, "a"), ["1", "2", "3"]);
        kernel.commit(&[op(OpKind::DeleteRule { chain: name("a"), handle: handles[0] })], Guard::None).unwrap();
        assert_eq!(comments(kernel, "a"), ["2", "3"]);
        let refill = [op(OpKind::FlushChain(name("a"))), counted("4")];
        kernel.commit(&refill, Guard::None).unwrap();
        assert_eq!(comments(kernel, "a"), ["4"]);
        let remove = [op(OpKind::FlushChain(name("a"))), op(OpKind::DeleteChain(name("a")))];
        kernel.commit(&remove, Guard::None).unwrap();
        assert!(table(kernel).chains.is_empty());
        kernel.commit(&[op(OpKind::DeleteTable)], Guard::None).unwrap();
        assert!(kernel.observe(&[ours()]).unwrap().tables.is_empty());
    });
}

#[test]
fn an_orphan_is_adopted() {
    scratch(|kernel| {
        if !kernel.features().persist {
            eprintln!("skipped: this kernel's tables do not outlive their owner");
            return;
        }
        let flags = TableFlags { owner: true, persist: true };
        let claim = op(OpKind::AddTable { flags, comment: Some(Comment::new("ours")) });
        let mut first = Netlink::open().unwrap();
        first.commit(&[claim.clone(), add_chain("a")], Guard::None).unwrap();
        drop(first);
        assert!(becomes_an_orphan(kernel));
        kernel.commit(&[claim], Guard::None).unwrap();
        assert_eq!(table(kernel).flags, flags);
        assert_eq!(table(kernel).chains.len(), 1);
    });
}

#[test]
fn programs_that_are_run_do_not_inherit_the_owner() {
    scratch(|kernel| {
        if !kernel.features().persist {
            eprintln!("skipped: this kernel's tables do not outlive their owner");
            return;
        }
        let flags = TableFlags { owner: true, persist: true };
        let mut first = Netlink::open().unwrap();
        first.commit(&[op(OpKind::AddTable { flags, comment: None })], Guard::None).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        drop(first);
        let is_orphan = becomes_an_orphan(kernel);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_orphan);
    });
}

/// Waits a moment: while another test starts a program, that has our sockets until it is running.
fn becomes_an_orphan(kernel: &mut Netlink) -> bool {
    (0..200).any(|_| {
        thread::sleep(Duration::from_millis(10));
        table(kernel).flags == TableFlags { owner: false, persist: true }
    })
}

#[test]
fn nothing_is_sent_for_nothing() {
    scratch(|kernel| {
        let before = kernel.generation().unwrap();
        kernel.commit(&[], Guard::None).unwrap();
        kernel.check(&[]).unwrap();
        assert_eq!(kernel.generation().unwrap(), before);
    });
}

#[test]
fn named_counters_and_quotas_are_read_with_what_they_count() {
    scratch(|kernel| {
        let ops = [
            add_table(),
            op(OpKind::AddCounter { name: name("c"), comment: Some(Comment::new("np.yaml:1")) }),
            op(OpKind::AddQuota { name: name("q"), quota: engine::ruleset::Quota { bytes: 1 << 40, over: true } }),
        ];
        kernel.commit(&ops, Guard::None).unwrap();
        let read = table(kernel);
        assert_eq!(read.counters[&name("c")].comment, Some(Comment::new("np.yaml:1")));
        assert_eq!(read.counters[&name("c")].packets, 0);
        assert_eq!(read.quotas[&name("q")].bytes, 1 << 40);
        let gone = [op(OpKind::DeleteCounter(name("c"))), op(OpKind::DeleteQuota(name("q")))];
        kernel.commit(&gone, Guard::None).unwrap();
        assert!(table(kernel).counters.is_empty() && table(kernel).quotas.is_empty());
    });
}
