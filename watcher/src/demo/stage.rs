//! The laboratory on which it happens.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use engine::apply::apply;
use engine::eval::ruleset::Owner;
use engine::kernel::{Kernel as _, Netlink};
use engine::observed::TableFlags;

use super::judge::{Judge, Verdict};
use super::report::{Cell, Family, Report};
use super::scene::{Party, Place, Scene};
use super::{DemoError, World};
use crate::lab::{Answer, Lab, LabError, Outcome, Patience, Probe, Service};

/// A laboratory that is up and answers; not yet filtered by anything.
#[derive(Debug)]
pub struct Built {
    lab: Lab,
}

/// A laboratory in which every node enforces its ruleset.
#[derive(Debug)]
pub struct Enforced {
    lab: Lab,
    /// Transactions committed in each node.
    pub commits: BTreeMap<Arc<str>, u32>,
}

/// A scene with its world: what every step needs.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a> {
    /// What is enforced.
    pub world: &'a World,
    /// Who is there.
    pub scene: &'a Scene,
}

/// One question with what the sources say about it.
#[derive(Debug)]
struct Question {
    from: usize,
    to: usize,
    service: Service,
    probe: Probe,
    verdict: Verdict,
}

impl Stage<'_> {
    /// Builds the namespaces and has everybody answer to every service.
    ///
    /// # Errors
    /// [`DemoError::Lab`]; [`LabError::NotPermitted`] without root.
    pub fn build(&self) -> Result<Built, DemoError> {
        let mut lab = Lab::up(&self.scene.topology)?;
        lab.listen(&self.scene.services)?;
        Ok(Built { lab })
    }

    /// Loads every node's ruleset by netlink, inside of the node.
    ///
    /// # Errors
    /// [`DemoError`] names the node.
    pub fn enforce(&self, built: Built) -> Result<Enforced, DemoError> {
        let Built { lab } = built;
        let mut commits = BTreeMap::new();
        for (node, ruleset) in &self.world.rulesets {
            let outcome = lab.namespace(node)?.run(|| {
                let mut kernel =
                    Netlink::open().map_err(|source| DemoError::Kernel { node: (&**node).into(), source })?;
                let flags = TableFlags { owner: false, persist: kernel.features().persist };
                apply(&mut kernel, ruleset, flags, &mut |_| ControlFlow::Continue(()))
                    .map_err(|source| DemoError::Apply { node: (&**node).into(), source })
            })??;
            commits.insert(Arc::clone(node), outcome.n_commits);
        }
        Ok(Enforced { lab, commits })
    }

    /// Asks every question with real packets, and puts beside it what the sources say.
    ///
    /// # Errors
    /// [`DemoError::Lab`].
    pub fn ask(&self, enforced: &Enforced) -> Result<Report, DemoError> {
        let questions = self.questions(owner()?);
        let lab = &enforced.lab;
        let probes: Vec<Probe> = questions.iter().map(|question| question.probe.clone()).collect();
        let mut answers = lab.probe(&probes, Patience::default())?;
        ask_again(lab, &questions, &mut answers)?;
        let mut cells = Vec::with_capacity(questions.len());
        for (question, answer) in questions.into_iter().zip(answers) {
            let Question { from, to, service, probe, verdict } = question;
            let family = if probe.to.is_ipv4() { Family::V4 } else { Family::V6 };
            cells.push(Cell { from, to, service, family, verdict, answer });
        }
        Ok(Report { parties: self.scene.parties.clone(), services: self.scene.services.clone(), cells })
    }

    /// Every service, everybody to everybody else by every family that both have. What goes from outside to outside
    /// passes no node.
    fn questions(&self, owner: Owner) -> Vec<Question> {
        let judge = Judge::new(self.world, self.scene, owner);
        let mut questions = Vec::new();
        for service in &self.scene.services {
            for (from, asking) in self.scene.parties.iter().enumerate() {
                for (to, asked) in self.scene.parties.iter().enumerate().filter(|(to, _)| *to != from) {
                    if asking.place == Place::Outside && asked.place == Place::Outside {
                        continue;
                    }
                    questions.extend(both_families(&judge, (from, asking), (to, asked), *service));
                }
            }
        }
        questions
    }
}

impl Enforced {
    /// The laboratory, for whoever wants to look into it or to meddle with it.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// The same, for whoever has others answer in it.
    pub fn lab_mut(&mut self) -> &mut Lab {
        &mut self.lab
    }
}

fn both_families<'a>(
    judge: &Judge<'a>,
    (from, asking): (usize, &'a Party),
    (to, asked): (usize, &'a Party),
    service: Service,
) -> Vec<Question> {
    let question = |address: &std::net::IpAddr| {
        let verdict = judge.verdict(asking, asked, *address, service)?;
        let probe = Probe { from: asking.name.clone(), to: *address, service };
        Some(Question { from, to, service, probe, verdict })
    };
    asked.addresses.iter().filter_map(question).collect()
}

/// What should have been answered is asked again with more patience: on a machine that does much else an answer may be
/// late, and a filter that drops the first question drops the second too.
fn ask_again(lab: &Lab, questions: &[Question], answers: &mut [Answer]) -> Result<(), LabError> {
    let late: Vec<usize> = (0..questions.len())
        .filter(|idx| answers.get(*idx).is_some_and(|answer| answer.outcome == Outcome::Dropped))
        .filter(|idx| questions.get(*idx).is_some_and(|question| question.verdict.outcome != Outcome::Dropped))
        .collect();
    let probes: Vec<Probe> = late.iter().filter_map(|idx| questions.get(*idx)).map(|q| q.probe.clone()).collect();
    for (idx, answer) in late.into_iter().zip(lab.probe(&probes, Patience::LONG)?) {
        if let Some(slot) = answers.get_mut(idx) {
            *slot = answer;
        }
    }
    Ok(())
}

/// Whom the sockets of this process belong to.
///
/// # Errors
/// [`LabError::Io`].
pub fn owner() -> Result<Owner, LabError> {
    let process = std::fs::metadata("/proc/self")
        .map_err(|source| LabError::Io { what: "asking who runs this process".into(), source })?;
    Ok(Owner { uid: process.uid(), gid: process.gid() })
}
