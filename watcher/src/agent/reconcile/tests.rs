use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use engine::compile::compile;
use engine::compile::failsafe;
use engine::compile::options::{LocalPods, STANDARD};
use engine::compile::{ForwardMode, Input};
use engine::incremental::Change;
use engine::inventory::{Inventory, Pod};
use engine::kernel::conntrack::Entry;
use engine::kernel::fake::Fake;
use engine::kernel::{Features, Guard};
use engine::observed::{KernelGeneration, Observed};
use engine::plan::Op;
use engine::revoke::{self, Affected, Cut};
use engine::ruleset::{Family, Ruleset, TableKey};
use policy_lang::baseline::Baseline;
use policy_lang::name::{Labels, NamespacedName};
use policy_lang::peer::{Namespaces, PodSelector};
use policy_lang::policy::{Policy, Subject, Tier};
use policy_lang::selector::Selector;

use super::super::enforcer::{Connections, Ownership};
use super::super::event::{FoundBaseline, Tell, channel};
use super::super::gate;
use super::*;
use crate::flows::FlowsError;

/// A fake kernel that may refuse to commit.
struct Moody {
    kernel: Fake,
    refuses: Arc<AtomicU32>,
}

impl Kernel for Moody {
    fn features(&self) -> Features {
        self.kernel.features()
    }

    fn generation(&mut self) -> Result<KernelGeneration, KernelError> {
        self.kernel.generation()
    }

    fn observe(&mut self, tables: &[TableKey]) -> Result<Observed, KernelError> {
        self.kernel.observe(tables)
    }

    fn commit(&mut self, ops: &[Op], guard: Guard) -> Result<(), KernelError> {
        let left = self.refuses.load(Ordering::Relaxed);
        if left > 0 {
            self.refuses.store(left - 1, Ordering::Relaxed);
            return Err(KernelError::Unknown);
        }
        self.kernel.commit(ops, guard)
    }

    fn check(&mut self, ops: &[Op]) -> Result<(), KernelError> {
        self.kernel.check(ops)
    }
}

/// Whoever is to be judged after changes of elements is everybody that a comparison of the whole finds.
#[derive(Default)]
struct Looked {
    before: Option<Ruleset>,
    /// The flows that are found to be cut each time.
    cut: Vec<Entry>,
    n_looks: Arc<AtomicU32>,
}

#[expect(clippy::panic_in_result_fn, reason = "a test fails by panicking")]
impl Connections for Looked {
    fn judge(&mut self, affected: &Affected, in_force: &Ruleset, _: &LocalPods) -> Result<revoke::Outcome, FlowsError> {
        assert!(!affected.is_empty());
        if let Some(before) = self.before.replace(in_force.clone()) {
            let whole = Affected::between(&before, in_force);
            for address in (0..=255).map(|number| [10, 0, 0, number].into()) {
                assert!(affected.contains(address) || !whole.contains(address), "{address}");
            }
        }
        let outcome = revoke::Outcome { cut: self.cut.iter().collect(), ..revoke::Outcome::default() };
        Ok(outcome)
    }

    /// What was cut by other rules may be permitted by those in force.
    fn look(&mut self, _: &mut Cut, in_force: &Ruleset) -> Result<usize, FlowsError> {
        assert!(self.before.as_ref() == Some(in_force));
        self.n_looks.fetch_add(1, Ordering::Relaxed);
        Ok(0)
    }
}

/// An agent whose time is the test's.
struct Bench {
    agent: Agent<Moody>,
    kernel: Fake,
    refuses: Arc<AtomicU32>,
    tell: Tell,
    hear: Hear,
    facts: (BTreeMap<NamespacedName, Policy>, Inventory),
    state: PathBuf,
}

impl Bench {
    fn new() -> Self {
        Self::on(Fake::current(), Self::state())
    }

    fn state() -> PathBuf {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        std::env::temp_dir().join(format!("palisade-loop-{}-{number}", std::process::id()))
    }

    fn on(kernel: Fake, state: PathBuf) -> Self {
        Self::with(vec![SourceName::manifests(), SourceName::baseline()], kernel, state)
    }

    fn with(sources: Vec<SourceName>, kernel: Fake, state: PathBuf) -> Self {
        Self::cutting(Looked::default(), sources, kernel, state)
    }

    fn cutting(connections: Looked, sources: Vec<SourceName>, kernel: Fake, state: PathBuf) -> Self {
        let refuses = Arc::new(AtomicU32::new(0));
        let moody = Moody { kernel: kernel.socket(), refuses: Arc::clone(&refuses) };
        let enforcer = Enforcer::new(moody, Ownership::Shared, STANDARD.local.clone(), Box::new(connections));
        let start = Start {
            enforcer,
            settings: settings(),
            sources,
            trial: None,
            state: StateDir::at(state.clone()),
            board: Arc::new(Board::new()),
        };
        let (tell, hear) = channel();
        let agent = Agent::start(start).unwrap();
        Self { agent, kernel, refuses, tell, hear, facts: <_>::default(), state }
    }

    fn tell(&self, event: Event) {
        assert!(self.tell.tell(&SourceName::manifests(), event).is_continue());
    }

    fn answer(&self) {
        let absent = FoundBaseline { baseline: Baseline::Absent, texts: Vec::new() };
        for event in [Event::Baseline(absent), Event::InSync] {
            assert!(self.tell.tell(&SourceName::baseline(), event).is_continue());
        }
        self.tell(Event::InSync);
    }

    /// Tells of changes, and remembers them.
    fn change(&mut self, changes: Vec<Change>) {
        for change in changes.clone() {
            let (policies, inventory) = &mut self.facts;
            match change {
                Change::Pod(name, Some(pod)) => drop(inventory.pods.insert(name, pod)),
                Change::Pod(name, None) => drop(inventory.pods.remove(&name)),
                Change::Policy(_, name, Some(policy)) => drop(policies.insert(name, policy)),
                Change::Policy(_, name, None) => drop(policies.remove(&name)),
                Change::Namespace(..) | Change::Node(..) | Change::Service(..) => unreachable!("not told here"),
            }
        }
        self.tell(Event::Changed(changes));
    }

    /// Hears all that was told, and works as if it were so late.
    fn step(&mut self, now: Instant) {
        while let Some(message) = self.hear.at_hand() {
            assert!(self.agent.take(message).is_continue());
        }
        self.agent.work(now);
        self.agent.look_at_connections(now);
        self.agent.post(now);
    }

    fn report(&self) -> Arc<super::super::board::Report> {
        self.agent.board.report()
    }

    /// What the facts that were told compile to from nothing, with the namespace that nobody told of.
    fn desired(&self) -> Ruleset {
        let settings = settings();
        let mut inventory = self.facts.1.clone();
        let labels = [("kubernetes.io/metadata.name".into(), "x".into())].into();
        inventory.namespaces.insert("x".into(), labels);
        let policies: Vec<Policy> = self.facts.0.values().cloned().collect();
        let input = Input {
            policies: &policies,
            host: None,
            inventory: &inventory,
            node: &settings.node,
            forward_mode: settings.forward,
            pods: &settings.pods,
            sources: &settings.records,
        };
        compile(&input).0
    }

    fn is_loaded(&self) -> bool {
        !self.kernel.state().tables.is_empty()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.state));
    }
}

fn settings() -> Settings {
    Settings {
        node: "n".to_owned(),
        forward: ForwardMode::default(),
        pods: STANDARD.clone(),
        failsafes: failsafe::NONE.clone(),
        records: Vec::new(),
    }
}

fn pod(number: u8, node: &str, app: &str) -> Change {
    let pod = Pod {
        labels: [("app".into(), app.into())].into_iter().collect::<Labels>(),
        node: Some(node.into()),
        addresses: vec![[10, 0, 0, number].into()],
        ..Pod::default()
    };
    Change::Pod(NamespacedName::new("x", format!("p{number}")), Some(pod))
}

fn gone(number: u8) -> Change {
    Change::Pod(NamespacedName::new("x", format!("p{number}")), None)
}

/// Who has the label reaches everybody.
fn policy(name: &str) -> Change {
    use policy_lang::peer::Peer;
    use policy_lang::policy::{Action, Peers, PortMatches, Rule};
    use policy_lang::selector::{Operator, Requirement};
    let here = |pods| PodSelector { namespaces: Namespaces::Named("x".into()), pods };
    let app = Requirement { key: "app".into(), operator: Operator::In(["client".into()].into()) };
    let peers = Peers::AnyOf(vec![Peer::Pods(here(Selector::new([app])))]);
    let policy = Policy {
        origin: <_>::default(),
        name: NamespacedName::new("x", name),
        tier: Tier::NetworkPolicy,
        priority: 0,
        subject: Subject { pods: here(Selector::everything()), exempt: Box::default() },
        ingress: Some(vec![Rule::new(<_>::default(), Action::Accept, peers, PortMatches::Any)]),
        egress: None,
    };
    Change::Policy(Tier::NetworkPolicy, policy.name.clone(), Some(policy))
}

#[test]
fn nothing_is_written_before_every_source_has_answered() {
    let mut bench = Bench::new();
    bench.change(vec![pod(1, "n", "server"), policy("a")]);
    bench.tell(Event::InSync);
    bench.step(Instant::now());
    assert!(!bench.is_loaded());
    assert_eq!(bench.report().not_ready_because.as_deref(), Some("waits for baseline"));
    bench.answer();
    bench.step(Instant::now());
    assert!(bench.kernel.ruleset() == bench.desired());
    assert!(bench.report().ready);
    assert_eq!((bench.report().n_pods, bench.report().n_policies), (1, 1));
}

#[test]
fn whatever_comes_together_ends_in_what_a_compile_from_nothing_makes() {
    let mut bench = Bench::new();
    bench.change(vec![pod(1, "n", "server"), policy("a")]);
    bench.answer();
    bench.step(Instant::now());
    // Comes, changes, goes and comes again within one batch: remote pods, so elements only.
    let batches = [
        vec![pod(2, "far", "client"), pod(3, "far", "client")],
        vec![pod(2, "far", "other"), pod(4, "far", "client"), gone(3), pod(4, "far", "client")],
        vec![gone(4), pod(4, "far", "client"), gone(2), pod(2, "far", "client"), gone(9)],
        vec![pod(5, "n", "client"), policy("b"), pod(6, "far", "client"), gone(6)],
        (10..=110).map(|number| pod(number, "far", "client")).collect(),
        (10..=110).map(gone).collect(),
    ];
    for batch in batches {
        let n = batch.len();
        bench.change(batch);
        bench.step(Instant::now());
        assert!(bench.kernel.ruleset() == bench.desired(), "{n} changes");
        assert!(bench.agent.enforcer.in_force() == Some(&bench.desired()), "{n} changes");
    }
    assert_eq!(bench.report().failures, 0);
}

#[test]
fn a_batch_that_fails_is_made_up_for_by_the_next_and_ready_says_so() {
    let mut bench = Bench::new();
    bench.change(vec![pod(1, "n", "server"), policy("a")]);
    bench.answer();
    bench.step(Instant::now());
    let before = bench.kernel.ruleset();
    // The batch of elements, and all that apply tries after it.
    bench.refuses.store(20, Ordering::Relaxed);
    bench.change(vec![pod(2, "far", "client")]);
    bench.step(Instant::now());
    assert!(!bench.report().ready && bench.report().failures == 1, "{:?}", bench.report());
    assert!(bench.kernel.ruleset() == before);
    // What comes meanwhile does not go onto a state that is only believed to be there.
    bench.refuses.store(0, Ordering::Relaxed);
    bench.change(vec![pod(3, "far", "client")]);
    bench.step(Instant::now());
    assert!(bench.kernel.ruleset() == bench.desired());
    assert!(bench.report().ready && bench.report().failures == 0);
    // One refusal is got round at once.
    bench.refuses.store(1, Ordering::Relaxed);
    bench.change(vec![gone(3)]);
    bench.step(Instant::now());
    assert!(bench.kernel.ruleset() == bench.desired());
    assert!(bench.report().ready);
}

#[test]
fn what_others_change_is_put_right_and_counted_only_if_something_was_to_do() {
    let mut bench = Bench::new();
    bench.change(vec![pod(1, "n", "server"), policy("a")]);
    bench.answer();
    bench.step(Instant::now());
    let notice = |name: &str| {
        Event::Kernel(Notice::Commit(Commit {
            generation: KernelGeneration(0),
            process_id: 7,
            process_name: name.into(),
            port: 0,
            objects: <_>::default(),
        }))
    };
    bench.tell(notice("nobody"));
    bench.step(Instant::now());
    assert_eq!(bench.report().drift.repairs, 0);
    bench.kernel.tamper(|state| drop(state.tables.remove(&TableKey::ours(Family::Inet))));
    bench.tell(notice("nft"));
    // Something of our own at the same time.
    bench.change(vec![pod(2, "n", "server")]);
    bench.step(Instant::now());
    assert!(bench.kernel.ruleset() == bench.desired());
    let drift = bench.report().drift.clone();
    assert_eq!((drift.repairs, drift.last.as_deref()), (1, Some("nft (process 7)")));
}

#[test]
fn a_silent_source_holds_the_others_back_for_a_while_only() {
    let mut bench = Bench::new();
    bench.change(vec![pod(1, "n", "server"), policy("a")]);
    bench.tell(Event::InSync);
    bench.step(Instant::now());
    assert!(!bench.is_loaded());
    bench.step(Instant::now() + gate::PATIENCE);
    assert!(bench.is_loaded());
    // The baseline that is not known counts as one that is broken: what it would deny is denied.
    assert!(bench.kernel.ruleset() != bench.desired());
    assert!(!bench.report().ready);
    bench.answer();
    bench.step(Instant::now());
    assert!(bench.kernel.ruleset() == bench.desired());
    assert!(bench.report().ready);
}

#[test]
fn host_rules_that_nobody_knows_are_named_as_what_is_missing() {
    let sources = vec![SourceName::manifests(), SourceName::baseline(), SourceName::host_config_map()];
    let mut bench = Bench::with(sources, Fake::current(), Bench::state());
    bench.change(vec![pod(1, "n", "server"), policy("a")]);
    bench.answer();
    bench.step(Instant::now());
    assert_eq!(bench.report().not_ready_because.as_deref(), Some("waits for host-configmap"));
    bench.step(Instant::now() + gate::PATIENCE);
    assert!(bench.is_loaded() && bench.kernel.ruleset() == bench.desired());
    let why = bench.report().not_ready_because.clone().unwrap_or_default();
    assert!(why.contains("the host rules of the ConfigMap are not known and not in force"), "{why}");
    // An answer, even one that there are none, ends it.
    for event in [Event::HostRules(None), Event::InSync] {
        assert!(bench.tell.tell(&SourceName::host_config_map(), event).is_continue());
    }
    bench.step(Instant::now());
    assert!(bench.report().ready, "{:?}", bench.report().not_ready_because);
}

#[test]
fn an_adopted_table_is_not_taken_back_to_the_snapshot() {
    let mut first = Bench::new();
    first.change(vec![pod(1, "n", "server"), policy("a")]);
    first.answer();
    first.step(Instant::now());
    first.agent.keeper.finish(&mut first.agent.world, &first.agent.host.good());
    // More is in force than was kept.
    first.change(vec![policy("b")]);
    first.step(Instant::now());
    let in_force = first.kernel.ruleset();
    let mut second = Bench::on(first.kernel.socket(), first.state.clone());
    second.step(Instant::now());
    second.step(Instant::now() + gate::PATIENCE);
    assert!(first.kernel.ruleset() == in_force);
    assert_eq!(second.report().enforcing, Enforcing::Adopted);
    // Others take it away before anybody has answered: what was kept is better than nothing.
    first.kernel.tamper(|state| state.tables.clear());
    second.tell(Event::Kernel(Notice::Lost));
    second.step(Instant::now());
    assert!(second.is_loaded());
    assert_eq!(second.report().enforcing, Enforcing::LastGood);
    // Where there is no table, what was kept is enforced.
    first.kernel.tamper(|state| state.tables.clear());
    let mut third = Bench::on(first.kernel.socket(), first.state.clone());
    third.step(Instant::now());
    assert!(third.is_loaded());
    assert_eq!(third.report().enforcing, Enforcing::LastGood);
}

#[test]
fn what_waits_for_the_first_compile_does_not_grow_with_every_change() {
    let mut world = World::new(settings());
    for round in 0..300_u16 {
        let app = format!("round{round}");
        world.change((1..=200).map(|number| pod(number, "far", &app)).collect());
    }
    assert!(world.n_waiting() <= 11_000, "{}", world.n_waiting());
    let facts = world.facts();
    assert_eq!(facts.inventory.pods.len(), 200);
    assert!(facts.inventory.pods.values().all(|pod| pod.labels.get("app").is_some_and(|app| **app == *"round299")));
}

#[test]
fn what_is_cut_is_looked_at_only_while_the_rules_are_in_force_that_it_was_judged_by() {
    use engine::kernel::conntrack::{Conntrack as _, Fake as Connected, Filter, Key, Tuple};
    let tuple = |from: u8, to: u8| Tuple {
        source: [10, 0, 0, from].into(),
        destination: [10, 0, 0, to].into(),
        protocol: 6,
        key: Key::Ports { source: 1, destination: 1 },
    };
    let mut connected = Connected::default();
    connected.begin(tuple(9, 1), tuple(1, 9));
    let cut = connected.entries(&Filter::default(), &mut |_| true).unwrap().kept;
    let n_looks = Arc::new(AtomicU32::new(0));
    let connections = Looked { cut, n_looks: Arc::clone(&n_looks), ..Looked::default() };
    let sources = vec![SourceName::manifests(), SourceName::baseline()];
    let mut bench = Bench::cutting(connections, sources, Fake::current(), Bench::state());
    bench.change(vec![pod(1, "n", "server"), policy("a")]);
    bench.answer();
    let begun = Instant::now();
    let mut step = |after: u64, change: Change| {
        bench.change(vec![change]);
        bench.step(begun + Duration::from_millis(after));
        n_looks.load(Ordering::Relaxed)
    };
    assert_eq!(step(0, pod(2, "n", "server")), 1);
    assert_eq!(step(1_960, pod(3, "n", "server")), 1, "not for two seconds");
    // It is time to look, and not yet to judge.
    assert_eq!(step(2_000, pod(4, "n", "server")), 1);
    assert_eq!(step(4_000, pod(5, "n", "server")), 2);
}
