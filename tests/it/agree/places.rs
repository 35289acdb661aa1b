//! Where a decision shows in the kernel: the counters that it moves, by what the oracle says and by what the rules do.

use engine::eval::policy::{Answer, Cause, Decision, Judgement, Layer, Outcome};
use engine::eval::ruleset::{Counted, Evaluation};
use engine::place::{self, Event, Place};
use policy_lang::policy::{Action, Logging};

/// The places at which a packet has to be counted, sorted; none where policy has no say.
pub(super) fn expected(decision: &Decision) -> Vec<Place> {
    if decision.cause == Cause::Vital {
        return Vec::new();
    }
    let mut places = Vec::new();
    if decision.cause == Cause::RoutingFromPod {
        places.push(Place { event: denial(decision.outcome), cause: place::Cause::RouterAdvertisement });
    }
    for judgement in &decision.judgements {
        judgement.layers.iter().for_each(|layer| of_layer(judgement, layer, &mut places));
        // Nobody is asked behind a denial.
        if judgement.outcome == Outcome::Denied {
            break;
        }
    }
    places.sort_unstable();
    places
}

fn of_layer(judgement: &Judgement, layer: &Layer, places: &mut Vec<Place>) {
    let policy = place::Cause::Policy(judgement.direction, layer.tier);
    let quarantine = place::Cause::Quarantine(judgement.direction);
    places.extend(layer.audited.iter().map(|_| Place { event: Event::Audited, cause: policy }));
    let place = match &layer.answer {
        Answer::Rule(Action::Deny, _) | Answer::Isolated { .. } => Some((denial(judgement.outcome), policy)),
        Answer::Rule(Action::Accept | Action::Pass, matched) => match matched.logging {
            Logging::Logged => Some((Event::Logged, policy)),
            Logging::Silent => None,
        },
        Answer::Quarantined { .. } => Some((denial(judgement.outcome), quarantine)),
        Answer::QuarantineCounted { .. } => Some((Event::Audited, quarantine)),
        Answer::Unbound | Answer::NoMatch => None,
    };
    places.extend(place.map(|(event, cause)| Place { event, cause }));
}

/// What a denial is called that is carried out, or not.
fn denial(outcome: Outcome) -> Event {
    match outcome {
        Outcome::Observed => Event::Observed,
        Outcome::Allowed | Outcome::Denied => Event::Denied,
    }
}

/// The places at which it was counted, sorted.
pub(super) fn counted(evaluation: &Evaluation) -> Vec<Place> {
    let place = |counted: &Counted| match counted {
        Counted::Named(_, name) => Place::of_name(name.as_str()),
        Counted::InRule(_) => None,
    };
    let mut places: Vec<_> = evaluation.counted.iter().filter_map(place).collect();
    places.sort_unstable();
    places
}
