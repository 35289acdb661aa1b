//! The states of the sources that follow each other in a case, put in force on a laboratory.

use std::ops::ControlFlow;

use engine::apply::{Step as Applied, apply};
use engine::kernel::Netlink;
use engine::observed::TableFlags;
use engine::ruleset::Ruleset;
use watcher::demo::World;
use watcher::flows::Before;

use super::arena::Arena;
use super::cluster::Cluster;
use super::flows::{self, Flow, Wanted};
use super::opinions::Court;
use super::script::{Action, Expectation, Script, Tool};

/// A state of the sources that is expected to do something, and what is carried out before it is in force.
pub(crate) struct Act {
    pub(crate) heading: String,
    pub(crate) world: World,
    /// Connections that are opened before it is in force.
    wanted: Vec<Wanted>,
    commands: Vec<(String, Tool, String)>,
    pub(crate) expectation: Expectation,
}

impl Act {
    /// The states between the steps of a case that are expected to do something.
    pub(crate) fn all(script: &Script, mut cluster: Cluster) -> Vec<Self> {
        let mut acts = Vec::new();
        let mut commands = Vec::new();
        let mut wanted = Vec::new();
        let mut heading = String::new();
        for step in &script.steps {
            cluster.step(&step.action);
            match &step.action {
                Action::Open(flows) => wanted.extend_from_slice(flows),
                Action::Run { place, tool, lines } => commands.push((place.clone(), *tool, lines.clone())),
                Action::Expect(expectation) => acts.push(Self {
                    heading: std::mem::take(&mut heading),
                    world: cluster.world(),
                    wanted: std::mem::take(&mut wanted),
                    commands: std::mem::take(&mut commands),
                    expectation: expectation.clone(),
                }),
                Action::Apply(_)
                | Action::Delete { .. }
                | Action::Label { .. }
                | Action::Forget { .. }
                | Action::Baseline(_)
                | Action::Options(_)
                | Action::Host { .. } => {}
            }
            if !matches!(step.action, Action::Expect(_)) {
                heading.clone_from(&step.heading);
            }
        }
        acts
    }
}

impl Act {
    /// Carries out what the case wants first, loads every node's ruleset and asks; what differs, and how many questions were asked.
    pub(crate) fn played(&self, before: Option<&World>, arena: &Arena, held: &mut Vec<Flow>) -> (Vec<String>, usize) {
        for (place, tool, lines) in &self.commands {
            let namespace = arena.lab.namespace(place).unwrap();
            match tool {
                Tool::Nft => namespace.nft(lines).unwrap(),
                Tool::Ip => namespace.ip(lines).unwrap(),
            }
        }
        held.extend(self.wanted.iter().flat_map(|wanted| flows::open(&arena.lab, wanted)));
        for (node, ruleset) in &self.world.rulesets {
            let before = before.and_then(|world| world.rulesets.get(node));
            arena.lab.namespace(node).unwrap().run(|| self.enforce(before, ruleset)).unwrap();
        }
        let court = Court::new(&arena.lab, &arena.scene, &self.world, &self.expectation);
        let (mut found, mut asked) = court.differences();
        if !self.expectation.live.is_empty() {
            let (live, more) = court.live_differences(held);
            found.extend(live);
            asked += more;
        }
        (found, asked)
    }

    /// Puts a ruleset in force where the calling thread is, and has the connections that it concerns judged.
    fn enforce(&self, before: Option<&Ruleset>, ruleset: &Ruleset) {
        let mut kernel = Netlink::open().unwrap();
        apply(&mut kernel, ruleset, TableFlags::default(), &mut |_: Applied<'_>| ControlFlow::Continue(())).unwrap();
        let before = before.map_or(Before::Unknown, Before::Judged);
        let affected = watcher::flows::affected(before, ruleset);
        watcher::flows::judge(affected, ruleset, &self.world.options.local).unwrap();
    }
}
