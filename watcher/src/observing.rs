//! What is only observed, in words: of a configuration, and of what is loaded.

use engine::compile::options::{Mode, Observe, Pause, Paused};
use engine::observed::{Observed, ObservedTable};
use engine::place::{Event, Place};
use engine::ruleset::{Name, Set};

/// What a configuration only observes, a sentence for each; none where everything is enforced.
pub fn configured(observe: &Observe) -> Vec<String> {
    let Observe { mode, namespaces, pauses } = observe;
    let everything = match mode {
        Mode::Observe => Some("mode observe: nothing is dropped, what would be is counted and logged".to_owned()),
        Mode::Enforce => None,
    };
    let names: Vec<&str> = namespaces.names.iter().map(|name| &**name).collect();
    let by_name = (!names.is_empty()).then(|| format!("only observed: pods of namespaces {}", names.join(", ")));
    let by_label =
        namespaces.selector.as_ref().map(|labels| format!("only observed: pods of namespaces with {labels}"));
    everything.into_iter().chain(by_name).chain(by_label).chain(pauses.iter().map(said_of)).collect()
}

/// What is loaded and only observes, pauses among it.
pub fn loaded(observed: &Observed) -> Vec<String> {
    let mut said: Vec<String> = observed.tables.values().flat_map(configured_in).collect();
    said.dedup();
    said.extend(paused(observed));
    said
}

/// The pauses that last in the kernel.
pub fn paused(observed: &Observed) -> Vec<String> {
    Pause::lasting(observed).iter().map(said_of).collect()
}

fn said_of(pause: &Pause) -> String {
    match &pause.whom {
        Paused::Node => "paused: the whole node".to_owned(),
        Paused::Namespace(namespace) => format!("paused: pods of namespace {namespace}"),
    }
}

/// What a loaded table only observes for as long as the configuration says so.
fn configured_in(table: &ObservedTable) -> Vec<String> {
    let n_elements = |beginning: &str| {
        let named = |(name, _): &(&Name, &Set)| name.as_str().starts_with(beginning);
        table.sets.iter().filter(named).map(|(_, set)| set.elements.len()).sum::<usize>()
    };
    let mut said = Vec::new();
    if is_everything(table) {
        said.push("observing: nothing is dropped, what would be is counted and logged".to_owned());
    }
    let is_of_namespaces = table.sets.contains_key(&Name::ours("observed4"));
    if is_of_namespaces {
        let n_addresses = n_elements("pl_observed");
        said.push(format!("observing: what would be dropped on behalf of {n_addresses} addresses of pods is not"));
    }
    said
}

/// Whether a table has places, and all of them only observe.
fn is_everything(table: &ObservedTable) -> bool {
    let places = || table.counters.keys().filter_map(|name| Place::of_name(name.as_str())).map(|place| place.event);
    places().any(|event| event == Event::Observed) && !places().any(|event| event == Event::Denied)
}
