//! The state as JSON, in the form that docs/reference/status-json.md promises.

use engine::diff::Difference;
use serde::Serialize;

use super::ends::{self, BaseChainEnd};
use super::{Comparison, Size, Status, size};
use crate::confirm::Probation;
use crate::report::changes;

/// The version of the form. A field that is added does not change it.
const VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusJson {
    version: u32,
    loaded: bool,
    in_sync: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_compared: Option<String>,
    awaits_confirmation: &'static str,
    sources: Vec<SourceJson>,
    tables: Vec<TableJson>,
    base_chains: Vec<BaseChainEnd>,
    drift: Vec<changes::ChangeJson>,
    not_enforced: Vec<BridgeJson>,
    observing: Vec<String>,
    /// Whoever changed it; nothing, because nobody listened.
    changed_by: Option<String>,
}

#[derive(Serialize)]
struct SourceJson {
    kind: String,
    path: String,
}

/// A bridge between whose pods nothing is enforced.
#[derive(Serialize)]
struct BridgeJson {
    bridge: String,
    pods: Vec<String>,
}

#[derive(Serialize)]
struct TableJson {
    family: String,
    name: String,
    owner: bool,
    persist: bool,
    #[serde(flatten)]
    size: Size,
}

/// The form of docs/reference/status-json.md.
pub fn json(status: &Status) -> String {
    let tables = status.observed.tables.iter().map(|(key, table)| TableJson {
        family: key.family.to_string(),
        name: key.name.to_string(),
        owner: table.flags.owner,
        persist: table.flags.persist,
        size: size(table),
    });
    let sources = status.recorded.iter();
    let bridges = status.not_enforced.iter().map(|unseen| BridgeJson {
        bridge: unseen.bridge.to_string(),
        pods: unseen.pods.keys().map(ToString::to_string).collect(),
    });
    crate::report::pretty(&StatusJson {
        version: VERSION,
        loaded: status.is_loaded(),
        in_sync: status.in_sync(),
        not_compared: match &status.comparison {
            Comparison::Compared(_) => None,
            Comparison::NotCompared(why) => Some(why.clone()),
        },
        awaits_confirmation: match status.probation {
            Probation::None => "no",
            Probation::Guarded => "yes",
            Probation::Unguarded => "guard-died",
        },
        sources: sources.map(|it| SourceJson { kind: it.kind.to_string(), path: it.path.clone() }).collect(),
        tables: tables.collect(),
        base_chains: ends::base_chains(&status.observed),
        not_enforced: bridges.collect(),
        observing: status.observing(),
        drift: changes::json(status.drift(), Difference::found),
        changed_by: None,
    })
}
