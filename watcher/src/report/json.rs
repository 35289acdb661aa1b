//! A ruleset as JSON, in the form that docs/reference/ruleset-json.md promises.

use engine::render;
use engine::ruleset::{Chain, ElementData, MapData, Rule, Ruleset, Set, SetSpec, Table, TableKey};
use serde::Serialize;

/// The version of the form. A field that is added does not change it.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct RulesetJson {
    version: u32,
    tables: Vec<TableJson>,
}

#[derive(Serialize)]
struct TableJson {
    family: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    counters: Vec<CounterJson>,
    quotas: Vec<QuotaJson>,
    #[serde(rename = "ctHelpers")]
    helpers: Vec<HelperJson>,
    sets: Vec<SetJson>,
    chains: Vec<ChainJson>,
}

#[derive(Serialize)]
struct CounterJson {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

#[derive(Serialize)]
struct QuotaJson {
    name: String,
    bytes: u64,
    over: bool,
}

#[derive(Serialize)]
struct HelperJson {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    protocol: &'static str,
    l3proto: &'static str,
}

#[derive(Serialize)]
struct SetJson {
    name: String,
    /// The set without its elements, in nft's words, one statement for each line.
    spec: Vec<String>,
    #[serde(rename = "mapsTo")]
    maps_to: &'static str,
    elements: Vec<ElementJson>,
}

#[derive(Serialize)]
struct ElementJson {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "timeoutSeconds")]
    timeout_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

#[derive(Serialize)]
struct ChainJson {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<BaseJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    rules: Vec<RuleJson>,
}

#[derive(Serialize)]
struct BaseJson {
    r#type: String,
    hook: String,
    priority: i32,
}

/// One rule.
#[derive(Debug, Serialize)]
pub(super) struct RuleJson {
    rule: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

/// The ruleset as indented JSON with a final newline.
pub fn ruleset(ruleset: &Ruleset) -> String {
    let tables = ruleset.tables.iter().map(|(key, table)| table_json(key, table)).collect();
    super::pretty(&RulesetJson { version: VERSION, tables })
}

fn table_json(key: &TableKey, table: &Table) -> TableJson {
    let Table { comment, counters, quotas, helpers, sets, chains } = table;
    TableJson {
        family: key.family.to_string(),
        name: key.name.to_string(),
        comment: comment.as_ref().map(ToString::to_string),
        counters: counters
            .iter()
            .map(|(name, comment)| CounterJson {
                name: name.to_string(),
                comment: comment.as_ref().map(ToString::to_string),
            })
            .collect(),
        quotas: quotas
            .iter()
            .map(|(name, quota)| QuotaJson { name: name.to_string(), bytes: quota.bytes, over: quota.over })
            .collect(),
        helpers: helpers
            .iter()
            .map(|(name, helper)| HelperJson {
                name: name.to_string(),
                kind: helper.kind.to_string(),
                protocol: helper.transport.keyword(),
                l3proto: helper.network.keyword(),
            })
            .collect(),
        sets: sets.iter().map(|(name, set)| set_json(name.as_str(), set)).collect(),
        chains: chains.iter().map(|(name, chain)| chain_json(name.as_str(), chain)).collect(),
    }
}

fn set_json(name: &str, set: &Set) -> SetJson {
    let Set { spec, elements } = set;
    SetJson {
        name: name.to_owned(),
        spec: spec_lines(spec),
        maps_to: match spec.data {
            MapData::Nothing => "nothing",
            MapData::Verdict => "verdict",
            MapData::Value(_) => "value",
            MapData::Counter => "counter",
        },
        elements: elements
            .iter()
            .map(|(key, element)| ElementJson {
                key: render::element_key(key),
                value: match &element.data {
                    ElementData::Nothing => None,
                    ElementData::Verdict(verdict) => Some(render::verdict(verdict)),
                    ElementData::Value(values) => Some(render::value(values)),
                    ElementData::Counter(name) => Some(name.to_string()),
                },
                timeout_seconds: element.timeout.map(|timeout| timeout.as_secs()),
                comment: element.comment.as_ref().map(ToString::to_string),
            })
            .collect(),
    }
}

fn spec_lines(spec: &SetSpec) -> Vec<String> {
    render::set_spec(spec).lines().map(str::trim).filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect()
}

fn chain_json(name: &str, chain: &Chain) -> ChainJson {
    let Chain { base, comment, rules } = chain;
    ChainJson {
        name: name.to_owned(),
        base: base.as_ref().map(|base| BaseJson {
            r#type: base.chain_type.to_string(),
            hook: base.hook.to_string(),
            priority: base.priority.0,
        }),
        comment: comment.as_ref().map(ToString::to_string),
        rules: rules.iter().map(RuleJson::new).collect(),
    }
}

impl RuleJson {
    /// The rule in nft's words, and the source line that it came from.
    pub(super) fn new(rule: &Rule) -> Self {
        let text = render::rule(&Rule { exprs: rule.exprs.clone(), comment: None });
        Self { rule: text, origin: rule.comment.as_ref().map(ToString::to_string) }
    }
}
