//! The conformance suite on nf_tables itself; engine's own tests run it on the fake.

use engine::kernel::Netlink;
use engine::kernel::conformance::{Ending, kernel_conformance};
use watcher::lab::Namespace;

use crate::privilege::{can_make_namespaces, report};

#[test]
fn conformance() {
    if !can_make_namespaces("kernel::conformance") {
        return;
    }
    // A socket stays in the namespace that it was opened in.
    let endings = kernel_conformance(|| Namespace::new("kernel").unwrap().run(|| Netlink::open().unwrap()).unwrap());
    let count = |wanted: fn(&Ending) -> bool| endings.iter().filter(|(_, ending)| wanted(ending)).count();
    let passed = count(|ending| *ending == Ending::Passed);
    let skipped = count(|ending| *ending == Ending::Skipped);
    report(&format!("conformance: {passed} cases passed, {skipped} that this kernel has no feature for"));
    for (name, _) in endings.iter().filter(|(_, ending)| *ending == Ending::Skipped) {
        report(&format!("not asked of this kernel: {name}"));
    }
    let failed: Vec<_> = endings
        .iter()
        .filter_map(|(name, ending)| match ending {
            Ending::Failed(deviation) => Some(format!("{name}: {deviation}")),
            Ending::Passed | Ending::Skipped => None,
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(passed > skipped, "next to nothing was tried");
}
