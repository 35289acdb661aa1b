//! Exit codes, outputs, discovery, snapshots, probes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::docs::{describes, fields};

/// What a run left behind.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// A folder of a test alone, gone with it.
struct Folder(PathBuf);

const OPEN: &str = "\
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: shop}
  spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c}]}}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: cart, namespace: shop}
  spec: {template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: c, ports: [{name: http, containerPort: 8081}]}]}}}
- apiVersion: v1
  kind: Service
  metadata: {name: cart, namespace: shop}
  spec: {selector: {app: cart}, ports: [{port: 80, targetPort: http}]}
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: {name: cart, namespace: shop}
  spec:
    podSelector: {matchLabels: {app: cart}}
    ingress:
    - from: [{podSelector: {matchLabels: {app: web}}}]
      ports: [{port: http}]
";

impl Folder {
    fn new(label: &str) -> Self {
        let path = std::env::temp_dir().join(format!("palisade-assertions-{label}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(path.join("k8s")).unwrap();
        let folder = Self(path);
        folder.write("k8s/shop.yaml", OPEN);
        folder
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn tests(&self, tests: &str) {
        self.write("a.palisade-test.yaml", &format!("version: 1\nmanifests: [k8s]\n{tests}"));
    }

    fn test(&self, arguments: &[&str]) -> Ran {
        self.run(Command::new(env!("CARGO_BIN_EXE_palisade")).arg("test").args(arguments))
    }

    fn run(&self, command: &mut Command) -> Ran {
        let output = command.current_dir(&self.0).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

const HOLDS: &str = "checks: [\"shop/web -> shop/cart:8081/tcp\"]\n";
const FAILS: &str = "tests:\n- {name: closed, from: \"*/*\", to: shop/cart, expect: deny}\n";

#[test]
fn the_exit_code_says_whether_every_assertion_holds() {
    let folder = Folder::new("codes");
    folder.tests(HOLDS);
    assert_eq!(folder.test(&[]).code, 0);
    folder.tests(FAILS);
    let failed = folder.test(&[]);
    assert_eq!(failed.code, 1);
    assert!(failed.out.contains("FAIL  a.palisade-test.yaml:4: closed"), "{}", failed.out);
    assert!(failed.out.contains("[PAL801]") && !failed.out.contains("PAL802"), "{}", failed.out);
    assert!(
        failed.out.contains("shop/web [Deployment] -> shop/cart [Deployment] 8081/TCP is permitted"),
        "{}",
        failed.out
    );
    assert!(failed.out.contains("k8s/shop.yaml:22 shop/cart ingress[0]"), "{}", failed.out);
    folder.tests("tests: [{form: a/b}]\n");
    let wrong = folder.test(&[]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("did you mean `from`?"), "{}", wrong.err);
    assert_eq!(
        (folder.test(&["missing"]).code, folder.test(&["k8s"]).code, folder.test(&["--nonsense"]).code),
        (2, 2, 2)
    );
}

#[test]
fn an_assertion_about_nobody_fails_unless_it_may() {
    let folder = Folder::new("nobody");
    folder.tests("tests:\n- {from: shop/wbe, to: shop/cart, expect: deny}\n");
    let failed = folder.test(&[]);
    assert_eq!(failed.code, 1);
    assert!(failed.out.contains("`shop/wbe` means nobody in the manifests"), "{}", failed.out);
    assert!(failed.out.contains("[PAL802]") && !failed.out.contains("PAL801"), "{}", failed.out);
    folder.tests("tests:\n- {from: shop/wbe, to: shop/cart, expect: deny, mayBeEmpty: true}\n");
    assert_eq!(folder.test(&[]).code, 0);
}

#[test]
fn the_layer_that_decides_can_be_asserted() {
    let by = |layer: &str| {
        let folder = Folder::new(&format!("layer-{layer}"));
        folder.tests(&format!(
            "tests:\n- {{from: internet, to: shop/cart, ports: [8081], expect: deny, by: {layer}}}\n- {{from: internet, to: \
             shop/web, ports: [80], expect: allow, by: default}}\n"
        ));
        folder.test(&[]).code
    };
    assert_eq!((by("policy"), by("baseline")), (0, 1));
}

#[test]
fn services_names_of_ports_and_exceptions_mean_what_they_say() {
    let folder = Folder::new("words");
    folder.tests(
        "groups: {carts: {namespace: shop, labels: {app: cart}}}\ntests:\n\
         - {from: shop/web, to: svc:shop/cart:80, expect: allow, only: true}\n\
         - {from: shop/web, to: carts:http, expect: allow}\n\
         - {from: shop/web, to: carts, expect: deny, except: {to: [carts:8081]}}\n\
         - {from: [internet, \"*/*\"], except: [shop/web], to: Deployment/shop/cart, expect: deny}\n\
         - {from: internet, to: \"shop/*\", ports: [8081], expect: some}\n",
    );
    let ran = folder.test(&[]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    folder.tests("tests:\n- {from: shop/web, to: svc:shop/cart:81, expect: allow}\n");
    let ran = folder.test(&[]);
    assert!(ran.code == 1 && ran.out.contains("Service shop/cart has no such port: it has 80/TCP"), "{}", ran.out);
}

#[test]
fn what_hangs_on_an_address_that_nobody_knows_holds_neither_way() {
    let folder = Folder::new("depends");
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec:\n  \
                  podSelector: {matchLabels: {app: web}}\n  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/24}}]}]\n";
    folder.write("k8s/web.yaml", policy);
    for expect in ["allow", "deny"] {
        folder.tests(&format!("tests:\n- {{from: shop/cart, to: shop/web, ports: [80], expect: {expect}}}\n"));
        let ran = folder.test(&[]);
        assert!(ran.code == 1 && ran.out.contains("depends on an address that nobody knows"), "{}", ran.out);
    }
    assert_eq!(folder.test(&["--ipblock-pods", "never"]).code, 0);
}

#[test]
fn manifests_come_from_the_file_the_configuration_or_the_command_line() {
    let folder = Folder::new("places");
    folder.write("tests/a.palisade-test.yaml", &format!("version: 1\n{HOLDS}"));
    let missing = folder.test(&[]);
    assert!(missing.code == 2 && missing.err.contains("says no `manifests`"), "{}", missing.err);
    assert_eq!(folder.test(&["--manifests", "k8s"]).code, 0);
    folder.write("palisade.yaml", "version: 1\ninclude: [k8s]\n");
    assert_eq!(folder.test(&[]).code, 0);
    // A file of assertions among manifests is none of them.
    folder.write("k8s/b.palisade-test.yaml", &format!("version: 1\n{HOLDS}"));
    let both = folder.test(&["--output", "tap"]);
    assert_eq!((both.code, both.out.lines().nth(1)), (0, Some("1..2")), "{}{}", both.out, both.err);
    folder.write("k8s/broken.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: shop}\nspec: {podSelector: 1}\n");
    assert_eq!(folder.test(&[]).code, 1);
}

#[test]
fn every_form_says_the_same() {
    let folder = Folder::new("forms");
    folder.tests(&format!("{FAILS}{HOLDS}"));
    let ran = folder.test(&["--output", "json", "--output", "junit=a.xml", "--output", "tap=a.tap"]);
    assert_eq!(ran.code, 1);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["summary"], serde_json::json!({"passed": 1, "failed": 1}));
    assert_eq!((&json["tests"][0]["code"], &json["tests"][1]["code"]), (&"PAL801".into(), &Value::Null));
    let failure = &json["tests"][0]["failure"];
    assert_eq!(
        (&failure["kind"], &failure["port"], &failure["to"]["name"]),
        (&"permitted".into(), &8081.into(), &"cart".into())
    );
    describes("test.md", &ran.out);
    let schema: Value = serde_json::from_str(&fs::read_to_string(docs("test-result.schema.json")).unwrap()).unwrap();
    let map: Value = serde_json::from_str(&fs::read_to_string(docs("map.schema.json")).unwrap()).unwrap();
    let (known, of_map) = (fields(&schema), fields(&map));
    for field in fields(&json) {
        assert!(known.contains(&field) || of_map.contains(&field), "the schema has no {field}");
    }
    let xml = fs::read_to_string(folder.0.join("a.xml")).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"1\"") && xml.contains("<failure type=\"permitted\""), "{xml}");
    let tap = fs::read_to_string(folder.0.join("a.tap")).unwrap();
    assert!(
        tap.contains("1..2\nnot ok 1 - closed\n") && tap.contains("\nok 2 - shop/web -> shop/cart:8081/tcp\n"),
        "{tap}"
    );
}

#[test]
fn a_snapshot_shows_the_connections_that_change() {
    let folder = Folder::new("snapshot");
    let arguments = ["--manifests", "k8s", "--snapshot", "map.json"];
    assert_eq!((folder.test(&arguments).code, folder.test(&arguments).code), (0, 0));
    folder.write("k8s/shop.yaml", &OPEN.replace("      ports: [{port: http}]\n", ""));
    let changed = folder.test(&arguments);
    assert_eq!(changed.code, 1);
    assert!(changed.out.lines().any(|line| line.starts_with('-') && line.contains("\"8081\"")), "{}", changed.out);
    assert_eq!((folder.test(&[&arguments[..], &["--update"]].concat()).code, folder.test(&arguments).code), (0, 0));
}

#[test]
fn probes_are_run_by_a_shell_and_say_what_they_found() {
    let folder = Folder::new("probes");
    folder.tests(&format!("tests:\n- {{from: shop/cart, to: shop/web:80/tcp, expect: deny}}\n{HOLDS}"));
    let script = folder.test(&["--emit", "probe-script"]);
    assert_eq!(script.code, 0);
    folder.write("probe.sh", &script.out);
    // A client that has a pod for every selector, where only port 8081 is open.
    folder.write(
        "kubectl",
        "#!/bin/sh\ncase \"$*\" in\n*podIP*) echo 10.0.0.1;;\n*get*) echo pod;;\n*command*) exit 0;;\n*'-w 3 10.0.0.1 8081') exit 0;;\n*) exit 1;;\nesac\n",
    );
    let run = |client: &str| folder.run(Command::new("sh").arg("probe.sh").env("KUBECTL", client));
    let passed = run("sh ./kubectl");
    assert_eq!(passed.code, 0, "{}{}", passed.out, passed.err);
    assert_eq!(passed.out.lines().filter(|line| line.starts_with("ok ")).count(), 2, "{}", passed.out);
    // Without a pod, or a tool in it, nothing is proven, not even a denial.
    let failed = run("false");
    assert!(failed.code == 1 && !failed.out.contains("\nok "), "{}", failed.out);
}

#[test]
fn the_examples_hold() {
    let root = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["test", "examples"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert_eq!(root.status.code(), Some(0), "{}", String::from_utf8_lossy(&root.stdout));
}

#[test]
fn the_schema_of_the_files_knows_every_field_of_the_example() {
    let schema: Value = serde_json::from_str(&fs::read_to_string(docs("test.schema.json")).unwrap()).unwrap();
    let properties = |at: &Value| at["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let page = fs::read_to_string(docs("test.md")).unwrap();
    assert_eq!(properties(&schema).len(), 6);
    assert_eq!(properties(&schema["$defs"]["test"]).len(), 9);
    for field in properties(&schema).iter().chain(&properties(&schema["$defs"]["test"])) {
        assert!(page.contains(&format!("`{field}`")), "test.md does not say what `{field}` is");
        // The reader itself must know it.
        let folder = Folder::new(&format!("field-{field}"));
        folder.write("a.palisade-test.yaml", &format!("version: 1\n{field}: x\ntests: [{{{field}: x}}]\n"));
        let ran = folder.test(&[]);
        assert!(ran.err.matches("there is no field").count() <= 1, "{}", ran.err);
    }
}

fn docs(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name)
}

#[test]
fn host_rules_decide_about_what_passes_between_nodes_and_leaves_one() {
    let folder = Folder::new("between-nodes");
    let node = |name: &str, address: &str| {
        format!(
            "---\napiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n\
             status: {{addresses: [{{type: InternalIP, address: {address}}}]}}\n"
        )
    };
    folder.write("k8s/nodes.yaml", &(node("node-a", "192.0.2.10") + &node("node-b", "192.0.2.11")));
    let established = "mod state state (ESTABLISHED RELATED) ACCEPT;";
    folder.write(
        "node.ferm",
        &format!(
            "chain INPUT {{ policy DROP; {established} saddr 192.0.2.10 proto tcp dport 22 ACCEPT; }}\n\
             chain OUTPUT {{ policy DROP; {established} proto tcp dport (22 443) ACCEPT; }}\n"
        ),
    );
    let assertions = |expect: [&str; 4]| {
        let [between, back, out, mail] = expect;
        format!(
            "host: node.ferm\ntests:\n\
             - {{from: \"host:node-a\", to: \"host:node-b:22/tcp\", expect: {between}}}\n\
             - {{from: \"host:node-b\", to: \"host:node-a:22/tcp\", expect: {back}}}\n\
             - {{from: node, to: \"203.0.113.7:443/tcp\", expect: {out}}}\n\
             - {{from: node, to: \"203.0.113.7:25/tcp\", expect: {mail}}}\n"
        )
    };
    folder.tests(&assertions(["allow", "deny, by: host", "allow", "deny, by: host"]));
    let holds = folder.test(&[]);
    assert_eq!(holds.code, 0, "{}{}", holds.out, holds.err);
    folder.tests(&assertions(["deny", "allow", "deny", "allow"]));
    let fails = folder.test(&[]);
    assert_eq!((fails.code, fails.out.matches("FAIL").count()), (1, 4), "{}", fails.out);
    assert!(fails.out.contains("node node-a -> 203.0.113.7/32 25/TCP is denied"), "{}", fails.out);
    // A range is more than can be asked packet by packet, and that is said.
    folder.tests("host: node.ferm\ntests:\n- {from: node, to: internet, ports: [25/tcp], expect: deny}\n");
    let range = folder.test(&[]);
    assert!(range.code == 1 && range.out.contains("name single addresses"), "{}", range.out);
}
