//! What becomes of enforcement when the API server is in trouble: in steady state, in the middle of many changes, and at
//! the start of an agent. Traffic flows all the time and none of it may be judged wrong; what changed meanwhile is in
//! force afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use crate::administrator::AGENT_USER;
use crate::agent::Agent;
use crate::figures::{Timed, report};
use crate::traffic::Traffic;

/// How many changes are made in a row, and after which of them the trouble begins.
const BURST: usize = 8;
const BEGINS: usize = 3;

/// How long a trouble lasts at least.
const LASTS: Duration = Duration::from_millis(700);

/// A kind of trouble: how it begins and how it ends.
struct Trouble<'a> {
    name: &'a str,
    begin: &'a dyn Fn(&Agent),
    end: &'a dyn Fn(&Agent),
}

impl Trouble<'_> {
    fn at_every_time(&self, traffic: &Traffic, agent: &mut Agent) {
        let Trouble { name, begin, end } = self;
        traffic.judged_right(&format!("{name}, steady and among changes"), || {
            begin(agent);
            traffic.change();
            thread::sleep(LASTS);
            end(agent);
            traffic.settle();
            for n in 0..BURST {
                traffic.change();
                if n == BEGINS {
                    begin(agent);
                }
            }
            thread::sleep(LASTS);
            end(agent);
            agent.until_ready();
            traffic.settle();
        });
        traffic.judged_right(&format!("{name}, at the start"), || {
            agent.kill();
            begin(agent);
            traffic.change();
            agent.resume(&traffic.lab);
            agent.until("it waits", |report| report["ready"] == false && report["enforcing"] == "adopted");
            thread::sleep(LASTS);
            end(agent);
            agent.until_ready();
            traffic.settle();
        });
        traffic.is_judged_right();
    }
}

/// Has the agent ask again for everything that it watches.
fn reconnect(agent: &Agent) {
    agent.relay.cut();
    agent.relay.mend();
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn an_api_server_that_hangs_refuses_or_fails_changes_no_verdict() {
    let _timed = Timed::begin("troubles");
    let traffic = Traffic::up();
    let mut agent = traffic.agent();
    agent.until_ready();
    traffic.settle();
    let (hang, mend) = (|agent: &Agent| agent.relay.hang(), |agent: &Agent| agent.relay.mend());
    Trouble { name: "no answer", begin: &hang, end: &mend }.at_every_time(&traffic, &mut agent);
    let cut = |agent: &Agent| agent.relay.cut();
    Trouble { name: "no connection", begin: &cut, end: &mend }.at_every_time(&traffic, &mut agent);
    for (name, answer) in [("500", "500"), ("429", "429 1"), ("401", "401"), ("410", "410")] {
        let refuse = |agent: &Agent| {
            traffic.server.answer_agents(answer);
            reconnect(agent);
        };
        let serve = |_: &Agent| traffic.server.serve_agents();
        Trouble { name, begin: &refuse, end: &serve }.at_every_time(&traffic, &mut agent);
    }
    traffic.judged_right("a compaction of etcd", || {
        traffic.change();
        traffic.server.compact();
        traffic.change();
        traffic.settle();
    });
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn an_api_server_is_not_asked_before_the_time_that_it_gives_nor_again_and_again() {
    let _timed = Timed::begin("back-off");
    let traffic = Traffic::up();
    let agent = traffic.agent();
    agent.until_ready();
    let waits = |answer: &str| {
        let n_before = traffic.server.refusals().len();
        traffic.server.answer_agents(answer);
        reconnect(&agent);
        thread::sleep(Duration::from_secs(7));
        let mut by_path: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (at, path) in traffic.server.refusals().into_iter().skip(n_before) {
            by_path.entry(path).or_default().push(at);
        }
        traffic.server.serve_agents();
        agent.until_ready();
        let waits: Vec<f64> =
            by_path.values().flat_map(|times| times.windows(2).map(|pair| pair[1] - pair[0])).collect();
        let most = by_path.values().map(Vec::len).max().unwrap_or(0);
        report(&format!("answers of `{answer}`: at most {most} for one collection, waits {waits:.2?}"));
        (waits, most)
    };
    let (asked, most) = waits("429 3");
    assert!(!asked.is_empty() && asked.iter().all(|wait| *wait >= 3.0), "{asked:?}");
    assert!(most <= 4, "{most}");
    // From 1/8 s on, doubled each time.
    let (failed, most) = waits("500");
    assert!(!failed.is_empty() && most <= 8, "{most}: {failed:?}");
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn a_version_that_etcd_has_forgotten_is_given_up_and_everything_is_read_again() {
    let _timed = Timed::begin("compaction");
    // Without its cache the server asks etcd for what came after a version, which after a compaction etcd cannot say.
    let traffic = Traffic::up_with(&["--watch-cache=false"]);
    let agent = traffic.agent();
    agent.until_ready();
    traffic.settle();
    let n_read = || {
        let asked = traffic.server.requests_of(AGENT_USER);
        let is_reading = |uri: &str| uri.contains("networkpolicies") && uri.contains("sendInitialEvents");
        asked.iter().filter(|request| is_reading(&request.uri)).count()
    };
    let before = n_read();
    traffic.judged_right("410", || {
        agent.relay.cut();
        agent.until("it is cut off", |report| report["sources"].to_string().contains("\"inSync\":false"));
        (0..BURST).for_each(|_| traffic.change());
        traffic.server.compact();
        agent.relay.mend();
        traffic.settle();
        agent.until("all sources are back", |report| !report["sources"].to_string().contains("\"inSync\":false"));
    });
    assert!(n_read() > before, "a version that etcd has forgotten was resumed");
    traffic.is_judged_right();
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn an_api_server_under_another_authority_is_believed_once_its_file_is_replaced() {
    let _timed = Timed::begin("another authority");
    let mut traffic = Traffic::up();
    let mut agent = traffic.agent();
    agent.until_ready();
    traffic.settle();
    traffic.server.stop();
    traffic.judged_right("an API server that is away", || thread::sleep(LASTS));
    under_another_authority(&mut traffic);
    traffic.judged_right("another authority", || {
        traffic.change();
        traffic.settle();
        agent.until_ready();
    });
    // Begun while changes are on their way to the kernel, and with more of them afterwards.
    (0..BURST).for_each(|_| traffic.change());
    under_another_authority(&mut traffic);
    traffic.judged_right("another authority, among changes", || {
        (0..BURST).for_each(|_| traffic.change());
        traffic.settle();
        agent.until_ready();
    });
    // At the start the file has the former authority, and the new one comes while the agent waits.
    agent.kill();
    let file = traffic.server.directory().join("ca.crt");
    let put = |authority: &[u8]| {
        fs::write(file.with_extension("new"), authority).unwrap();
        fs::rename(file.with_extension("new"), &file).unwrap();
    };
    let former = fs::read(&file).unwrap();
    under_another_authority(&mut traffic);
    let now = fs::read(&file).unwrap();
    assert_ne!(former, now);
    traffic.judged_right("another authority, at the start", || {
        put(&former);
        agent.resume(&traffic.lab);
        traffic.change();
        agent.until("it waits", |report| report["ready"] == false && report["enforcing"] == "adopted");
        thread::sleep(LASTS);
        assert!(agent.report().is_some_and(|report| report["ready"] == false));
        put(&now);
        agent.until_ready();
        traffic.settle();
    });
    traffic.is_judged_right();
}

/// The server comes back with another authority.
fn under_another_authority(traffic: &mut Traffic) {
    traffic.server.stop();
    traffic.server.resume_under_another_authority();
    traffic.administrator = traffic.server.administrator();
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn a_server_that_cannot_stream_what_there_is_is_asked_for_lists() {
    let _timed = Timed::begin("lists");
    let traffic = Traffic::up_with(&["--feature-gates=WatchList=false"]);
    // More than one page of them.
    for n in 0..510 {
        let object = serde_json::json!({"metadata": {"name": format!("n{n}")}});
        traffic.administrator.create("/api/v1/namespaces", &object);
    }
    let agent = traffic.agent();
    agent.until_ready();
    traffic.settle();
    traffic.judged_right("lists", || {
        traffic.change();
        traffic.settle();
        reconnect(&agent);
        traffic.change();
        traffic.settle();
    });
    let asked = traffic.server.requests_of(AGENT_USER);
    let pages = asked.iter().filter(|request| request.verb == "list" && request.resource == "namespaces").count();
    assert!(pages >= 2, "{pages} pages of namespaces: {asked:#?}");
    assert!(asked.iter().all(|request| request.code != 403), "{asked:#?}");
}
