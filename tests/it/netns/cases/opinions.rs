//! Three opinions on every cell of a truth table: the oracle's, the simulator's and the kernel's.
//!
//! A cell about a pod is asked twice where a virtual service stands for that port of the pod: at the pod itself, and
//! through the Service, as clients do. What stands in the table has to hold for both.

use std::net::IpAddr;

use engine::compile::options::Established;
use engine::eval::ruleset::Owner;
use watcher::demo::{Judge, Party, Scene, Verdict, World};
use watcher::lab::{Answer, Lab, Matrix, Outcome, Patience, Probe, Service};

use super::flows::{self, Flow};
use super::script::{Expectation, Opinion};

/// Whom the sockets of the tests belong to: making namespaces takes root.
const ROOT: Owner = Owner { uid: 0, gid: 0 };

/// One cell in one family, by one way.
#[derive(Debug)]
struct Question<'a> {
    from: &'a Party,
    to: &'a Party,
    probe: Probe,
    /// What stands behind the address that is asked.
    behind: (IpAddr, Service),
    expected: Outcome,
}

/// Who judges what a step expects.
pub(crate) struct Court<'a> {
    lab: &'a Lab,
    scene: &'a Scene,
    /// With what translates the laboratory's Services.
    world: World,
    expectation: &'a Expectation,
}

impl<'a> Court<'a> {
    pub(crate) fn new(lab: &'a Lab, scene: &'a Scene, world: &World, expectation: &'a Expectation) -> Self {
        let mut world = world.clone();
        let translation = scene.topology.translation();
        for ruleset in world.rulesets.values_mut().chain(world.pod_rulesets.values_mut()) {
            ruleset.tables.extend(translation.tables.clone());
        }
        Self { lab, scene, world, expectation }
    }

    /// What differs from the tables about new connections, and how many questions were asked.
    pub(crate) fn differences(&self) -> (Vec<String>, usize) {
        let tables = self.expectation.tables.iter();
        let questions: Vec<_> = tables.flat_map(|table| questions(table, self.scene)).collect();
        assert!(!questions.is_empty(), "a table that asks nothing");
        let answers = asked(self.lab, &questions);
        (self.compared(&questions, &answers), questions.len())
    }

    /// The same of the connections that are held open: one that a first packet could not open any more has to be cut.
    pub(crate) fn live_differences(&self, held: &mut [Flow]) -> (Vec<String>, usize) {
        let tables = self.expectation.live.iter();
        let questions: Vec<_> = tables.flat_map(|table| questions(table, self.scene)).collect();
        let mut ordered = Vec::new();
        for flow in held {
            let is_about = |question: &&Question<'_>| {
                let Probe { from, to, service } = &question.probe;
                **from == *flow.wanted.from && *to == flow.address && *service == flow.wanted.service
            };
            if let Some(question) = questions.iter().find(is_about) {
                ordered.push((flow, question.expected));
            }
        }
        assert_eq!(ordered.len(), questions.len(), "each cell about a live connection has one");
        let carried = flows::carried(&mut ordered);
        let mut found = Vec::new();
        for ((flow, expected), carried) in ordered.iter().zip(carried) {
            if carried != expected.to_string() {
                found.push(format!("{flow}: expected {expected}, packets say {carried}"));
            }
        }
        // Where connections are kept, the other two, who know first packets only, have nothing to say.
        if self.world.options.established == Established::Cut {
            let expected = |question: &Question<'_>| Answer { outcome: question.expected, by: None };
            let answers: Vec<_> = questions.iter().map(expected).collect();
            found.extend(self.compared(&questions, &answers));
        }
        (found, questions.len())
    }

    fn compared(&self, questions: &[Question<'_>], answers: &[Answer]) -> Vec<String> {
        let judge = Judge::new(&self.world, self.scene, ROOT);
        let left_out = self.expectation.without.as_ref().map(|(opinion, _)| *opinion);
        let mut found = Vec::new();
        for (question, answer) in questions.iter().zip(answers) {
            let asked = (question.probe.to, question.probe.service);
            let verdict = judge.verdict_behind(question.from, question.to, asked, question.behind).unwrap();
            let words = question.compared(&verdict, answer, left_out);
            if !words.is_empty() {
                found.push(format!("{question}: expected {}, {}", question.expected, words.join(", ")));
            }
        }
        found
    }
}

impl Question<'_> {
    /// The opinions that are different from what is expected.
    fn compared(&self, verdict: &Verdict, answer: &Answer, left_out: Option<Opinion>) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(disagreement) = &verdict.disagreement
            && left_out != Some(Opinion::Oracle)
        {
            words.push(format!("oracle and simulator differ: {disagreement}"));
        }
        if verdict.outcome != self.expected && left_out != Some(Opinion::Simulator) {
            let line = verdict.denial.as_ref().and_then(|denial| denial.line.as_deref());
            words.push(format!("simulator says {} ({})", verdict.outcome, line.unwrap_or("no rule")));
        }
        if left_out != Some(Opinion::Kernel) {
            if answer.outcome != self.expected {
                words.push(format!("packets say {}", answer.outcome));
            } else if let (Some(by), Some(should)) = (&answer.by, &verdict.answered_by)
                && by != should
                && left_out != Some(Opinion::Simulator)
            {
                words.push(format!("answered by {by} instead of {should}"));
            }
        }
        words
    }
}

impl std::fmt::Display for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Probe { from, to, service } = &self.probe;
        write!(f, "{from} -> {} ({to}) {service}", self.to.name)
    }
}

/// How often what should have been answered is asked again, with more patience: on a machine that does much else an
/// answer may be late, and whoever drops a question drops it again.
const AGAIN: usize = 3;

/// Asks all of them with packets.
fn asked(lab: &Lab, questions: &[Question<'_>]) -> Vec<Answer> {
    let probes: Vec<_> = questions.iter().map(|question| question.probe.clone()).collect();
    let mut answers = lab.probe(&probes, Patience::default()).unwrap();
    for _ in 0..AGAIN {
        let is_late =
            |idx: &usize| answers[*idx].outcome == Outcome::Dropped && questions[*idx].expected != Outcome::Dropped;
        let late: Vec<_> = (0..questions.len()).filter(is_late).collect();
        if late.is_empty() {
            break;
        }
        let again: Vec<_> = late.iter().map(|idx| probes[*idx].clone()).collect();
        for (idx, answer) in late.into_iter().zip(lab.probe(&again, Patience::LONG).unwrap()) {
            answers[idx] = answer;
        }
    }
    answers
}

fn questions<'a>(table: &Matrix, scene: &'a Scene) -> Vec<Question<'a>> {
    let mut questions = Vec::new();
    for (row, cells) in &table.rows {
        let from = party(scene, row);
        for (column, cell) in table.columns.iter().zip(cells) {
            for (to, address, behind) in targets(scene, from, column, table.service) {
                let expected = if address.is_ipv4() { cell.v4 } else { cell.v6 };
                let has_family = from.address_like(address).is_some();
                if let (Some(expected), true) = (expected, has_family) {
                    let probe = Probe { from: row.clone(), to: address, service: table.service };
                    questions.push(Question { from, to, probe, behind, expected });
                }
            }
        }
    }
    questions
}

/// The addresses that a column stands for, each with who answers there and by what.
fn targets<'a>(
    scene: &'a Scene,
    from: &Party,
    column: &str,
    service: Service,
) -> Vec<(&'a Party, IpAddr, (IpAddr, Service))> {
    let mut virtual_ones = scene.topology.services.iter().filter(|found| found.service == service);
    if let Ok(address) = column.parse::<IpAddr>() {
        if let Some(found) = virtual_ones.find(|found| found.addresses.contains(&address)) {
            let backend = party(scene, &found.backend);
            let behind = backend.address_like(address).unwrap_or_else(|| panic!("nothing behind {address}"));
            return vec![(backend, address, (behind, with_port(service, found.port)))];
        }
        let owner = scene.owner(address).unwrap_or_else(|| panic!("nobody has {address}"));
        return vec![(owner, address, (address, service))];
    }
    let to = party(scene, column);
    let mut targets: Vec<_> = to.addresses.iter().map(|address| (to, *address, (*address, service))).collect();
    // Only nodes translate: what is outside of the cluster has no way to a virtual address.
    let same_port = |port| with_port(service, port) == service;
    for found in
        virtual_ones.filter(|found| *found.backend == *column && same_port(found.port) && from.node().is_some())
    {
        for address in &found.addresses {
            targets.extend(to.address_like(*address).map(|behind| (to, *address, (behind, service))));
        }
    }
    targets
}

fn with_port(service: Service, port: u16) -> Service {
    match service {
        Service::Tcp(_) => Service::Tcp(port),
        Service::Udp(_) => Service::Udp(port),
        Service::Sctp(_) => Service::Sctp(port),
        Service::Echo => Service::Echo,
    }
}

fn party<'a>(scene: &'a Scene, name: &str) -> &'a Party {
    let found = scene.parties.iter().find(|party| *party.name == *name);
    found.unwrap_or_else(|| panic!("nobody is called {name}"))
}
