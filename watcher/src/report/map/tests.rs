use engine::connectivity::{Connectivity, Options, Scene};

use super::*;
use crate::analysis::Manifests;
use crate::map::Deciding;

/// Two Deployments without namespaces, one of which only the other may reach, at a port of a name and a range.
const MANIFESTS: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {metadata: {labels: {app: web}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: data}
spec:
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{ports: [{name: sql, containerPort: 5432}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: data}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}}]
    ports: [{port: sql}, {port: 8000, endPort: 8080}]
  - from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.128.0.0/9]}}]
    ports: [{port: 53, protocol: UDP}]
";

fn written(form: Form) -> String {
    let manifests = Manifests::read(vec![("m.yaml".into(), Ok(MANIFESTS.to_owned()))]);
    let options = Options { pod_ranges: vec!["10.1.0.0/16".parse().unwrap()], ..Options::default() };
    let scene = Scene {
        policies: &manifests.policies,
        inventory: &manifests.inventory,
        workloads: &manifests.workloads,
        options: &options,
    };
    let mut model = Connectivity::new(scene);
    let mut map = Map::new(&mut model);
    map.deciding = Deciding::of(&map, &mut model);
    let mut text = String::new();
    write(&map, form, &mut text).unwrap();
    text
}

#[test]
fn every_connection_is_a_line() {
    let expected = "\
default/web [Deployment] -> data/db [Deployment]: TCP 5432,8000-8080, UDP 53
default/web [Deployment] -> default/web [Deployment]: any
default/web [Deployment] -> 0.0.0.0/0, ::/0: any
0.0.0.0/0, ::/0 -> default/web [Deployment]: any
10.0.0.0/9 -> data/db [Deployment]: UDP 53
";
    assert_eq!(written(Form::Text), expected);
}

#[test]
fn json_is_as_its_schema_says_and_every_form_tells_every_connection() {
    let json: serde_json::Value = serde_json::from_str(&written(Form::Json)).unwrap();
    let connections = json["connections"].as_array().unwrap();
    assert_eq!(json["version"], 1);
    let peer = serde_json::json!({"kind": "workload", "namespace": "default", "name": "web", "workload": "Deployment"});
    assert_eq!(connections[0]["from"], peer);
    let allowed =
        serde_json::json!([{"protocol": "TCP", "ports": "5432,8000-8080"}, {"protocol": "UDP", "ports": "53"}]);
    assert_eq!(connections[0]["allowed"], allowed);
    assert_eq!(connections[4]["from"], serde_json::json!({"kind": "addresses", "cidrs": ["10.0.0.0/9"]}));
    let lines = |form: Form, of: &str| written(form).lines().filter(|line| line.contains(of)).count();
    let n = connections.len();
    assert_eq!([lines(Form::Text, " -> "), lines(Form::Csv, ",certain") - 1, lines(Form::Dot, " -> ")], [n, n, n]);
    assert_eq!([lines(Form::Markdown, "| "), lines(Form::Mermaid, "-->")], [n + 1, n]);
    assert!(written(Form::Matrix).contains("default/web [Deployment]  2 + # # .\n"));
}

#[test]
fn text_of_others_stays_text() {
    assert_eq!(cell("a|b<c>`"), "a\\|b&lt;c&gt;\\`");
}

#[test]
fn pictures_have_every_connection_and_no_markup_of_others() {
    let n = 5;
    let svg = written(Form::Svg);
    assert_eq!(svg.matches("marker-end=").count(), n);
    let page = written(Form::Html);
    let (_, data) = page.split_once("type=\"application/json\">").unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["edges"].as_array().unwrap().len(), n);
    let line = data["edges"][0]["lines"][0].as_u64().and_then(|line| usize::try_from(line).ok()).unwrap();
    let text = data["lines"][line].as_str().unwrap();
    assert!(text.starts_with("m.yaml:21 data/db ingress[0] permits"), "{text}");
    assert!(!data.to_string().contains('<'), "{data}");
}
