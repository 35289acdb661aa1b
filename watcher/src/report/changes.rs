//! What differs between kernel and sources, object by object: as a plan, and as drift.

use std::fmt::Write as _;

use engine::diff::{Change, Changed, Difference};
use engine::observed::{Observed, RuleContent};
use engine::render;
use engine::ruleset::{Rule, Ruleset};
use serde::Serialize;

use super::json::RuleJson;

/// The version of the JSON forms. A field that is added does not change it.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct PlanJson {
    version: u32,
    changes: Vec<ChangeJson>,
    summary: Counts,
}

/// One object.
#[derive(Debug, Serialize)]
pub(super) struct ChangeJson {
    /// `add`, `remove`, `change` in a plan; `missing`, `extra`, `different` in a status.
    action: &'static str,
    kind: &'static str,
    family: String,
    table: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<RuleJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elements: Option<usize>,
}

/// How many objects a plan adds, changes and removes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// The kernel does not have them.
    pub add: usize,
    /// The kernel has them otherwise.
    pub change: usize,
    /// The kernel has them and should not.
    pub remove: usize,
}

/// One line for each object, below a chain one for each of its rules, then a line that counts the objects.
pub fn plan(changes: &[Change], observed: &Observed, desired: &Ruleset) -> String {
    if changes.is_empty() {
        return "nothing to change\n".to_owned();
    }
    let mut text = String::new();
    for change in changes {
        let sign = match change.difference {
            Difference::Missing => '+',
            Difference::Extra => '-',
            Difference::Different(_) => '~',
        };
        let (rules, elements) = content(change, observed, desired);
        let elements = elements
            .map(|count| format!(" ({count} {})", if count == 1 { "element" } else { "elements" }))
            .unwrap_or_default();
        // Writing to a String cannot fail.
        let _: std::fmt::Result = writeln!(text, "{sign} {change}{elements}");
        for rule in rules {
            let _: std::fmt::Result = writeln!(text, "{sign}     {}", render::rule(rule));
        }
    }
    let Counts { add, change, remove } = count(changes);
    let _: std::fmt::Result = writeln!(text, "{add} to add, {change} to change, {remove} to remove");
    text
}

/// How many objects there are of each kind of change.
pub fn count(changes: &[Change]) -> Counts {
    let mut counts = Counts::default();
    for change in changes {
        match change.difference {
            Difference::Missing => counts.add += 1,
            Difference::Extra => counts.remove += 1,
            Difference::Different(_) => counts.change += 1,
        }
    }
    counts
}

/// The form of docs/reference/plan-json.md.
pub fn plan_json(changes: &[Change], observed: &Observed, desired: &Ruleset) -> String {
    let mut list = json(changes, Difference::planned);
    for (json, change) in list.iter_mut().zip(changes) {
        let (rules, elements) = content(change, observed, desired);
        json.rules = rules.into_iter().map(RuleJson::new).collect();
        json.elements = elements;
    }
    super::pretty(&PlanJson { version: VERSION, changes: list, summary: count(changes) })
}

/// What comes or goes with an object that is there only before or only after: the rules of a chain, and how many
/// elements a set has.
fn content<'a>(change: &Change, observed: &'a Observed, desired: &'a Ruleset) -> (Vec<&'a Rule>, Option<usize>) {
    let wanted = desired.tables.get(&change.table);
    let there = observed.tables.get(&change.table);
    match (&change.difference, &change.object) {
        (Difference::Missing, Changed::Chain(name)) => {
            let chain = wanted.and_then(|table| table.chains.get(name));
            (chain.map(|chain| chain.rules.iter().collect()).unwrap_or_default(), None)
        }
        (Difference::Extra, Changed::Chain(name)) => {
            let chain = there.and_then(|table| table.chains.get(name));
            let rules = chain.into_iter().flat_map(|chain| &chain.rules).filter_map(|rule| match &rule.content {
                RuleContent::Known(rule) => Some(rule),
                RuleContent::Unknown(_) => None,
            });
            (rules.collect(), None)
        }
        (Difference::Missing, Changed::Set(name)) => {
            (Vec::new(), wanted.and_then(|table| table.sets.get(name)).map(|set| set.elements.len()))
        }
        (Difference::Extra, Changed::Set(name)) => {
            (Vec::new(), there.and_then(|table| table.sets.get(name)).map(|set| set.elements.len()))
        }
        (
            Difference::Missing | Difference::Extra | Difference::Different(_),
            Changed::Table
            | Changed::Counter(_)
            | Changed::Quota(_)
            | Changed::Helper(_)
            | Changed::Set(_)
            | Changed::Element { .. }
            | Changed::Chain(_)
            | Changed::Rule { .. }
            | Changed::Unknown(_),
        ) => (Vec::new(), None),
    }
}

/// The objects, with the word for what is the matter.
pub(super) fn json(changes: &[Change], action: fn(&Difference) -> &'static str) -> Vec<ChangeJson> {
    let one = |change: &Change| {
        let Change { table, object, difference } = change;
        ChangeJson {
            action: action(difference),
            kind: object.kind(),
            family: table.family.to_string(),
            table: table.name.to_string(),
            name: object.name().map(ToString::to_string),
            detail: object.detail(),
            how: match difference {
                Difference::Missing | Difference::Extra => None,
                Difference::Different(how) => Some(how),
            },
            rules: Vec::new(),
            elements: None,
        }
    };
    changes.iter().map(one).collect()
}
