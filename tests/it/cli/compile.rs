//! Commands that need no kernel.

use std::process::Stdio;

use serde_json::Value;

use super::{EXAMPLES, Machine, broken_inputs, palisade, palisade_reads, program};
use crate::privilege::can_make_namespaces;

fn compile<'a>(more: &[&'a str]) -> Vec<&'a str> {
    ["compile"].iter().chain(&EXAMPLES).chain(more).copied().collect()
}

#[test]
fn the_examples_compile_to_the_same_bytes_every_time() {
    for format in ["nft", "json", "summary"] {
        let first = palisade(&compile(&["--format", format])).exits(0);
        let second = palisade(&compile(&["--format", format])).exits(0);
        assert!(first.stdout.len() > 200, "{format}: {}", first.stdout);
        assert_eq!(first.stdout, second.stdout, "{format}");
    }
}

#[test]
fn nft_accepts_what_the_examples_compile_to() {
    if !can_make_namespaces("nft accepts the examples") {
        return;
    }
    let machine = Machine::new("nft");
    let text = machine.file("ruleset.nft", &palisade(&compile(&[])).exits(0).stdout);
    machine.run(std::process::Command::new("nft").args(["-c", "-f", &text])).exits(0);
}

#[test]
fn the_json_and_the_summary_say_what_the_text_says() {
    let text = palisade(&compile(&[])).exits(0).stdout;
    let json: Value = serde_json::from_str(&palisade(&compile(&["--format", "json"])).exits(0).stdout).unwrap();
    assert_eq!(json["version"], 1);
    let mut rules = 0;
    for table in json["tables"].as_array().unwrap() {
        for chain in table["chains"].as_array().unwrap() {
            for rule in chain["rules"].as_array().unwrap() {
                rules += 1;
                let rule = rule["rule"].as_str().unwrap();
                assert!(text.contains(rule), "{rule}");
            }
        }
        for set in table["sets"].as_array().unwrap() {
            assert!(text.contains(set["name"].as_str().unwrap()));
            for element in set["elements"].as_array().unwrap() {
                assert!(text.contains(element["key"].as_str().unwrap()), "{element}");
            }
        }
    }
    assert!(rules > 20, "{rules}");
    let summary = palisade(&compile(&["--format", "summary"])).exits(0).stdout;
    assert!(summary.contains(&format!(" {rules} rules")), "{summary}");
    assert!(summary.contains("base chain pl_input (filter input -10)"), "{summary}");
}

#[test]
fn every_broken_input_is_refused_with_its_place_and_nothing_is_printed() {
    for (flag, path) in broken_inputs() {
        let ran = palisade(&["compile", flag, &path, "--node", "node-a"]).exits(2);
        assert_eq!(ran.stdout, "", "{path}");
        let located = ran.stderr.lines().any(|line| {
            let place = line.trim_start().strip_prefix("--> ").and_then(|place| place.strip_prefix(&path));
            place.is_some_and(|place| place.starts_with(':'))
        });
        assert!(located, "{path}:\n{}", ran.stderr);
        assert!(ran.stderr.contains("error[PAL"), "{path}:\n{}", ran.stderr);
    }
}

#[test]
fn a_namespace_over_its_budget_is_named_with_the_place_of_its_policy() {
    let port = |n: usize| format!("{{port: {}}},", 2 * n + 1);
    let block = |n: usize| format!("{{ipBlock: {{cidr: 11.{}.{}.0/24}}}},", n / 256, n % 256);
    let (ports, blocks): (String, String) = ((0..300).map(port).collect(), (0..512).map(block).collect());
    let text = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: a, namespace: x}}, spec: {{nodeName: n}}, \
         status: {{podIP: 10.0.0.1}}}}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
         metadata: {{name: big, namespace: x}}\n\
         spec: {{podSelector: {{}}, ingress: [{{from: [{blocks}], ports: [{ports}]}}]}}\n"
    );
    let ran = palisade_reads(&["compile", "--manifests", "-", "--node", "n"], &text).exits(0);
    assert!(
        ran.stderr.contains("warning[PAL031]: the ingress policies of namespace x take more than "),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains(" (NetworkPolicy x/big)\n --> <stdin>:5:1\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("5 | metadata: {name: big, namespace: x}\n"), "{}", ran.stderr);
}

#[test]
fn keep_going_compiles_the_rest_and_says_that_it_is_incomplete() {
    for (flag, path) in broken_inputs() {
        let good = ["compile", "--keep-going", "--manifests", "examples/cluster/pods.yaml", "--node", "node-a"];
        let ran = palisade(&[&good, &[flag, path.as_str()][..]].concat()).exits(1);
        assert!(ran.stdout.starts_with("table inet palisade {"), "{path}:\n{}", ran.stdout);
    }
}

#[test]
fn broken_host_rules_close_what_is_new() {
    let broken = ["compile", "--keep-going", "--host", "tests/data/host/broken/negation.ferm", "--node", "a"];
    let text = palisade(&broken).exits(1).stdout;
    for chain in ["pl_input", "pl_forward"] {
        let (_, chain) = text.split_once(&format!("chain {chain} {{")).unwrap();
        let (chain, _) = chain.split_once("\t}").unwrap();
        let last = chain.trim_end().lines().last().unwrap();
        assert!(last.contains(" drop "), "{text}");
        assert!(chain.contains("ct state established,related"), "{text}");
    }
}

#[test]
fn a_node_that_has_no_pod_is_doubted_and_one_without_a_name_is_refused() {
    let on = |node| ["compile", "--manifests", "examples/cluster/pods.yaml", "--node", node];
    assert!(palisade(&on("node-x")).exits(0).stderr.contains("warning[PAL029]: no pod is on node node-x"));
    assert!(!palisade(&on("node-a")).exits(0).stderr.contains("PAL029"));
    assert!(palisade(&on("")).exits(2).stderr.contains("node is empty"));
}

#[test]
fn a_pod_with_broken_labels_is_isolated_rather_than_free() {
    let path = std::env::temp_dir().join(format!("palisade-labels-{}.yaml", std::process::id()));
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: x, labels: {app: 1}}\n\
               spec: {nodeName: n}\nstatus: {podIPs: [{ip: 10.0.0.1}]}\n";
    std::fs::write(&path, pod).unwrap();
    let arguments = ["compile", "--keep-going", "--manifests", path.to_str().unwrap(), "--node", "n"];
    let text = palisade(&arguments).exits(1).stdout;
    std::fs::remove_file(&path).unwrap();
    for entered in ["goto pl_in_", "jump pl_eg_"] {
        assert!(text.contains(&format!("10.0.0.1 comment \"x/a\" : {entered}")), "{text}");
    }
    assert_eq!(text.matches("return comment \"/").count(), 0, "{text}");
}

#[test]
fn wrong_usage_is_told_apart_from_broken_input_and_help_is_no_error() {
    assert!(palisade(&["compile"]).exits(2).stderr.contains("no source is given"));
    assert!(palisade(&["compile", "--hots", "x"]).exits(2).stderr.contains("--host"));
    assert!(palisade(&["compile", "--host", "absent.ferm"]).exits(2).stderr.contains("absent.ferm"));
    assert!(palisade(&["compile", "--manifests", "docs/adr"]).exits(2).stderr.contains(".yaml"));
    assert!(palisade(&["compile", "--manifests", "-", "--baseline", "-"]).exits(2).stderr.contains("standard input"));
    assert!(palisade(&["compile", "--manifests", "target/debug/palisade"]).exits(2).stderr.contains("palisade"));
    assert!(palisade(&["apply", "--check", "--confirm", "5"]).exits(2).stderr.contains("--check"));
    assert!(palisade(&["apply", "--confirm", "0"]).exits(2).stderr.contains("86400"));
    assert!(palisade(&["--help"]).exits(0).stdout.contains("Exit codes:"));
    assert!(palisade(&["--version"]).exits(0).stdout.starts_with("palisade "));
    assert!(palisade(&[]).exits(2).stderr.contains("Usage:"));
}

#[test]
fn a_configuration_file_says_the_same_as_the_flags_and_flags_win() {
    let root = env!("CARGO_MANIFEST_DIR");
    let path = std::env::temp_dir().join(format!("palisade-config-{}.yaml", std::process::id()));
    let config = format!(
        "manifests: [{root}/examples/cluster]\nbaseline: {root}/examples/cluster/baseline.yaml\n\
         host: {root}/examples/host/node.ferm\nnode: node-b\n"
    );
    std::fs::write(&path, &config).unwrap();
    let file = path.to_str().unwrap();
    let summary = ["compile", "--format", "summary", "--config", file];
    let by_file = palisade(&[&summary[..], &["--node", "node-a"]].concat()).exits(0).stdout;
    assert_eq!(by_file, palisade(&compile(&["--format", "summary"])).exits(0).stdout);
    assert!(palisade(&summary).exits(0).stdout.starts_with("node node-b: "));
    std::fs::write(&path, format!("{config}hots: x\n")).unwrap();
    let refused = palisade(&["compile", "--config", file]).exits(2).stderr;
    assert!(refused.contains(&format!("{file}:5:1")), "{refused}");
    assert!(refused.contains("did you mean `host`?"), "{refused}");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn manifests_are_read_from_standard_input() {
    let pods = std::fs::read_to_string("examples/cluster/pods.yaml").unwrap();
    let ran = palisade_reads(&["compile", "--manifests", "-", "--node", "node-a", "--format", "summary"], &pods);
    assert!(ran.exits(0).stdout.contains("local pods"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut command = program();
    command.args(compile(&[])).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn findings_are_coloured_only_where_asked() {
    let broken = ["compile", "--host", "tests/data/host/broken/negation.ferm", "--node", "a"];
    assert!(!palisade(&broken).exits(2).stderr.contains('\u{1b}'));
    assert!(palisade(&[&broken[..], &["--color", "always"]].concat()).exits(2).stderr.contains('\u{1b}'));
    assert!(!palisade(&[&broken[..], &["--color", "never"]].concat()).exits(2).stderr.contains('\u{1b}'));
}

#[test]
fn host_rules_are_checked_and_expanded_by_themselves() {
    assert_eq!(palisade(&["host", "check", "examples/host/node.ferm"]).exits(0).stdout, "");
    let refused = palisade(&["host", "check", "tests/data/host/broken/misspelt_keyword.ferm"]).exits(1);
    assert!(refused.stderr.contains("did you mean `saddr`?"), "{}", refused.stderr);
    palisade(&["host", "check", "absent.ferm"]).exits(2);
    let both = palisade(&["host", "expand", "examples/host/node.ferm"]).exits(0).stdout;
    let ipv6 = palisade(&["host", "expand", "--domain", "ip6", "examples/host/node.ferm"]).exits(0).stdout;
    assert!(both.contains("# domain ip\n") && both.ends_with(&ipv6), "{both}");
    assert!(ipv6.contains("*filter\n") && ipv6.ends_with("COMMIT\n"), "{ipv6}");
    let refused = palisade(&["host", "expand", "tests/data/host/broken/negation.ferm"]).exits(2);
    assert_eq!(refused.stdout, "");
    let rules = "chain INPUT saddr $PEER ACCEPT;";
    let defined = palisade_reads(&["host", "expand", "--def", "$PEER=192.0.2.1", "-"], rules).exits(0).stdout;
    assert!(defined.contains("192.0.2.1"), "{defined}");
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let text = palisade(&["completions", shell]).exits(0).stdout;
        for word in ["compile", "teardown", "keep-going"] {
            assert!(text.contains(word), "{shell}: {word}");
        }
    }
    assert!(palisade(&["man"]).exits(0).stdout.contains(".TH palisade 1"));
    let folder = std::env::temp_dir().join(format!("palisade-man-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    palisade(&["man", folder.to_str().unwrap()]).exits(0);
    for page in ["palisade.1", "palisade-apply.1", "palisade-host-expand.1"] {
        assert!(folder.join(page).exists(), "{page}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    palisade(&["man", folder.to_str().unwrap()]).exits(2);
}
