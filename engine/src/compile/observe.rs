//! What lifts denials and belongs to no pod: how long a pause lasts, and what becomes of the host's own drops.

use std::time::Duration;

use super::builder::TableBuilder;
use super::options::{Mode, Observe, Pause, Paused, PodOptions};
use super::pods;
use crate::ruleset::{
    DataType, Datum, Element, ElementKey, Expr, Field, Lookup, Name, Operator, Rule, Set, SetRef, SetSpec, Verdict,
};

/// The numbers of IPv4, IPv6, bridged frames and ARP in `meta nfproto`: every packet has one of them.
const EVERY_PACKET: [u32; 4] = [2, 10, 7, 3];

/// Makes the sets whose elements say by their time how long each pause lasts.
pub(super) fn pauses(observe: &Observe, builder: &mut TableBuilder) {
    for pause in &observe.pauses {
        let element = Element { timeout: Some(pause.lasts), ..Element::PLAIN };
        let key = |number| ElementKey::values([Datum::number(DataType::NfProto, number)]);
        let elements = EVERY_PACKET.into_iter().map(|number| (key(number), element.clone())).collect();
        let comment = Some(pause.comment());
        let spec = SetSpec { timeout: Some(Duration::ZERO), comment, ..SetSpec::hash([DataType::NfProto]) };
        builder.named_set(name("pause", pause), Set { spec, elements });
    }
}

/// The test that a pause lasts.
pub(super) fn lasts(pause: &Pause) -> Expr {
    let set = SetRef::Named(name("pause", pause));
    Expr::Lookup(Lookup { key: vec![Field::NfProto], operator: Operator::Eq, set })
}

/// The name of something that a pause has; another pause of the same has another.
pub(super) fn name(kind: &str, pause: &Pause) -> Name {
    let whom = match &pause.whom {
        Paused::Node => "node",
        Paused::Namespace(namespace) => namespace,
    };
    Name::ours(&format!("{kind}_{}_{whom}", crate::hash::text(&format!("{} {whom}", pause.number))))
}

/// How many more chains a packet is led through where a host rule denies.
pub(super) fn depth(options: &PodOptions) -> usize {
    match options.observe.mode {
        Mode::Observe => 1,
        Mode::Enforce if of_node(&options.observe).next().is_some() => 2,
        Mode::Enforce => 0,
    }
}

/// Whether any denial is lifted, now or for some time.
pub(super) fn lifts(options: &PodOptions) -> bool {
    match options.observe.mode {
        Mode::Observe => true,
        Mode::Enforce => of_node(&options.observe).next().is_some(),
    }
}

/// Lifts the drops and rejections among the statements of one chain of the host rules, which is told by its table and
/// name. Each rule goes on counting for itself.
pub(super) fn lift<'a>(
    chain: &str,
    statements: impl Iterator<Item = &'a mut [Expr]>,
    options: &PodOptions,
    builder: &mut TableBuilder,
) {
    if !lifts(options) {
        return;
    }
    let denying: Vec<&mut Expr> = statements.flatten().filter(|expr| denies(expr)).collect();
    if denying.is_empty() {
        return;
    }
    let tests: Vec<Expr> = of_node(&options.observe).map(lasts).collect();
    let observed = Expr::Verdict(Verdict::Goto(pods::place::host(chain, options, builder)));
    for expr in denying {
        *expr = match options.observe.mode {
            Mode::Observe => observed.clone(),
            Mode::Enforce => {
                let lifted = tests.iter().map(|test| vec![test.clone(), observed.clone()]);
                let rules = lifted.chain([vec![expr.clone()]]).map(|exprs| Rule { exprs, comment: None }).collect();
                Expr::Verdict(Verdict::Goto(builder.chain("h_deny", "", rules, None)))
            }
        };
    }
}

fn of_node(observe: &Observe) -> impl Iterator<Item = &Pause> {
    observe.pauses.iter().filter(|pause| pause.whom == Paused::Node)
}

fn denies(expr: &Expr) -> bool {
    matches!(expr, Expr::Verdict(Verdict::Drop) | Expr::Reject(_))
}
