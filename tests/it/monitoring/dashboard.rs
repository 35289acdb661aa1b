//! The dashboard: Grafana can load it anywhere, and it asks for what there is.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{are_understood, read, uses_documented_metrics};

fn dashboard() -> Value {
    serde_json::from_str(&read("deploy/chart/files/dashboard.json")).unwrap()
}

/// The queries of all panels, with an interval in the place of Grafana's own.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.map(|target| target["expr"].as_str().unwrap().replace("$__rate_interval", "5m")).collect()
}

#[test]
fn it_can_be_loaded_anywhere() {
    let dashboard = dashboard();
    assert!(dashboard.get("id").is_none() && dashboard.get("uid").is_none(), "ids are Grafana's to give");
    assert_eq!(dashboard["schemaVersion"], 38);
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let variables: BTreeSet<&str> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert_eq!(variables, BTreeSet::from(["datasource", "node", "cause"]));
    let mut places = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(panel.get("id").is_none(), "{title} has an id");
        let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{title} is wider than the page");
        for (x, y) in (place("x")..place("x") + place("w"))
            .flat_map(|x| (place("y")..place("y") + place("h")).map(move |y| (x, y)))
        {
            assert!(places.insert((x, y)), "{title} covers another panel");
        }
        if panel["type"] != "row" {
            assert!(!panel["description"].as_str().unwrap().is_empty(), "{title}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{title}");
        }
    }
}

#[test]
fn its_queries_are_understood_and_ask_for_metrics_that_there_are() {
    let queries = queries(&dashboard());
    assert!(queries.len() > 20, "{}", queries.len());
    for query in &queries {
        uses_documented_metrics(query);
    }
    are_understood("dashboard", &queries);
}
