//! The scenarios of Kubernetes' own suite, which the laboratory runs too: here their objects are created in the API
//! server, an agent on each node hears of them, and the same questions are asked with packets.

use std::fmt::Write as _;

use crate::administrator::{AGENT_USER, cluster_rules};
use crate::agent::Agent;
use crate::audit;
use crate::cases::group::Group;
use crate::cases::opinions::Court;
use crate::cases::script::Action;
use crate::figures::{Timed, report};
use crate::held;
use crate::objects::Objects;
use crate::server::Server;

const NODES: [&str; 2] = ["node-a", "node-b"];

/// How many cases there are: the 48 of the suite, and their neighbours.
const CASES_MIN: usize = 48;

/// Most differences of a step that are shown.
const SHOWN: usize = 12;

#[test]
#[ignore = "needs an API server: make e2e"]
fn the_scenarios_of_kubernetes_own_suite_hold_through_the_api() {
    let _timed = Timed::begin("scenarios");
    let group = Group::read("scenarios");
    let arena = group.common();
    let server = Server::start();
    let administrator = server.administrator();
    let token = administrator.agent(&cluster_rules());
    let mut objects = Objects::new(&administrator);
    objects.become_those_of(&group.cluster);
    let agents = NODES.map(|node| Agent::start(&arena.lab, node, &server, &token));
    agents.iter().for_each(Agent::until_ready);

    let (mut n_steps, mut n_asked, mut failures) = (0, 0, String::new());
    for (case, script) in &group.cases {
        let mut cluster = group.cluster.clone();
        let mut heading = "";
        for step in &script.steps {
            cluster.step(&step.action);
            let Action::Expect(expectation) = &step.action else {
                heading = &step.heading;
                continue;
            };
            objects.become_those_of(&cluster);
            held::until_in_force(&administrator, &arena.lab, &NODES, server.directory());
            let (found, asked) = Court::new(&arena.lab, &arena.scene, &cluster.world(), expectation).differences();
            n_steps += 1;
            n_asked += asked;
            if !found.is_empty() {
                let shown = found.iter().take(SHOWN).fold(String::new(), |text, line| text + "  " + line + "\n");
                writeln!(failures, "{case}: == {heading} ({} differences)\n{shown}", found.len()).unwrap();
            }
        }
    }
    report(&format!("scenarios: {} cases, {n_steps} steps, {n_asked} questions", group.cases.len()));
    assert!(failures.is_empty(), "{failures}");
    assert!(std::env::var_os("PALISADE_CASE").is_some() || group.cases.len() >= CASES_MIN, "{}", group.cases.len());

    let asked = server.requests_of(AGENT_USER);
    let other: Vec<_> = audit::kinds(&asked).into_iter().filter(|kind| !kind.starts_with("watch ")).collect();
    assert!(other.is_empty(), "{other:?}");
    assert!(asked.iter().all(|request| request.code != 403), "{asked:#?}");
}
