//! Ready is only who enforces what the sources say.

use std::ops::ControlFlow;

use engine::apply::{Step, apply};
use engine::kernel::{Kernel as _, Netlink};
use engine::observed::TableFlags;
use engine::ruleset::{Family, Ruleset, Table, TableKey};

use super::node::{Node, shuts};
use crate::privilege::{can_make_namespaces, skip};

#[test]
fn it_is_not_ready_as_long_as_it_cannot_apply() {
    if !can_make_namespaces("agent not ready") {
        return;
    }
    let mut node = Node::new();
    node.write("policy.yaml", &shuts("shut"));
    // Somebody else holds our table.
    let mut thief = node.namespace().run(Netlink::open).unwrap().unwrap();
    if !thief.features().persist {
        skip("agent not ready", "this kernel has no tables that outlive their owner");
        return;
    }
    let ruleset = Ruleset { tables: [(TableKey::ours(Family::Inet), Table::default())].into() };
    let flags = TableFlags { owner: true, persist: true };
    apply(&mut thief, &ruleset, flags, &mut |_: Step<'_>| ControlFlow::Continue(())).unwrap();
    node.start(&[]);
    node.wait("it fails again and again", || node.report().is_some_and(|report| report["failures"].as_u64() > Some(1)));
    let (status, why) = node.http("/ready").unwrap();
    assert_eq!((status, why.contains("the last attempt to apply failed")), (503, true), "{why}");
    assert!(why.contains("owned by another process"), "{why}");
    assert_eq!(node.http("/live").unwrap().0, 200);
    assert!(node.metric("palisade_apply_errors_total") >= 2);
    assert_eq!(node.metric("palisade_ready"), 0);
    // Nothing of it is half there.
    node.is("80/TCP  open  shut\nsender  open  open\n");
    drop(thief);
    node.wait("it is ready", || node.http("/ready").is_some_and(|(status, _)| status == 200));
    node.is("80/TCP  open  shut\nsender  open  drop\n");
    assert_eq!(node.report().unwrap()["failures"], 0);
}
