use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use engine::compile::options::STANDARD;
use engine::compile::{ForwardMode, failsafe};
use policy_lang::host::MemoryFiles;

use super::*;
use crate::agent::board::HostState;
use crate::agent::world::{Facts, Settings, World};

const AFTER: Duration = Duration::from_secs(60);

/// The host rules of a ConfigMap, with a clock and answers that are the test's.
struct Bench {
    firewall: HostFirewall,
    asked: Arc<Mutex<Vec<u64>>>,
    now: Instant,
    state: PathBuf,
}

impl Bench {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let state = std::env::temp_dir().join(format!("palisade-trial-{}-{number}", std::process::id()));
        Self::after(&Good::default(), state, false, Instant::now())
    }

    /// The next run.
    fn after(good: &Good, state: PathBuf, is_loaded: bool, now: Instant) -> Self {
        let asked: Arc<Mutex<Vec<u64>>> = Arc::default();
        let noted = Arc::clone(&asked);
        let ask = Box::new(move |number| noted.lock().unwrap().push(number));
        let trial = Trial { revert: Revert::ConfigMap, after: AFTER, what: "the server".to_owned(), ask };
        let sources = [SourceName::host(), SourceName::host_config_map()];
        let mut firewall = HostFirewall::new(good, &sources, Some(trial), &STANDARD);
        firewall.inherit(&StateDir::at(state.clone()), is_loaded, now);
        Self { firewall, asked, now, state }
    }

    fn tell(&mut self, text: &str) {
        self.firewall.tell(Origin::ConfigMap, Some(Arc::new(found(text))), self.now);
    }

    fn wait(&mut self, seconds: u64) -> Verdict {
        self.now += Duration::from_secs(seconds);
        self.firewall.watch(self.now)
    }

    /// Ends the attempts that have begun.
    fn answer(&mut self, answer: Result<(), &str>) {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        for number in asked {
            self.firewall.hear(number, &answer.map_err(ToOwned::to_owned), self.now);
        }
    }

    /// A batch, with what is left to the next run before it.
    fn apply(&mut self) {
        self.firewall.keep(&StateDir::at(self.state.clone())).unwrap();
        self.firewall.is_in_force(self.now);
    }

    /// Told, tried and found to be good.
    /// Other rules are told and put in force, after what answered or did not.
    fn applies(&mut self, text: &str, answer: Result<(), &str>) {
        self.tell(text);
        self.wait(0);
        self.answer(answer);
        self.apply();
    }

    fn proves(&mut self, text: &str) {
        self.applies(text, Ok(()));
        self.wait(0);
        self.answer(Ok(()));
        assert_eq!(self.state(), HostState::Good);
    }

    fn text(&self) -> Option<String> {
        self.firewall.enforced().map(|found| found.texts.texts.iter().map(|(_, text)| text.as_str()).collect())
    }

    fn good(&self) -> Option<String> {
        self.firewall.good().config_map.map(|found| found.texts.texts.iter().map(|(_, text)| text.as_str()).collect())
    }

    fn state(&self) -> HostState {
        self.firewall.report().last().unwrap().state
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.state));
    }
}

fn found(text: &str) -> FoundHostRules {
    reading::read("m", &MemoryFiles::default().with("m", text)).0
}

const A: &str = "chain INPUT proto tcp dport 1 ACCEPT;";
const B: &str = "chain INPUT proto tcp dport 2 ACCEPT;";

#[test]
fn a_change_is_good_once_something_answers_after_it_is_in_force() {
    let mut bench = Bench::new();
    bench.tell(A);
    assert_eq!((bench.text(), bench.firewall.is_asking()), (None, true));
    bench.wait(0);
    bench.answer(Ok(()));
    assert_eq!(bench.text().as_deref(), Some(A));
    // What is answered before it is in force says nothing.
    bench.wait(1);
    assert!(bench.asked.lock().unwrap().is_empty());
    bench.apply();
    assert_eq!((bench.good(), bench.state()), (None, HostState::OnTrial));
    bench.wait(1);
    bench.answer(Err("timed out"));
    bench.wait(1);
    bench.answer(Ok(()));
    assert_eq!((bench.good().as_deref(), bench.state()), (Some(A), HostState::Good));
    assert_eq!(bench.wait(1000), Verdict::default());
}

#[test]
fn a_change_that_cuts_the_answer_off_is_taken_back_and_its_text_is_refused_until_it_changes() {
    let mut bench = Bench::new();
    bench.proves(A);
    bench.applies(B, Ok(()));
    for _ in 0..30 {
        assert_eq!(bench.wait(1).n_reverted, 0);
        bench.answer(Err("timed out"));
        assert_eq!((bench.text().as_deref(), bench.good().as_deref()), (Some(B), Some(A)));
    }
    // Told once more, it is still the same change.
    bench.tell(B);
    bench.answer(Err("timed out"));
    assert_eq!(bench.wait(31), Verdict { n_reverted: 1, is_of_earlier_run: false });
    assert_eq!((bench.text().as_deref(), bench.state()), (Some(A), HostState::Refused));
    let why = bench.firewall.refusal().unwrap().to_owned();
    assert!(why.contains("the server did not answer within 60 s") && why.contains("timed out"), "{why}");
    // Neither the same text nor a new start brings it back.
    bench.tell(B);
    assert_eq!((bench.text().as_deref(), bench.state()), (Some(A), HostState::Refused));
    bench.apply();
    let (good, state, now) = (bench.firewall.good(), bench.state.clone(), bench.now);
    let mut next = Bench::after(&good, state, true, now);
    next.tell(B);
    assert_eq!((next.text().as_deref(), next.state()), (Some(A), HostState::Refused));
    next.proves("chain INPUT proto tcp dport 3 ACCEPT;");
    assert_eq!(next.firewall.refusal(), None);
}

#[test]
fn a_loss_that_began_before_the_change_is_not_its_fault() {
    let mut bench = Bench::new();
    bench.proves(A);
    bench.applies(B, Err("refused"));
    for _ in 0..60 {
        assert_eq!(bench.wait(10), Verdict::default());
        bench.answer(Err("refused"));
    }
    assert_eq!((bench.text().as_deref(), bench.good().as_deref()), (Some(B), Some(A)));
    assert_eq!(bench.state(), HostState::Unproven);
    bench.wait(10);
    bench.answer(Ok(()));
    assert_eq!((bench.good().as_deref(), bench.state()), (Some(B), HostState::Good));
}

#[test]
fn a_second_change_during_a_trial_is_to_blame_as_well() {
    let mut bench = Bench::new();
    bench.proves(A);
    bench.applies(B, Ok(()));
    bench.wait(1);
    bench.answer(Err("timed out"));
    // Asked now, nothing would answer, because of the first one.
    bench.tell("chain INPUT proto tcp dport 3 ACCEPT;");
    assert!(!bench.firewall.is_asking());
    bench.apply();
    bench.wait(1);
    bench.answer(Err("timed out"));
    assert_eq!(bench.wait(60).n_reverted, 1);
    assert_eq!(bench.text().as_deref(), Some(A));
}

#[test]
fn an_end_in_the_middle_of_a_trial_makes_nothing_good_and_the_next_run_goes_on_with_it() {
    let mut bench = Bench::new();
    bench.proves(A);
    bench.applies(B, Ok(()));
    let (good, state, now) = (bench.firewall.good(), bench.state.clone(), bench.now);
    // The tables are still there, and nobody can be asked what is wanted.
    let mut next = Bench::after(&good, state.clone(), true, now);
    next.wait(0);
    next.answer(Err("timed out"));
    assert_eq!(next.wait(61), Verdict { n_reverted: 1, is_of_earlier_run: true });
    next.tell(B);
    assert_eq!((next.text().as_deref(), next.state()), (Some(A), HostState::Refused));
    // Told in the middle of it, it is on trial again without being asked for before: it is in force already.
    let mut other = Bench::after(&good, state.clone(), true, now);
    other.tell(B);
    assert!(other.firewall.is_due() && !other.firewall.is_asking());
    // After a boot the tables are gone, and so is what was on trial.
    let mut booted = Bench::after(&good, state, false, now);
    assert_eq!(booted.wait(1000), Verdict::default());
    booted.tell(B);
    assert!(booted.firewall.is_asking());
    assert_eq!(booted.text().as_deref(), Some(A));
}

#[test]
fn what_is_broken_or_gone_leaves_the_last_good_and_files_are_not_on_trial_by_default() {
    let mut bench = Bench::new();
    bench.firewall.tell(Origin::File, Some(Arc::new(found(A))), bench.now);
    assert_eq!(bench.firewall.good().file.map(|found| found.texts.main.clone()).as_deref(), Some("m"));
    bench.proves(B);
    // Of every table.
    let of_bridge = "domain eb chain FORWARD stp-type 1 DROP;";
    for broken in ["chain INPUT {", "chain INPUT proto tcp dport 99999 ACCEPT;", of_bridge] {
        bench.tell(broken);
        assert_eq!(bench.state(), HostState::LastGood);
        assert!(bench.firewall.faults().any(|fault| fault.contains("the last good ones stay")));
        bench.tell(B);
    }
    bench.firewall.tell(Origin::ConfigMap, None, bench.now);
    assert_eq!(bench.state(), HostState::LastGood);
    assert_eq!(bench.good().as_deref(), Some(B));
    // Of both, the file's come first.
    let both = bench.firewall.enforced().unwrap();
    let ports: Vec<_> = both.rules.chains.iter().map(|chain| chain.rules.len()).collect();
    assert_eq!(ports.iter().sum::<usize>(), 2, "{:?}", both.rules);
    // Where none were ever good, nothing new comes in, whatever the other source opens.
    let mut bare = Bench::new();
    bare.firewall.tell(Origin::File, Some(Arc::new(found(A))), bare.now);
    bare.tell("chain INPUT {");
    assert_eq!(bare.state(), HostState::Closed);
    assert!(reading::is_closed(&bare.firewall.enforced().unwrap()));
}

#[test]
fn what_is_taken_has_room_for_a_pause_of_the_node() {
    let mut paused = STANDARD.clone();
    paused.observe.pauses = vec![Pause { whom: Paused::Node, lasts: Duration::from_secs(9), number: 9 }];
    let settings = |pods: &PodOptions| Settings {
        node: "n".to_owned(),
        forward: ForwardMode::default(),
        pods: pods.clone(),
        failsafes: failsafe::NONE.clone(),
        records: Vec::new(),
    };
    let mut n_taken = 0;
    for n_chains in 10..=16 {
        let mut bench = Bench::new();
        bench.tell(&nested(n_chains));
        bench.wait(0);
        bench.answer(Ok(()));
        if bench.state() == HostState::Closed {
            let why = bench.firewall.faults().next().unwrap().to_owned();
            assert!(why.contains(&format!("{} levels deep (the kernel follows at most 16", n_chains + 1)), "{why}");
            continue;
        }
        n_taken += 1;
        for pods in [&STANDARD, &paused] {
            let facts = Facts { host: bench.firewall.enforced(), ..Facts::default() };
            let mut world = World::of(settings(pods), facts);
            world.update();
            assert_eq!(world.host_fault, None, "{n_chains}");
        }
    }
    // 14 levels, the base chain among them.
    assert_eq!(n_taken, 4);
}

/// Chains that call each other, so many below the base chain.
fn nested(n_chains: usize) -> String {
    let calls: Vec<String> = (1..n_chains).map(|at| format!("chain C{at} jump C{};", at + 1)).collect();
    format!("chain INPUT jump C1; {} chain C{n_chains} DROP;", calls.join(" "))
}
