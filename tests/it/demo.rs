//! The demonstration: it shows what is so, and it can fail.

use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use engine::compile::ForwardMode;
use serde_json::Value;
use watcher::demo::examples::{self, Examples};
use watcher::demo::{Report, Scene, Stage, Tightening, World, json, text};
use watcher::lab::{Lab, Outcome};
use watcher::report::Color;
use watcher::source::load_from;

use crate::privilege::{can_make_namespaces, report};

/// The world of the examples, and its scene.
fn examples() -> (World, Scene) {
    let loaded = load_from(&examples::config(), &Examples::default()).unwrap();
    let (world, findings) = World::compile(loaded, ForwardMode::PodsFirst);
    assert_eq!(findings, []);
    let scene = Scene::of(&world).unwrap();
    (world, scene)
}

/// What comes out after somebody has meddled with the laboratory.
fn after(meddle: impl FnOnce(&Lab)) -> Report {
    let (world, scene) = examples();
    let stage = Stage { world: &world, scene: &scene };
    let enforced = stage.enforce(stage.build().unwrap()).unwrap();
    meddle(enforced.lab());
    stage.ask(&enforced).unwrap()
}

fn demo(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    let command = command.arg("demo").args(arguments).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The text of a run without the lines that say how long something took, or when it happened.
fn timeless(text: &str) -> String {
    let is_timeless = |line: &&str| !line.ends_with(" s") && !line.contains("Z  ");
    text.lines().filter(is_timeless).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_cell_is_as_the_three_sources_say_and_every_denied_one_has_its_line() {
    if !can_make_namespaces("demo") {
        return;
    }
    let (code, stdout, stderr) = demo(&["--format", "json"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stderr, "", "the examples have no finding");
    let found: Value = serde_json::from_str(&stdout).unwrap();
    let cells = found["cells"].as_array().unwrap();
    assert!(cells.len() > 1000, "{}", cells.len());
    let mut lines = std::collections::BTreeSet::new();
    for cell in cells {
        assert_eq!(cell["expected"], cell["observed"], "{cell}");
        assert!(cell.get("disagreement").is_none(), "{cell}");
        if cell["expected"] != "open" {
            let line = cell["line"].as_str().unwrap_or_else(|| panic!("no line: {cell}"));
            let (path, rest) = line.split_once(':').unwrap();
            let number = rest.split(' ').next().unwrap();
            assert!(number.parse::<u32>().is_ok(), "{line}");
            lines.insert(path.to_owned());
        }
    }
    // All three sources deny something, and so do all kinds of answers come about.
    let sources = ["examples/cluster/baseline.yaml", "examples/cluster/policies.yaml", "examples/host/node.ferm"];
    assert_eq!(lines.into_iter().collect::<Vec<_>>(), sources);
    for (kind, at_least) in [("pod", 8), ("node", 2), ("outside", 2)] {
        let parties = found["parties"].as_array().unwrap().iter();
        assert!(parties.filter(|party| party["kind"] == kind).count() >= at_least, "{kind}");
    }
    for family in ["ipv4", "ipv6"] {
        for expected in ["open", "drop"] {
            assert!(cells.iter().any(|cell| cell["family"] == family && cell["expected"] == expected));
        }
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/demo-json.md");
    let page = std::fs::read_to_string(page).unwrap();
    for field in crate::docs::fields(&found) {
        assert!(page.contains(&format!("`{field}`")), "`{field}` is not described");
    }
    let tightening = &found["tightening"];
    assert_eq!((&tightening["wasOpen"], &tightening["silent"]), (&true.into(), &true.into()), "{tightening}");
    assert!(tightening["revoked"].as_u64().unwrap() > 0, "{tightening}");
    let named = tightening["deniedBy"].as_str().unwrap();
    assert!(named.starts_with("examples/cluster/policies.yaml:"), "{tightening}");
    let (from, to) = (tightening["from"].as_str().unwrap(), tightening["to"].as_str().unwrap());
    let drops: Vec<_> = tightening["drops"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(drops.iter().any(|line| line.contains("denied by revoked connection")), "{drops:#?}");
    assert!(drops.iter().any(|line| line.ends_with(named) && line.contains("denied by NetworkPolicy")), "{drops:#?}");
    assert!(drops.iter().all(|line| line.contains(&format!("{from} (")) && line.contains(&format!(" -> {to} ("))));
    report(&format!("{} cells, {}", cells.len(), found["summary"]));
}

#[test]
fn it_shows_the_same_from_files_and_within_120_columns() {
    if !can_make_namespaces("demo from files") {
        return;
    }
    let (code, built_in, _) = demo(&[]);
    assert_eq!(code, 0, "{built_in}");
    assert!(built_in.contains("\nnothing left behind"), "{built_in}");
    assert!(built_in.contains(" 0 different from what the sources say, in "), "{built_in}");
    let wide: Vec<_> = built_in.lines().filter(|line| line.chars().count() > 120).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    let (code, from_files, _) = demo(&[
        "--manifests",
        "examples/cluster",
        "--baseline",
        "examples/cluster/baseline.yaml",
        "--host",
        "examples/host/node.ferm",
    ]);
    assert_eq!(code, 0, "{from_files}");
    assert_eq!(timeless(&built_in), timeless(&from_files));
}

/// Host rules that refuse in every way, in every hook, and that translate.
const OTHER_HOST_RULES: &str = "
domain (ip ip6) table filter {
    chain INPUT {
        mod conntrack ctstate (ESTABLISHED RELATED) ACCEPT;
        interface lo ACCEPT;
        proto icmp ACCEPT;
        proto tcp dport ssh REJECT reject-with tcp-reset;
        proto tcp dport 9100 REJECT;
    }
    chain FORWARD policy DROP;
    chain OUTPUT proto tcp dport 443 DROP;
}
domain ip table filter chain INPUT proto tcp dport 8080 REJECT reject-with icmp-admin-prohibited;
domain ip table nat chain PREROUTING proto tcp dport 5432 daddr 192.168.0.11 DNAT to 10.244.1.2;
domain ip table nat chain POSTROUTING saddr 10.244.0.0/16 daddr ! 10.244.0.0/16 outerface eth0 MASQUERADE;
";

#[test]
fn other_host_rules_are_as_they_say_too() {
    if !can_make_namespaces("demo of other host rules") {
        return;
    }
    let path = std::env::temp_dir().join(format!("palisade-demo-{}.ferm", std::process::id()));
    std::fs::write(&path, OTHER_HOST_RULES).unwrap();
    let arguments = ["--manifests", "examples/cluster", "--format", "json", "--host", path.to_str().unwrap()];
    let (code, stdout, stderr) = demo(&arguments);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(code, 0, "{stderr}");
    let found: Value = serde_json::from_str(&stdout).unwrap();
    let cell = |from: &str, to: &str, service: &str| {
        let cells = found["cells"].as_array().unwrap().iter();
        let mut cells = cells.filter(|cell| cell["from"] == from && cell["to"] == to && cell["service"] == service);
        let cell = cells.find(|cell| cell["family"] == "ipv4").unwrap();
        (cell["observed"].as_str().unwrap(), cell["answeredBy"].as_str().unwrap_or("nobody"))
    };
    assert_eq!(cell("admin", "node-a", "22/TCP"), ("refused", "nobody"));
    assert_eq!(cell("admin", "node-a", "9100/TCP"), ("refused", "nobody"));
    assert_eq!(cell("admin", "node-a", "8080/TCP"), ("unreachable", "nobody"));
    assert_eq!(cell("node-a", "admin", "443/TCP"), ("drop", "nobody"));
    assert_eq!(cell("admin", "node-a", "5432/TCP"), ("open", "kube-system/coredns-1"));
    assert_eq!(cell("shop/web-1", "proxy", "8080/TCP"), ("open", "proxy"));
}

#[test]
fn a_rule_that_somebody_removes_by_hand_is_a_difference() {
    if !can_make_namespaces("demo after meddling") {
        return;
    }
    let sound = after(|_| {});
    assert!(sound.is_sound(), "{}", text::report(&sound, Color::Plain));

    // The end of the gateway's ingress chain: what isolates it.
    let isolation = "payments/gateway: isolates ingress";
    let found = after(|lab| {
        let node = lab.namespace("node-a").unwrap();
        let chains = node.nft_list(&["-a", "list", "table", "inet", "palisade"]).unwrap();
        let mut chain = "";
        for line in chains.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("chain ") {
                chain = name.split(' ').next().unwrap();
            }
            if line.contains(isolation) && line.contains("# handle") {
                let handle = line.rsplit(' ').next().unwrap();
                node.nft(&format!("delete rule inet palisade {chain} handle {handle}")).unwrap();
            }
        }
    });
    let differences: Vec<_> = found.differences().collect();
    assert!(!found.is_sound());
    assert!(!differences.is_empty());
    for cell in differences {
        assert_eq!(found.name(cell.to), "payments/gateway-1");
        assert_eq!((cell.verdict.outcome, cell.answer.outcome), (Outcome::Dropped, Outcome::Open));
        let line = cell.verdict.denial.as_ref().unwrap().line.as_deref().unwrap();
        assert!(line.ends_with(isolation), "{line}");
    }
    let shown = text::report(&found, Color::Plain);
    assert!(shown.contains("\nNot what the sources say:\n"), "{shown}");
    assert!(
        json::report(&found, None)
            .contains("\"observed\": \"open\",\n      \"answeredBy\": \"payments/gateway-1\",\n      \"line\"")
    );
}

#[test]
fn a_connection_that_a_tightening_leaves_alive_is_found_out() {
    if !can_make_namespaces("demo of a tightening that cuts nothing") {
        return;
    }
    let loaded = load_from(&examples::config(), &Examples::default()).unwrap();
    let (world, scene) = examples();
    let owner = watcher::demo::owner().unwrap();
    let tightening = Tightening::find(&world, &scene, &loaded, ForwardMode::PodsFirst, owner).unwrap();
    let stage = Stage { world: &world, scene: &scene };
    let mut enforced = stage.enforce(stage.build().unwrap()).unwrap();
    // What takes the rule out takes nothing out.
    let untouched = Tightening { world: world.clone(), ..tightening };
    let cut = untouched.show(&world, &mut enforced).unwrap();
    assert!(cut.was_open && !cut.is_silent && cut.n_revoked == 0, "{cut:?}");
    assert!(!cut.is_as_written(&untouched));
    assert!(text::tightening(&untouched, &cut).contains("! it lives on"));
}

#[test]
fn a_packet_that_is_lost_is_a_difference_too() {
    if !can_make_namespaces("demo after dropping") {
        return;
    }
    let found = after(|lab| {
        let drop = "table ip lost { chain f { type filter hook forward priority 300; tcp dport 5432 drop; }; }";
        lab.namespace("node-b").unwrap().nft(drop).unwrap();
    });
    let mut differences = found.differences();
    assert!(differences.any(|cell| cell.answer.outcome == Outcome::Dropped && found.name(cell.to) == "shop/db-1"));
}

#[test]
fn a_compiler_that_forgets_a_policy_is_found_out_without_a_packet() {
    if !can_make_namespaces("demo of a wrong compiler") {
        return;
    }
    let (mut world, scene) = examples();
    let mut without = world.clone();
    without.policies.retain(|policy| &*policy.name.name != "ledger");
    // The rulesets still enforce the ledger's policy, of which the oracle does not know any more.
    std::mem::swap(&mut world.policies, &mut without.policies);
    let stage = Stage { world: &world, scene: &scene };
    let enforced = stage.enforce(stage.build().unwrap()).unwrap();
    let found = stage.ask(&enforced).unwrap();
    assert_eq!(found.differences().count(), 0);
    assert!(!found.is_sound());
    let (cell, words) = found.disagreements().next().unwrap();
    assert_eq!(found.name(cell.to), "payments/ledger-1");
    assert!(words.contains("examples/cluster/policies.yaml:90"), "{words}");
}

#[test]
fn what_cannot_be_shown_is_refused_before_anything_is_built() {
    let (code, _, stderr) = demo(&["--host", "examples/host/node.ferm"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("the manifests have no Node"), "{stderr}");
    let (code, _, stderr) = demo(&["--manifests", "examples/cluster/policies.yaml"]);
    assert_eq!(code, 2, "{stderr}");

    let (mut world, _) = examples();
    let pod = world.inventory.pods.values().next().unwrap().clone();
    for number in 0..40_u8 {
        let mut pod = pod.clone();
        pod.addresses = vec![[10, 244, 9, number].into()];
        let name = policy_lang::name::NamespacedName::new("many", format!("pod-{number}"));
        world.inventory.pods.insert(name, pod);
    }
    let refused = Scene::of(&world).unwrap_err().to_string();
    assert!(refused.contains("at most 40"), "{refused}");

    let (mut world, _) = examples();
    let twin = policy_lang::name::NamespacedName::new(Arc::from("shop"), Arc::from("twin"));
    world.inventory.pods.insert(twin, world.inventory.pods.values().next().unwrap().clone());
    let refused = Scene::of(&world).unwrap_err().to_string();
    assert!(refused.contains("both have 10.244.1.2"), "{refused}");
}
