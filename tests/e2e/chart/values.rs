//! Every value does something, and nothing that is no value is taken for one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use super::cases;
use crate::{tools, yaml};

/// Values of the program that the chart does not offer: where the sources are is its own business, and ranges of the Node
/// are not known before nodes are watched; and an agent runs no commands.
const NOT_OFFERED: [&str; 8] =
    ["host", "hostConfigMap", "hostIpsets", "hostAllowExec", "manifests", "baseline", "node", "nodePodCIDRs"];

/// Texts that have a form: what to write there.
const FORMS: [(&str, &str); 12] = [
    ("hostRules.configMap", "changed/changed"),
    ("config.hostProbe", "tcp:192.0.2.9:1"),
    ("canary.config.hostProbe", "tcp:192.0.2.9:1"),
    ("image.digest", "sha256:2222222222222222222222222222222222222222222222222222222222222222"),
    ("canary.image.digest", "sha256:2222222222222222222222222222222222222222222222222222222222222222"),
    ("apiServer.url", "https://192.0.2.9"),
    ("hostRules.file", "/etc/changed/changed.ferm"),
    ("listen.address", "192.0.2.9"),
    ("prometheus.serviceMonitor.interval", "7m"),
    ("prometheus.podMonitor.interval", "7m"),
    ("config.revokedBit", "0x20"),
    ("canary.config.revokedBit", "0x20"),
];

/// What must not be there for a value to count.
const CONDITIONS: [(&str, &str); 3] = [
    ("image.tag", "image.digest"),
    ("canary.image.tag", "canary.image.digest"),
    ("metrics.service.enabled", "prometheus.serviceMonitor.enabled"),
];

#[test]
#[ignore = "needs helm: make e2e"]
fn a_change_of_any_value_changes_what_is_rendered() {
    let chart = Whole::new();
    let values = whole_values();
    let mut ignored = Vec::new();
    let leaves = leaves(&schema());
    assert!(leaves.len() > 80, "{}", leaves.len());
    for (path, schema) in leaves {
        let mut before = values.clone();
        if let Some((_, cleared)) = CONDITIONS.iter().find(|(value, _)| *value == path) {
            let is_on = at(&before, cleared).is_boolean();
            set(&mut before, cleared, if is_on { json!(false) } else { json!("") });
        }
        let mut after = before.clone();
        let now = at(&before, &path);
        // What a canary does not say is said by the others' configuration.
        let now = if now.is_null() { at(&before, path.strip_prefix("canary.").unwrap_or(&path)) } else { now };
        let changed = changed(&path, &schema, &now);
        set(&mut after, &path, changed.clone());
        let render = |values| tools::render(&chart.0, values).unwrap_or_else(|error| panic!("{path}: {error}"));
        if render(&before) == render(&after) {
            ignored.push(format!("{path}: {changed}"));
        }
    }
    assert!(ignored.is_empty(), "{ignored:#?}");
}

#[test]
#[ignore = "needs helm: make e2e"]
fn a_key_that_is_no_value_is_refused_wherever_it_stands() {
    let mut groups = Vec::new();
    groups_of(&schema(), "", &mut groups);
    assert!(groups.len() > 25, "{groups:?}");
    for group in groups {
        let mut values = json!({});
        set(&mut values, &format!("{group}misspelt"), json!(1));
        let refusal = tools::render(&tools::chart(), &values).expect_err(&group);
        assert!(refusal.contains("misspelt"), "{group}: {refusal}");
    }
}

#[test]
#[ignore = "needs helm: make e2e"]
fn values_that_cannot_work_are_refused_with_the_reason() {
    for (values, reason) in [
        (json!({"metrics": {"service": {"enabled": true}}}), "listen.address is 127.0.0.1"),
        (json!({"prometheus": {"podMonitor": {"enabled": true}}}), "listen.address is 127.0.0.1"),
        (
            json!({"listen": {"address": "[::]"}, "prometheus": {"serviceMonitor": {"enabled": true}}}),
            "needs metrics.service.enabled",
        ),
        (json!({"serviceAccount": {"create": false}}), "serviceAccount.name is needed"),
        (json!({"listen": {"address": "::1"}}), "address"),
        (json!({"apiServer": {"url": "http://192.0.2.1"}}), "url"),
        (json!({"config": {"nodePodCIDRs": true}}), "nodePodCIDRs"),
    ] {
        let refusal = tools::render(&tools::chart(), &values).expect_err(&values.to_string());
        assert!(refusal.contains(reason), "{values}: {refusal}");
    }
}

#[test]
#[ignore = "needs helm: make e2e"]
fn the_schema_the_file_and_the_program_know_the_same_values() {
    let text = fs::read_to_string(tools::chart().join("values.yaml")).unwrap();
    let file = yaml::documents(&text).remove(0);
    let listed: BTreeSet<_> = leaves(&schema()).into_iter().map(|(path, _)| path).collect();
    let is_config = |path: &String| path.starts_with("config.") || path.starts_with("canary.config.");
    let missing: Vec<_> =
        listed.iter().filter(|path| !is_config(path)).filter(|path| at(&file, path).is_null()).collect();
    assert!(missing.is_empty(), "values.yaml lacks {missing:?}");

    let ours = listed.iter().filter_map(|path| path.strip_prefix("config.")?.split('.').next());
    let ours: BTreeSet<_> = ours.collect();
    let theirs = watcher::config::fields().into_iter().map(|field| field.key);
    let theirs: BTreeSet<_> = theirs.filter(|key| !NOT_OFFERED.contains(key)).collect();
    assert_eq!(ours, theirs);

    // Each says what it is. A key that opens a group needs no words of its own.
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let silent = lines.windows(2).find(|pair| pair[1].contains(": ") && !pair.iter().any(|line| line.starts_with('#')));
    assert!(silent.is_none(), "values.yaml says nothing about `{}`", silent.unwrap()[1]);
}

/// A copy of the chart with the files that others put there.
struct Whole(PathBuf);

impl Whole {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("palisade-chart-{}", std::process::id()));
        let copied = Command::new("cp").arg("-r").arg(tools::chart()).arg(&folder).status().unwrap();
        assert!(copied.success());
        let file = |name: &str, text: &str| {
            let path = folder.join("files").join(name);
            if !path.exists() {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        };
        file("alerts.yaml", "groups: []\n");
        file("dashboard.json", "{}\n");
        Self(folder)
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        let _ignored = fs::remove_dir_all(&self.0);
    }
}

/// Everything on at once.
fn whole_values() -> Value {
    let cases = cases();
    let (_, mut values) = cases.into_iter().find(|(name, _)| name == "everything-values").unwrap();
    set(&mut values, "prometheus.rules.enabled", json!(true));
    set(&mut values, "grafana.dashboard.enabled", json!(true));
    let file = fs::read_to_string(tools::chart().join("values.yaml")).unwrap();
    let mut whole = yaml::documents(&file).remove(0);
    merge(&mut whole, values);
    whole
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn schema() -> Value {
    let path = tools::chart().join("values.schema.json");
    let mut schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    // What helm itself hands to every chart.
    schema["properties"].as_object_mut().unwrap().remove("global").unwrap();
    let definitions = schema["definitions"].clone();
    resolve(&mut schema, &definitions);
    schema
}

fn resolve(schema: &mut Value, definitions: &Value) {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/definitions/")) {
        *schema = definitions[name].clone();
    }
    for part in schema["properties"].as_object_mut().unwrap_or(&mut Map::new()).values_mut() {
        resolve(part, definitions);
    }
}

/// The paths of the values, with the schema of each.
fn leaves(schema: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, part) in schema["properties"].as_object().unwrap() {
        if part["properties"].is_object() {
            found.extend(leaves(part).into_iter().map(|(path, schema)| (format!("{key}.{path}"), schema)));
        } else {
            found.push((key.clone(), part.clone()));
        }
    }
    found
}

/// The groups of values, each as a beginning of paths.
fn groups_of(schema: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(parts) = schema["properties"].as_object() {
        found.push(path.to_owned());
        for (key, part) in parts {
            groups_of(part, &format!("{path}{key}."), found);
        }
    }
}

fn at(values: &Value, path: &str) -> Value {
    path.split('.').fold(values.clone(), |value, key| value[key].clone())
}

fn set(values: &mut Value, path: &str, value: Value) {
    let place = path.split('.').fold(values, |value, key| {
        if value.is_null() {
            *value = json!({});
        }
        &mut value[key]
    });
    *place = value;
}

/// Another value of the same form.
fn changed(path: &str, schema: &Value, now: &Value) -> Value {
    if let Some((_, text)) = FORMS.iter().find(|(form, _)| *form == path) {
        return json!(text);
    }
    let schema = if schema["anyOf"].is_array() { &schema["anyOf"][0] } else { schema };
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().find(|word| *word != now).unwrap().clone();
    }
    match schema["type"].as_str().unwrap() {
        "boolean" => json!(!now.as_bool().unwrap_or(false)),
        "integer" => json!(now.as_u64().map_or(7, |now| now + 1)),
        "string" => json!("changed"),
        "array" => {
            let more =
                if schema["items"]["type"] == "string" { json!("192.0.2.99/32") } else { json!({"name": "changed"}) };
            now.as_array().into_iter().flatten().cloned().chain([more]).collect()
        }
        "object" => {
            let mut map = now.as_object().cloned().unwrap_or_default();
            map.insert("changed".to_owned(), json!("yes"));
            map.into()
        }
        other => panic!("{path} is {other}"),
    }
}

/// A bit that is given as a number, whatever its size, is one in the configuration too.
#[test]
#[ignore = "needs helm: make e2e"]
fn the_revoked_bit_is_a_number_however_it_is_written() {
    for (written, wanted) in [(json!(64), "64"), (json!("0x40"), "0x40"), (json!(1_u32 << 30), "1073741824")] {
        let rendered = tools::render(&tools::chart(), &json!({"config": {"revokedBit": written}})).unwrap();
        assert!(rendered.contains(&format!("revokedBit: {wanted}\n")), "{rendered}");
    }
}

/// The configurations that the chart's files of values lead to are ones that the program understands.
#[test]
#[ignore = "needs helm: make e2e"]
fn every_rendered_configuration_is_understood() {
    let mut n_read = 0;
    for (case, values) in cases() {
        for object in tools::objects(&values) {
            let Some(text) = object["data"]["palisade.yaml"].as_str() else { continue };
            let mut sources = policy_lang::source::Sources::default();
            let (_, findings) = watcher::config::Config::parse(Path::new("palisade.yaml"), text, &mut sources);
            assert!(findings.is_empty(), "{case}: {findings:#?}\n{text}");
            n_read += 1;
        }
    }
    assert!(n_read > cases().len(), "the canary's are among them");
}
