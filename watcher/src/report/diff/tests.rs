use engine::connectivity::{Connectivity, Options, Scene};

use super::*;
use crate::analysis::Manifests;
use crate::difference::{Compared, compare};

const OLD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{podSelector: {}}]
    ports: [{port: 80}]
";

fn written(form: Form) -> String {
    let read = |name: &str, text: String| Manifests::read(vec![(name.to_owned(), Ok(text))]);
    let (old, new) = (read("old.yaml", OLD.to_owned()), read("new.yaml", OLD.replace("{port: 80}", "{port: 443}")));
    let options = Options { pod_ranges: vec!["10.0.0.0/8".parse().unwrap()], ..Options::default() };
    let model = |manifests: &'static Manifests| {
        let Manifests { policies, inventory, workloads, .. } = manifests;
        Connectivity::new(Scene { policies, inventory, workloads, options: Box::leak(Box::new(options.clone())) })
    };
    let [old, new] = [old, new].map(|manifests| &*Box::leak(Box::new(manifests)));
    let mut text = String::new();
    let changes = compare(&mut Compared { old: &mut model(old), new: &mut model(new) });
    write(&changes, &Rules::default(), form, &mut text).unwrap();
    text
}

#[test]
fn a_port_that_gives_way_to_another_is_a_gain_and_a_loss() {
    let expected = "\
widened (1):
+ shop/web [Deployment] -> shop/web [Deployment]: TCP 443
    new: new.yaml:12 shop/web ingress[0] permits (ingress)
narrowed (1):
- shop/web [Deployment] -> shop/web [Deployment]: TCP 80
    old: old.yaml:12 shop/web ingress[0] permits (ingress)
";
    assert_eq!(written(Form::Text), expected);
    let json: serde_json::Value = serde_json::from_str(&written(Form::Json)).unwrap();
    assert_eq!(json["summary"], serde_json::json!({"added": 0, "removed": 0, "widened": 1, "narrowed": 1, "rules": 0}));
    assert_eq!(json["changes"][0]["allowed"], serde_json::json!([{"protocol": "TCP", "ports": "443"}]));
    let cause = serde_json::json!({"side": "new", "direction": "ingress", "says": "permits", "path": "new.yaml", "line": 12, "subject": "shop/web ingress[0]"});
    assert_eq!(json["changes"][0]["causes"], serde_json::json!([cause]));
    let markdown = written(Form::Markdown);
    assert!(
        markdown.contains("| shop/web \\[Deployment\\] | shop/web \\[Deployment\\] | TCP 443 | new: new.yaml:12"),
        "{markdown}"
    );
}

#[test]
fn a_page_has_every_change_with_its_kind_and_its_lines_and_nothing_from_elsewhere() {
    let page = written(Form::Html);
    assert!(page.starts_with("<!doctype html>") && page.contains("<h1>What changes in who may connect to whom</h1>"));
    let (_, data) = page.split_once("type=\"application/json\">").unwrap();
    let data: serde_json::Value = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
    let kinds: Vec<_> = data["edges"].as_array().unwrap().iter().map(|edge| edge["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["widened", "narrowed"]);
    assert_eq!(data["edges"][0]["lines"], serde_json::json!([0]));
    assert_eq!(data["lines"][0], "new: new.yaml:12 shop/web ingress[0] permits (ingress)");
    assert_eq!(data["peers"].as_array().unwrap().len(), 1);
    for outside in ["src=", "href=", "@import", "url(http", "{{"] {
        assert!(!page.contains(outside), "the page wants {outside}");
    }
}
