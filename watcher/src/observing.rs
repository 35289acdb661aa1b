//! What is only observed, in words: of a configuration, and of what is loaded.

use engine::compile::options::{Mode, Observe, Paused};
use engine::observed::ObservedTable;
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
    let paused = pauses.iter().map(|pause| match &pause.whom {
        Paused::Node => "paused: the whole node".to_owned(),
        Paused::Namespace(namespace) => format!("paused: pods of namespace {namespace}"),
    });
    everything.into_iter().chain(by_name).chain(by_label).chain(paused).collect()
}

/// What a loaded table only observes. What has timed out is over.
pub fn loaded(table: &ObservedTable) -> Vec<String> {
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
    let lasts = |(name, set): (&Name, &Set)| {
        let whom = name.as_str().strip_prefix("pl_pause_")?.split_once('_')?.1.to_owned();
        (!set.elements.is_empty()).then_some(whom)
    };
    said.extend(table.sets.iter().filter_map(lasts).map(|whom| format!("paused: {whom}")));
    said
}

/// Whether a table has places, and all of them only observe.
fn is_everything(table: &ObservedTable) -> bool {
    let places = || table.counters.keys().filter_map(|name| Place::of_name(name.as_str())).map(|place| place.event);
    places().any(|event| event == Event::Observed) && !places().any(|event| event == Event::Denied)
}
