//! Why a connection is permitted or denied: every node on its way, every layer that it passes there, and the line that
//! decides.
//!
//! The oracle judges by the words of the policies. The compiled rulesets are asked the same by the simulator, together
//! with the host rules; where the two contradict each other, that is said, because one of them is wrong.
//!
//! What is absent: the kernel. It needs no right and no rules that are loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use engine::compile::options::PodOptions;
use engine::compile::{ForwardMode, HostInput, Input, compile, compile_ends};
use engine::eval::policy::{Cause, Connection, Decision, Oracle, Outcome, Way};
use engine::inventory::Inventory;
use engine::ruleset::Ruleset;
use policy_lang::manifest::Object;
use policy_lang::policy::{Direction, Policy};

pub use self::change::Change;
pub use self::effect::{Effect, RuleEffect, effects};
pub use self::made_up::{MadeUp, make_up};
pub use self::parties::{Party, Place, Target};
pub use self::question::{About, Question, QuestionError, Wanted};

mod change;
mod doubt;
mod effect;
mod hints;
mod made_up;
pub(crate) mod origins;
mod parties;
mod question;
mod walk;

use self::doubt::Granted;
use self::walk::ByHost;

/// Everything that an explanation is made from.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// Policies of every tier.
    pub policies: &'a [Policy],
    /// The cluster.
    pub inventory: &'a Inventory,
    /// The objects that it was read from: Services' ports, and pods that are no subjects.
    pub objects: &'a [Object],
    /// The host rules; the same on every node.
    pub host: Option<HostInput<'a>>,
    /// How pod policy and the host's FORWARD rules meet.
    pub forward_mode: ForwardMode,
    /// How pod policy is enforced.
    pub options: &'a PodOptions,
    /// The only node whose part is wanted; every node on the way if none is given.
    pub node: Option<&'a str>,
}

/// What becomes of a connection, for each backend, port and family that it can mean.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// Who connects.
    pub from: Party,
    /// The Service that it goes through.
    pub service: Option<Box<str>>,
    /// Each connection that the question can mean.
    pub cases: Vec<Case>,
    /// What helps to understand it.
    pub hints: Vec<String>,
}

/// One connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Case {
    /// Whom it reaches.
    pub to: Party,
    /// From which address.
    pub source: IpAddr,
    /// To which address, behind any Service.
    pub destination: IpAddr,
    /// The port there, or what else it is about.
    pub about: About,
    /// What each node on the way does, in order.
    pub steps: Vec<Step>,
    /// What becomes of it.
    pub outcome: Outcome,
    /// What decided.
    pub deciding: Deciding,
    /// What to change so that the end which decided says the opposite.
    pub change: Option<Change>,
    /// How oracle and simulator contradict each other: a bug of one of them.
    pub contradiction: Option<String>,
    /// Host rules of which nobody can know whether they match, and on which it depends: they look at what a question does not
    /// say.
    pub unknown: BTreeSet<String>,
}

/// What one node does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// Which.
    pub node: Arc<str>,
    /// How the packet passes through it.
    pub way: Way,
    /// What pod policy says there.
    pub decision: Decision,
    /// The host rule that denies it there, by its source line.
    pub host: Option<HostDenial>,
}

/// A host rule that denies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostDenial {
    /// Its source line.
    pub line: Box<str>,
    /// Which of the packets it denies.
    pub packet: Denied,
}

/// Which packet of a connection is denied.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Denied {
    /// The first.
    First,
    /// The answer to it.
    Answer,
}

/// What decided about a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Deciding {
    /// Pod policy on this node: for a denial the first end that denied, for a permission the last that was asked.
    Policy {
        /// The node.
        node: Arc<str>,
        /// The end; none where policy has no say in it.
        direction: Option<Direction>,
        /// Why.
        cause: Cause,
    },
    /// A host rule on this node.
    Host {
        /// The node.
        node: Arc<str>,
        /// Which.
        denial: HostDenial,
    },
    /// It passes no node that was asked about.
    NoNode,
}

/// The rulesets of a node.
#[derive(Debug)]
struct Rulesets {
    /// Everything.
    all: Ruleset,
    /// Without the host rules: what the oracle, which knows policies only, is compared with.
    pods: Option<Ruleset>,
    /// The addresses between which they judge; every one if none are given.
    ends: Option<BTreeSet<IpAddr>>,
}

impl Rulesets {
    fn judge(&self, ends: &BTreeSet<IpAddr>) -> bool {
        self.ends.as_ref().is_none_or(|judged| ends.is_subset(judged))
    }
}

/// Explains connections of one world. For each node it compiles what the first question is about, and for one about others
/// everything.
#[derive(Debug)]
pub struct Explainer<'a> {
    world: World<'a>,
    rulesets: BTreeMap<Arc<str>, Rulesets>,
}

impl<'a> Explainer<'a> {
    /// Nothing is compiled yet.
    pub fn new(world: World<'a>) -> Self {
        Self { world, rulesets: BTreeMap::new() }
    }

    /// What a question means, and what becomes of it.
    ///
    /// # Errors
    /// [`QuestionError`] if it names something that is not there.
    pub fn explain(&mut self, question: &Question) -> Result<Explanation, QuestionError> {
        let from = parties::party(&self.world, &question.from)?;
        let Target { service, backends, hints: found } = parties::target(&self.world, question, &from)?;
        let asked = backends.into_iter().filter_map(|(to, address, about)| {
            let source = from.address_like(address)?;
            Some((to, (source, address, about)))
        });
        let asked: Vec<_> = asked.collect();
        let ends = asked.iter().flat_map(|(_, (source, destination, _))| [*source, *destination]).collect();
        let cases: Vec<Case> = asked.into_iter().map(|(to, asked)| self.case(&from, to, asked, &ends)).collect();
        if cases.is_empty() {
            return Err(QuestionError::NoFamily { from: question.from.clone(), to: question.to.clone() });
        }
        let mut hints = found;
        hints.extend(hints::hints(&self.world, &from, &cases));
        Ok(Explanation { from, service, cases, hints })
    }

    fn case(&mut self, from: &Party, to: Party, asked: (IpAddr, IpAddr, About), ends: &BTreeSet<IpAddr>) -> Case {
        let (source, destination, about) = asked;
        let mut ways = walk::ways(from, &to, source == destination);
        ways.retain(|(node, _)| self.world.node.is_none_or(|only| only == &**node));
        for (node, _) in &ways {
            self.compile(node, ends);
        }
        let mut steps = Vec::new();
        let mut contradiction = None;
        for (node, way) in &ways {
            let World { policies, inventory, options, .. } = self.world;
            let connection = Connection::new(source, destination, about.judged(destination), *way);
            let decision = Oracle { policies, inventory, node, options }.decide(&connection);
            if let Some(Rulesets { all, pods, ends: _ }) = self.rulesets.get(node) {
                let packet = walk::packet(source, destination, about);
                let pods_only = walk::through(&self.world, pods.as_ref().unwrap_or(all), node, *way, packet);
                contradiction = contradiction.or_else(|| walk::contradiction(node, &decision, &pods_only));
            }
            steps.push(Step { node: Arc::clone(node), way: *way, decision, host: None });
        }
        let all = |node: &Arc<str>| self.rulesets.get(node).map(|rulesets| &rulesets.all);
        let by_host = |granted: &_| walk::by_host(&self.world, &ways, &all, asked, &steps, granted);
        let ByHost { denial, doubts } = by_host(&Granted::new());
        let decisive = doubt::decisive((&denial.is_some(), &doubts), |granted| {
            let ByHost { denial, doubts } = by_host(granted);
            (denial.is_some(), doubts)
        });
        let unknown = decisive.into_iter().filter_map(|rule| Some(rule.comment?.to_string())).collect();
        if let Some((idx, denial)) = denial
            && let Some(step) = steps.get_mut(idx)
        {
            step.host = Some(denial);
        }
        let (outcome, deciding) = verdict(&steps);
        let change = None;
        let mut case =
            Case { to, source, destination, about, steps, outcome, deciding, change, contradiction, unknown };
        case.change = change::change(&self.world, from, &case);
        case
    }

    /// Compiles what is not yet there for a question about these addresses.
    fn compile(&mut self, node: &Arc<str>, ends: &BTreeSet<IpAddr>) {
        if self.rulesets.get(node).is_some_and(|known| known.judge(ends)) {
            return;
        }
        let World { policies, inventory, objects: _, host, forward_mode, options, node: _ } = self.world;
        let input = Input { policies, host, inventory, node, forward_mode, pods: options, sources: &[] };
        let ends = (!self.rulesets.contains_key(node)).then(|| ends.clone());
        let of_pods = |input: &Input<'_>| match &ends {
            Some(ends) => compile_ends(input, ends.clone()),
            None => compile(input).0,
        };
        let (all, pods) = match host {
            None => (of_pods(&input), None),
            // Host rules may send a packet to another pod than it was sent to.
            Some(_) => (compile(&input).0, Some(of_pods(&Input { host: None, ..input }))),
        };
        self.rulesets.insert(Arc::clone(node), Rulesets { all, pods, ends });
    }
}

impl Explanation {
    /// Whether oracle and simulator agree everywhere.
    pub fn is_sound(&self) -> bool {
        self.cases.iter().all(|case| case.contradiction.is_none())
    }
}

/// The first denial on the way decides, a host rule's or a policy's; without one, whoever was asked last.
fn verdict(steps: &[Step]) -> (Outcome, Deciding) {
    let by_policy = |step: &Step, decision: &Decision| Deciding::Policy {
        node: Arc::clone(&step.node),
        direction: deciding_direction(decision),
        cause: decision.cause.clone(),
    };
    for step in steps {
        match &step.host {
            Some(denial) => {
                return (Outcome::Denied, Deciding::Host { node: Arc::clone(&step.node), denial: denial.clone() });
            }
            None if step.decision.outcome == Outcome::Denied => {
                return (Outcome::Denied, by_policy(step, &step.decision));
            }
            None => {}
        }
    }
    if let Some(step) = steps.iter().find(|step| step.decision.outcome == Outcome::Observed) {
        return (Outcome::Observed, by_policy(step, &step.decision));
    }
    let asked = steps.iter().rev().find(|step| step.decision.cause != Cause::NoPod).or(steps.last());
    (Outcome::Allowed, asked.map_or(Deciding::NoNode, |step| by_policy(step, &step.decision)))
}

/// At which end a decision was made.
fn deciding_direction(decision: &Decision) -> Option<Direction> {
    let first = |outcome| decision.judgements.iter().find(|judgement| judgement.outcome == outcome);
    first(Outcome::Denied)
        .or(first(Outcome::Observed))
        .or(decision.judgements.last())
        .map(|judgement| judgement.direction)
}
