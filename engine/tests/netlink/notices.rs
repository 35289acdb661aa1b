//! Who changed what.

use std::time::Duration;

use engine::kernel::{ChangedKind, Commit, Guard, Kernel, Monitor, Notice, ObjectChange};

use crate::fixture::{add_chain, add_table, name, nft, ours, scratch};

/// Notices are there when the call that commits returns.
const PATIENCE: Duration = Duration::from_secs(5);

#[track_caller]
fn commit(monitor: &mut Monitor) -> Commit {
    match monitor.next(PATIENCE).unwrap() {
        Some(Notice::Commit(commit)) => commit,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_commit_names_its_process_and_our_objects_that_it_changed() {
    scratch(|kernel| {
        kernel.commit(&[add_table(), add_chain("a")], Guard::None).unwrap();
        let mut monitor = Monitor::open([ours()]).unwrap();
        assert_eq!(monitor.next(Duration::from_millis(10)).unwrap(), None);
        nft("add table inet other");
        nft("add rule inet palisade pl_a counter");
        kernel.commit(&[add_chain("b")], Guard::None).unwrap();
        let foreign = commit(&mut monitor);
        assert!(foreign.objects.is_empty());
        let theirs = commit(&mut monitor);
        assert_eq!(&*theirs.process_name, "nft");
        assert_ne!(theirs.process_id, std::process::id());
        let rule = theirs.objects.first().unwrap();
        assert_eq!((rule.kind, &rule.name, rule.change), (ChangedKind::Rule, &name("a"), ObjectChange::Added));
        let own = commit(&mut monitor);
        assert_eq!((own.port, own.generation), (kernel.port(), kernel.generation().unwrap()));
        assert_ne!(theirs.port, kernel.port());
        assert_eq!(own.objects.first().unwrap().kind, ChangedKind::Chain);
    });
}

#[test]
fn commits_that_were_missed_are_told() {
    scratch(|kernel| {
        kernel.commit(&[add_table()], Guard::None).unwrap();
        let mut monitor = Monitor::with_buffer([ours()], 4_096).unwrap();
        for index in 0..200 {
            kernel.commit(&[add_chain(&index.to_string())], Guard::None).unwrap();
        }
        let notices: Vec<_> = std::iter::from_fn(|| monitor.next(Duration::from_millis(1)).unwrap()).collect();
        assert!(notices.contains(&Notice::Lost), "{}", notices.len());
    });
}
