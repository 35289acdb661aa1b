//! Maps and their differences from outside, on inputs as people have them: templates without namespaces, dumps, lists.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::{Ran, palisade, palisade_reads, program};
use crate::docs::{describes, fields};

const SHOP: &str = "\
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web}
  spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, ports: [{containerPort: 8080}]}]}}}
- apiVersion: batch/v1
  kind: CronJob
  metadata: {name: nightly}
  spec: {jobTemplate: {spec: {template: {metadata: {labels: {job: nightly}}}}}}
- apiVersion: apps/v1
  kind: DaemonSet
  metadata: {name: proxy}
  spec: {template: {metadata: {labels: {app: web}}, spec: {hostNetwork: true}}}
- apiVersion: v1
  kind: Service
  metadata: {name: web}
  spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress:
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}, podSelector: {matchLabels: {job: nightly}}}]
  - ports: [{port: 8080}]
";

/// A folder of this test alone, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(label: &str) -> Self {
        let path = std::env::temp_dir().join(format!("palisade-map-{label}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn json_of(ran: Ran) -> Value {
    serde_json::from_str(&ran.exits(0).stdout).unwrap()
}

#[test]
fn templates_are_mapped_and_what_is_open_to_everybody_is_open_to_the_outside() {
    let arguments = ["map", "-", "--format", "json", "--ipblock-pods", "never"];
    let map = json_of(palisade_reads(&arguments, SHOP));
    let workload =
        |name: &str, kind: &str| json!({"kind": "workload", "namespace": "default", "name": name, "workload": kind});
    let (web, nightly) = (workload("web", "Deployment"), workload("nightly", "CronJob"));
    let everywhere = json!({"kind": "addresses", "cidrs": ["0.0.0.0/0", "::/0"]});
    let any = json!([{"protocol": "ANY"}]);
    let port = json!([{"protocol": "TCP", "ports": "8080"}]);
    let connection = |from: &Value, to: &Value, allowed: &Value| json!({"from": from, "to": to, "allowed": allowed});
    let expected = json!({"version": 1, "connections": [
        connection(&nightly, &nightly, &any),
        connection(&nightly, &web, &any),
        connection(&nightly, &everywhere, &any),
        connection(&web, &nightly, &any),
        connection(&web, &web, &port),
        connection(&web, &everywhere, &any),
        connection(&everywhere, &nightly, &any),
        connection(&everywhere, &web, &port),
    ]});
    assert_eq!(map, expected);
}

#[test]
fn a_focus_a_direction_and_a_port_leave_the_rest_out() {
    let map = |more: &[&str]| palisade_reads(&[&["map", "-"][..], more].concat(), SHOP);
    let lines = |more: &[&str]| map(more).exits(0).stdout.lines().count();
    assert_eq!(lines(&["--focus", "default/web"]), 5);
    assert_eq!(lines(&["--focus", "default/web", "--direction", "ingress"]), 3);
    assert_eq!(lines(&["--focus", "*/web", "--peer", "default/n*"]), 2);
    assert_eq!(lines(&["--focus", "default/web", "--peer", "203.0.113.1", "--direction", "ingress"]), 1);
    assert_eq!(lines(&["--port", "53/UDP", "--focus", "default/web", "--direction", "ingress"]), 1);
    for (wrong, said) in [
        (&["--focus", "default/wbe"][..], "nobody in the input is `default/wbe`"),
        (&["--port", "0"], "`0` is no port"),
        (&["--direction", "ingress"], "--focus"),
        (&["--exposure", "--format", "svg"], "--exposure has the forms"),
    ] {
        let refused = map(wrong).exits(2);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
}

#[test]
fn every_field_is_described_and_in_its_schema() {
    let depends = SHOP.replace("  - ports: [{port: 8080}]\n", "  - from: [{ipBlock: {cidr: 10.0.0.0/8}}]\n    ports: [{port: 8080}]\n  - from: [{podSelector: {matchLabels: {app: absent}}}]\n");
    let map = palisade_reads(&["map", "-", "--format", "json", "--exposure"], &depends).exits(0).stdout;
    assert!(
        map.contains("\"certainty\":\"depends-on-pod-address\"") && map.contains("\"pods\":\"app=absent\""),
        "{map}"
    );
    describes("map-json.md", &map);
    named_in_schema("map.schema.json", &[], &map);
    let folder = Folder::new("fields");
    let (old, new) = (folder.write("old.yaml", SHOP), folder.write("new.yaml", &depends));
    let diff = palisade(&["diff", &old, &new, "--format", "json"]).exits(0).stdout;
    describes("diff-json.md", &diff);
    named_in_schema("diff.schema.json", &["map.schema.json"], &diff);
}

/// Fails unless every field of a JSON text is a property of a schema, or of one that it refers to.
fn named_in_schema(schema: &str, others: &[&str], text: &str) {
    let read = |name: &str| -> Value {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name);
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let known: BTreeSet<_> =
        std::iter::once(schema).chain(others.iter().copied()).flat_map(|name| fields(&read(name))).collect();
    let found = fields(&serde_json::from_str(text).unwrap());
    let missing: Vec<_> = found.difference(&known).collect();
    assert!(missing.is_empty(), "{schema} has no {missing:?}");
}

#[test]
fn bad_documents_stop_nothing_and_broken_objects_are_told_by_the_exit_code() {
    let folder = Folder::new("bad");
    folder.write("a.yaml", SHOP);
    folder.write("values.yaml", "replicas: 3\n");
    folder.write("b.yaml", "a: [\n");
    let path = folder.0.display().to_string();
    let read = palisade(&["map", &path]).exits(0);
    assert!(read.stdout.contains("default/nightly [CronJob] -> default/web [Deployment]: any\n"), "{}", read.stdout);
    assert!(read.stderr.contains("PAL001") && read.stderr.contains("PAL025"), "{}", read.stderr);
    folder.write("c.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec: {podSelector: {matchLabels: {job: nightly}}, ingress: [{form: []}]}\n");
    let broken = palisade(&["map", &path, "--focus", "default/nightly"]).exits(1);
    assert!(
        broken.stdout.contains("nightly [CronJob] -> ") && !broken.stdout.contains("-> default/nightly"),
        "{}",
        broken.stdout
    );
    palisade(&["map", "/nowhere"]).exits(2);
}

#[test]
fn a_difference_to_a_commit_trips_what_it_is_told_to() {
    let folder = Folder::new("git");
    let git = |arguments: &[&str]| {
        let run = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b"])
            .args(arguments)
            .current_dir(&folder.0)
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    };
    git(&["init", "--quiet"]);
    folder.write("shop.yaml", SHOP);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "one"]);
    let diff = |more: &[&str]| -> Ran {
        let mut command = program();
        command.args([&["diff", "git:HEAD", "."][..], more].concat()).current_dir(&folder.0);
        command.output().unwrap().into()
    };
    assert_eq!(diff(&["--fail-on", "any"]).exits(0).stdout, "no connection changes\n");
    folder.write("shop.yaml", &SHOP.replace("ports: [{port: 8080}]", "ports: [{port: 8080}, {port: 9090}]"));
    let wider = diff(&[]).exits(0).stdout;
    let expected = "+ 0.0.0.0/0, ::/0 -> default/web [Deployment]: TCP 9090\n    new: ./shop.yaml:29 default/web ingress[1] permits (ingress)\n";
    assert!(wider.starts_with("widened (2):\n") && wider.contains(expected), "{wider}");
    diff(&["--fail-on", "widened"]).exits(1);
    diff(&["--fail-on", "narrowed"]).exits(0);
    diff(&["--fail-on", "any"]).exits(1);
    assert!(diff(&["--format", "md"]).exits(0).stdout.contains("**Widened in default: 2**"));
}

#[test]
fn the_examples_are_a_picture_and_a_page() {
    let svg = palisade(&["map", "examples/cluster", "--format", "svg"]).exits(0).stdout;
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    let page = palisade(&["map", "examples/cluster", "--format", "html"]).exits(0).stdout;
    assert!(page.starts_with("<!doctype html>") && page.contains("examples/cluster/policies.yaml:"));
    for outside in ["src=", "href=", "@import", "url(http"] {
        assert!(!page.contains(outside), "the page wants {outside}");
    }
}

#[test]
fn a_baseline_of_its_own_stands_in_the_place_of_the_one_among_the_manifests() {
    let folder = Folder::new("baseline");
    let baseline = |name: &str, to: &str| {
        let text = format!(
            "apiVersion: palisade.dev/v1alpha1\nkind: EgressBaseline\nmetadata: {{name: standard}}\n\
             always: [{{to: [{to}]}}]\ndefault: deny\notherwise: deny\n"
        );
        folder.write(name, &text)
    };
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: shop}\n";
    let manifests = folder.write("m.yaml", pod);
    let (old, new) = (baseline("old.yaml", "203.0.113.0/24"), baseline("new.yaml", "198.51.100.0/24"));
    let with = |more: &[&str]| palisade(&[&["map", &manifests][..], more].concat()).exits(0).stdout;
    assert!(with(&[]).contains("shop/web-1 [Pod] -> 0.0.0.0/0, ::/0"), "{}", with(&[]));
    let narrow = with(&["--baseline", &old]);
    assert!(narrow.contains("shop/web-1 [Pod] -> 203.0.113.0/24") && !narrow.contains("-> 0.0.0.0/0"), "{narrow}");
    let both = folder.write("both.yaml", &format!("{pod}---\n{}", fs::read_to_string(&old).unwrap()));
    let replaced = palisade(&["map", &both, "--baseline", &new]).exits(0).stdout;
    assert!(replaced.contains("-> 198.51.100.0/24") && !replaced.contains("203.0.113.0/24"), "{replaced}");
    let diff = ["diff", &manifests, &manifests, "--old-baseline", &old, "--baseline", &new];
    let changes = palisade(&diff).exits(0).stdout;
    assert!(
        changes.contains("+ shop/web-1 [Pod] -> 198.51.100.0/24") || changes.contains("-> 198.51.100.0/24"),
        "{changes}"
    );
    assert!(
        changes.contains("added (1)") && changes.contains("removed (1)") && changes.contains("new.yaml:4"),
        "{changes}"
    );
    palisade(&[&diff[..], &["--fail-on", "widened"]].concat()).exits(1);
    assert_eq!(
        palisade(&["diff", &manifests, &manifests, "--baseline", &new]).exits(0).stdout,
        "no connection changes\n"
    );
    palisade(&["map", &manifests, "--baseline", "/nowhere"]).exits(2);
    palisade(&["diff", &manifests, &manifests, "--old-baseline", &old]).exits(2);
}

#[test]
fn a_difference_of_host_rules_names_the_chain_and_the_rules() {
    let folder = Folder::new("host");
    let manifests = folder.write("m.yaml", SHOP);
    let rules = |name: &str, more: &str| {
        let text = format!(
            "chain INPUT {{\n    policy DROP;\n    interface lo ACCEPT;\n    saddr 198.51.100.0/24 proto tcp dport 22 ACCEPT;\n{more}}}\n"
        );
        folder.write(name, &text)
    };
    let old = rules("old.ferm", "");
    let new =
        rules("new.ferm", "    proto tcp dport (22 443) ACCEPT;\n    interface eth1 proto udp dport 53 ACCEPT;\n");
    let diff = |old: &str, new: &str, more: &[&str]| {
        palisade(&[&["diff", &manifests, &manifests, "--old-host", old, "--host", new][..], more].concat())
    };
    let wider = diff(&old, &new, &[]).exits(0).stdout;
    // Those of 198.51.100.0/24 had port 22 already.
    assert!(wider.contains("+ 198.51.100.0/24 -> 0.0.0.0/0: TCP 443\n"), "{wider}");
    assert!(
        wider.contains("-> 0.0.0.0/0: TCP 22,443\n") && wider.contains("-> 0.0.0.0/0: TCP 22,443, UDP 53\n"),
        "{wider}"
    );
    assert!(wider.contains("host INPUT on eth1, ") && wider.contains("new.ferm:5"), "{wider}");
    diff(&old, &new, &["--fail-on", "widened"]).exits(1);
    diff(&old, &new, &["--fail-on", "narrowed"]).exits(0);
    diff(&new, &old, &["--fail-on", "narrowed"]).exits(1);
    assert_eq!(diff(&new, &new, &["--fail-on", "any"]).exits(0).stdout, "no connection changes\n");
    let page = diff(&old, &new, &["--format", "html"]).exits(0).stdout;
    assert!(page.contains("host INPUT on eth1"));
    // Constants that stand in no list of addresses or ports.
    let texts = "    @nft 'iifname \"eth2\" ip saddr . tcp dport { 192.0.2.0/28 . 8443 } accept';\n    \
                 mod iprange src-range 203.0.113.4-203.0.113.7 proto udp dport 123 ACCEPT;\n";
    let told = diff(&old, &rules("texts.ferm", texts), &[]).exits(0).stdout;
    assert!(
        told.contains("+ 192.0.2.0/28 -> 0.0.0.0/0: TCP 8443\n") && told.contains("host INPUT on eth2, "),
        "{told}"
    );
    assert!(told.contains("+ 203.0.113.4/30 -> 0.0.0.0/0: UDP 123\n"), "{told}");
    let broken = folder.write("broken.ferm", "chain INPUT {\n");
    diff(&old, &broken, &[]).exits(2);
    palisade(&["diff", &manifests, &manifests, "--host", &new]).exits(2);
}

#[test]
fn rules_that_no_packet_of_a_diff_tells_apart_are_told_one_by_one() {
    let folder = Folder::new("tables");
    let manifests = folder.write("m.yaml", SHOP);
    let rules = "\
chain INPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; jump own; }
chain own { proto tcp dport 22 ACCEPT; mod mark mark 5 ACCEPT; }
table nat chain PREROUTING proto tcp dport 80 DNAT to 192.0.2.9;
domain arp chain INPUT { policy DROP; saddr 10.0.0.1 ACCEPT; }
domain eb chain FORWARD { proto IPv4 ip-proto udp ip-dport 53 DROP; }
domain (ip ip6) table mangle chain PREROUTING proto udp dport 9 TEE gateway @ipfilter((192.0.2.1 2001:db8::1));
";
    let old = folder.write("old.ferm", rules);
    let diff = |rules: &str, more: &[&str]| {
        let new = folder.write("new.ferm", rules);
        palisade(&[&["diff", &manifests, &manifests, "--old-host", &old, "--host", &new][..], more].concat())
    };
    // Neither lines that move nor what they are called after is a difference.
    let moved = diff(&format!("# One more line.\n\n{rules}"), &["--fail-on", "any"]).exits(0).stdout;
    assert_eq!(moved, "no connection changes\n");
    for (was, is, place, line) in [
        ("saddr 10.0.0.1", "saddr 10.0.0.2", "arp palisade pl_input (filter input 0)", "saddr ip 10.0.0.2 accept"),
        ("arp chain INPUT { policy DROP;", "arp chain INPUT {", "arp palisade pl_input", "old.ferm:4 policy DROP"),
        ("ip-dport 53", "ip-dport 54", "bridge palisade pl_filter_forward (filter forward -200)", "udp dport 54 drop"),
        ("192.0.2.1 ", "192.0.2.2 ", "ip palisade pl_copy_mangle_prerouting", "dup to 192.0.2.2"),
        ("2001:db8::1", "2001:db8::2", "ip6 palisade pl_copy_mangle_prerouting", "dup to 2001:db8::2"),
        ("192.0.2.9", "192.0.2.8", "inet palisade pl_nat_prerouting (nat prerouting -101)", "dnat ip to 192.0.2.8"),
        ("mark 5", "mark 6", "inet palisade ", "new.ferm:2"),
        (
            "ESTABLISHED RELATED",
            "ESTABLISHED",
            "inet palisade pl_input (filter input -10)",
            "ct state established accept",
        ),
    ] {
        let rules = rules.replace(was, is);
        let told = diff(&rules, &["--fail-on", "narrowed"]).exits(1).stdout;
        assert!(told.contains("host rules that differ, rule by rule (") && told.contains(place), "{is}: {told}");
        assert!(told.contains(line) && !told.contains("no connection changes"), "{is}: {told}");
        diff(&rules, &["--fail-on", "widened"]).exits(1);
        let json = diff(&rules, &["--format", "json"]).exits(0).stdout;
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["packetsAsked"], true);
        assert!(json["summary"]["rules"].as_u64().unwrap() > 0, "{json}");
        let table = diff(&rules, &["--format", "md"]).exits(0).stdout;
        assert!(table.contains("ost rules"), "{table}");
        let page = diff(&rules, &["--format", "html"]).exits(0).stdout;
        let (_, below) = page.split_once("<article id=\"rules\">").unwrap();
        let below = below.split_once("</article>").unwrap().0.replace("&quot;", "\"");
        assert!(below.contains(&format!("<h3>{place}")) && below.contains(line), "{is}: {below}");
    }
    // What packets show is told twice, and trips as they say; what is only logged trips nothing but `any`.
    let wider = rules.replace("dport 22", "dport (22 443)");
    let told = diff(&wider, &["--fail-on", "narrowed"]).exits(0).stdout;
    assert!(told.contains("TCP 443\n") && told.contains("tcp dport { 22, 443 } accept"), "{told}");
    let logged = rules.replace("jump own;", "LOG; jump own;");
    diff(&logged, &["--fail-on", "widened"]).exits(0);
    diff(&logged, &["--fail-on", "any"]).exits(1);
}

/// A route to pods that admit one peer, one to pods that admit nobody, and one to a Service without pods.
const ROUTED: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: proxy, namespace: ingress-nginx, labels: {app: proxy}}
spec: {containers: [{name: c}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: admin, namespace: shop}
spec: {template: {metadata: {labels: {app: admin}}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: web, port: 80, targetPort: http}, {name: metrics, port: 9090}]}
---
apiVersion: v1
kind: Service
metadata: {name: admin, namespace: shop}
spec: {selector: {app: admin}, ports: [{port: 8443}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front, namespace: shop}
spec:
  rules:
  - http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {name: web}}}}
      - {path: /admin, pathType: Prefix, backend: {service: {name: admin, port: {number: 8443}}}}
      - {path: /gone, pathType: Prefix, backend: {service: {name: gone, port: {number: 80}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: shop}
spec: {rules: [{backendRefs: [{name: web, port: 80}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}], ports: [{port: http}]}]
";

#[test]
fn a_map_says_what_routes_lead_to_and_whether_anybody_may_follow() {
    let folder = Folder::new("routes");
    let file = folder.write("a.yaml", ROUTED);
    let map = |more: &[&str]| palisade(&[&["map", file.as_str()], more].concat()).exits(0).stdout;
    let text = map(&[]);
    for line in [
        "HTTPRoute shop/api -> shop/web [Deployment]: TCP 8080, by Service shop/web; 1 peer may connect there",
        "Ingress shop/front -> shop/web [Deployment]: TCP 8080, by Service shop/web; 1 peer may connect there",
        "Ingress shop/front -> shop/admin [Deployment]: TCP 8443, by Service shop/admin; nobody may connect there",
        "Ingress shop/front -> Service shop/gone, behind which no workload is",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let json: Value = serde_json::from_str(&map(&["--format", "json"])).unwrap();
    let routes = json["routes"].as_array().unwrap();
    assert_eq!(routes.len(), 4, "{json}");
    assert!(routes.iter().any(|route| {
        route["route"] == json!({"kind": "HTTPRoute", "namespace": "shop", "name": "api"})
            && route["to"]["name"] == "web"
            && route["port"] == 8080
            && route["admitted"] == 1
    }));
    describes("map-json.md", &json.to_string());
    // A peer that only a route leads to is drawn with it.
    for (form, edges) in [("dot", 3), ("mermaid", 3), ("svg", 3)] {
        let drawn = map(&["--format", form]);
        let told = drawn.lines().filter(|line| line.contains("by Service shop/")).count();
        assert_eq!(told, edges, "{form}\n{drawn}");
        assert!(drawn.contains("Ingress shop/front") && drawn.contains("shop/admin [Deployment]"), "{form}\n{drawn}");
    }
    assert!(map(&["--format", "html"]).contains("A route permits nothing by itself"));
    // A filter takes routes with their workloads, and leaves what is admitted to the whole map.
    let focus = map(&["--focus", "shop/web"]);
    assert!(focus.contains("HTTPRoute shop/api") && !focus.contains("shop/admin"), "{focus}");
    assert!(!map(&["--focus", "shop/web", "--port", "9090"]).contains("HTTPRoute"), "no route leads there");
}

#[test]
fn everything_but_two_networks_is_told_from_everything_but_two_others() {
    let folder = Folder::new("but");
    let policy = |app: &str, except: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {app}, namespace: x}}\n\
             spec: {{template: {{metadata: {{labels: {{app: {app}}}}}}}}}\n---\napiVersion: networking.k8s.io/v1\n\
             kind: NetworkPolicy\nmetadata: {{name: {app}, namespace: x}}\nspec:\n  podSelector: {{matchLabels: {{app: {app}}}}}\n  \
             policyTypes: [Ingress, Egress]\n  egress: [{{to: [{{ipBlock: {{cidr: 0.0.0.0/0, except: [{except}]}}}}]}}]\n"
        )
    };
    let text = policy("a", "10.0.0.0/8, 172.16.0.0/12, 192.0.2.0/24")
        + &policy("b", "10.0.0.0/8, 172.16.0.0/12, 198.51.100.0/24");
    let file = folder.write("a.yaml", &text);
    let map = |form: &str| palisade(&["map", &file, "--format", form, "--ipblock-pods", "never"]).exits(0).stdout;
    let text = map("text");
    assert!(text.contains("x/a [Deployment] -> 0.0.0.0/0 (but 10.0.0.0/8, 172.16.0.0/12, 192.0.2.0/24)"), "{text}");
    for form in ["text", "csv", "md", "dot", "mermaid"] {
        let drawn = map(form);
        assert!(drawn.contains("192.0.2.0/24") && drawn.contains("198.51.100.0/24"), "{form}\n{drawn}");
    }
    // Where there is no room for all of it, the boxes have different texts all the same.
    let svg = map("svg");
    let boxes: Vec<&str> = svg.split("<text x=").skip(1).filter_map(|rest| rest.split(['>', '<']).nth(1)).collect();
    let addresses: BTreeSet<_> = boxes.iter().filter(|text| text.starts_with("0.0.0.0/0 (but")).collect();
    assert_eq!(addresses.len(), 2, "{boxes:?}");
}
