//! Loading a compiled ruleset: ours by netlink against `nft -f` of the same ruleset as text.
//!
//! Ours is what the thread spends that opens the socket, observes, plans, encodes and commits; nft's is what its
//! process spends, its start included, which the last row shows by itself.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use engine::apply::apply;
use engine::kernel::Netlink;
use engine::observed::TableFlags;
use engine::render;
use engine::ruleset::Ruleset;
use watcher::lab::Namespace;

use super::cost;
use super::pipeline::{Cluster, Host};
use super::shape;
use super::table::{Goal, Row, Series, Table};
use super::world;

/// Where rules fold into sets.
const FOLDED: Goal = Goal::AtMost(0.5);
/// Where they do not.
const UNFOLDED: Goal = Goal::AtMost(0.8);

/// How often each is measured.
const ROUNDS: usize = 5;

/// A ruleset, and the same with one line changed.
struct Shape {
    name: &'static str,
    goal: Goal,
    first: Loadable,
    second: Loadable,
}

struct Loadable {
    ruleset: Ruleset,
    /// nft's way: what is there goes and this comes, in one transaction.
    text: PathBuf,
}

/// The table.
pub(crate) fn table() -> Table {
    let mut rows = Vec::new();
    for shape in shapes() {
        let mut series = [("fresh", "palisade"), ("fresh", "nft -f"), ("reload", "palisade"), ("reload", "nft -f")]
            .map(|(_, name)| Series::new(name));
        for _ in 0..ROUNDS {
            let ours = Namespace::new("ours").unwrap();
            let peers = Namespace::new("peers").unwrap();
            let spent = [
                by_netlink(&ours, &shape.first),
                by_nft(&peers, &shape.first),
                by_netlink(&ours, &shape.second),
                by_nft(&peers, &shape.second),
            ];
            for (series, spent) in series.iter_mut().zip(spent) {
                series.figures.push(milliseconds(spent));
            }
        }
        let [fresh, fresh_peer, reload, reload_peer] = series;
        for (case, subject, peer) in [("fresh", fresh, fresh_peer), ("reload", reload, reload_peer)] {
            rows.push(Row {
                case: format!("{}, {case}", shape.name),
                subject,
                peer,
                inverted: false,
                goal: shape.goal,
            });
        }
    }
    rows.push(start());
    Table { name: "load", title: "Loading a compiled ruleset", unit: "ms of CPU", ratio: "palisade / nft", rows }
}

/// What nft and we spend on nothing.
fn start() -> Row {
    let mut subject = Series::new("palisade");
    let mut peer = Series::new("nft -f");
    let nothing = Loadable { ruleset: Ruleset::default(), text: "/dev/null".into() };
    for _ in 0..ROUNDS {
        let namespace = Namespace::new("nothing").unwrap();
        subject.figures.push(milliseconds(by_netlink(&namespace, &nothing)));
        peer.figures.push(milliseconds(by_nft(&namespace, &nothing)));
    }
    Row { case: "nothing".into(), subject, peer, inverted: false, goal: Goal::Nothing }
}

fn by_netlink(namespace: &Namespace, loadable: &Loadable) -> Duration {
    namespace.run(|| cost::of_thread(|| netlink(&loadable.ruleset))).unwrap().1
}

/// Takes the kernel of the calling thread's namespace to a ruleset.
pub(crate) fn netlink(ruleset: &Ruleset) {
    let mut kernel = Netlink::open().unwrap();
    let watch = &mut |_: engine::apply::Step<'_>| ControlFlow::Continue(());
    let outcome = apply(&mut kernel, ruleset, TableFlags::default(), watch).unwrap();
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
}

fn by_nft(namespace: &Namespace, loadable: &Loadable) -> Duration {
    cost::of_program(namespace, Command::new("nft").arg("-f").arg(&loadable.text))
}

fn shapes() -> Vec<Shape> {
    let host = |text: &str| Host::read(text).compile();
    let cluster = |n_policies| Cluster::read(&world::manifests(n_policies));
    let changed = |text: &str| text.replacen("saddr 10.0.0.0 ", "saddr 192.0.2.1 ", 1);
    let (even, odd) = (world::host_rules(10_000), world::odd_host_rules(10_000));
    let shape = |name: &'static str, goal, first: Ruleset, second: Ruleset| {
        assert!(first != second, "{name} does not change");
        let loadable = |version: &str, ruleset: Ruleset| {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench");
            fs::create_dir_all(&folder).unwrap();
            let text = folder.join(format!("{} {version}.nft", name.replace(',', "")));
            let replace = "table inet palisade {}\ndelete table inet palisade\n";
            fs::write(&text, format!("{replace}{}", render::ruleset(&ruleset))).unwrap();
            Loadable { ruleset, text }
        };
        Shape { name, goal, first: loadable("first", first), second: loadable("second", second) }
    };
    vec![
        shape("10,000 host rules, folded", FOLDED, host(&even), host(&changed(&even))),
        shape("1,000 policies", FOLDED, cluster(1_000).compile(), cluster(1_000).without_first_policy().compile()),
        shape("10,000 addresses", FOLDED, shape::addresses(10_000), shape::addresses(10_001)),
        shape("100,000 addresses", FOLDED, shape::addresses(100_000), shape::addresses(100_001)),
        shape("10,000 address and port ranges", FOLDED, shape::ranges(10_000), shape::ranges(10_001)),
        shape("10,000 host rules, unlike", UNFOLDED, host(&odd), host(&changed(&odd))),
    ]
}

fn milliseconds(spent: Duration) -> f64 {
    spent.as_secs_f64() * 1000.0
}
