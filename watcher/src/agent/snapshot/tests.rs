use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use engine::inventory::Pod;
use policy_lang::name::{Labels, NamespacedName};

use super::parts::Parts;
use super::*;
use crate::agent::event::FoundHostRules;
use crate::agent::host::reading;
use crate::agent::world::Told;
use crate::config::Config;
use crate::source::host_texts::{HostTexts, Listings};
use crate::source::{self, is_of_baseline};

/// The examples: every kind of object, and the two forms of the baseline.
fn examples() -> (Facts, Good) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples");
    let config = Config {
        manifests: vec![root.join("cluster")],
        baseline: vec![root.join("cluster/baseline.yaml")],
        ..Config::default()
    };
    let loaded = source::load(&config).unwrap();
    let (baseline, policies) = loaded.policies.into_iter().partition::<Vec<_>, _>(|policy| is_of_baseline(policy.tier));
    assert!(!baseline.is_empty() && !policies.is_empty() && !loaded.inventory.services.is_empty());
    let main = "/etc/node.ferm";
    let text =
        "@include 'more.ferm'; chain INPUT { @include 'empty/'; mod set match-set bad src DROP; policy DROP; }\n";
    let text = (main.to_owned(), text.to_owned());
    // A folder without a file is no folder that is missing.
    let listings: Listings = [("folder /etc/empty/".to_owned(), Vec::new())].into();
    let kept = |main: &str, texts: Vec<(String, String)>, ipsets: Vec<String>| {
        let (main, listings) = (main.to_owned(), listings.clone());
        reading::kept(&HostTexts { main, texts, listings, ipsets, ..HostTexts::default() }).unwrap()
    };
    let sets = ("/etc/ipsets".to_owned(), "create bad hash:ip\nadd bad 192.0.2.1\n".to_owned());
    let included = ("/etc/more.ferm".to_owned(), "chain INPUT proto tcp dport ssh ACCEPT;\n".to_owned());
    let file = kept(main, vec![text, included, sets.clone()], vec![sets.0]);
    assert!(file.rules.ipsets.get("bad").is_some());
    let of_map = ("configmap:n/m/host.ferm".to_owned(), "chain INPUT policy DROP;\n".to_owned());
    let config_map = kept("configmap:n/m/host.ferm", vec![of_map], Vec::new());
    let host = Good { file: Some(Arc::new(file)), config_map: Some(Arc::new(config_map)) };
    (Facts { policies, inventory: loaded.inventory, baseline, host: None }, host)
}

fn told(facts: &Facts) -> Told<'_> {
    Told { policies: &facts.policies, inventory: &facts.inventory, baseline: &facts.baseline }
}

fn written(facts: &Facts, host: &Good) -> String {
    let mut out = io::Cursor::new(Vec::new());
    write(told(facts), host, &mut out).unwrap();
    String::from_utf8(out.into_inner()).unwrap()
}

#[test]
fn what_was_kept_comes_back_as_it_was() {
    let (facts, host) = examples();
    let (back, kept) = read(&written(&facts, &host)).unwrap();
    assert_eq!(back.policies, facts.policies);
    assert_eq!(back.baseline, facts.baseline);
    assert_eq!(back.inventory, facts.inventory);
    let rules = |found: Option<Arc<FoundHostRules>>| found.unwrap().rules.clone();
    assert_eq!(rules(kept.file), rules(host.file.clone()));
    assert_eq!(rules(kept.config_map), rules(host.config_map.clone()));
    let body = written(&facts, &host).split_once('\n').unwrap().1.to_owned();
    assert_eq!(untrusted::body(&body), Ok(true));
    // What a version wrote that knew of no ConfigMap is as good.
    let (_, kept) = read(&written(&facts, &Good { config_map: None, file: host.file })).unwrap();
    assert!(kept.file.is_some() && kept.config_map.is_none());
}

#[test]
fn what_is_cut_short_changed_or_of_another_version_is_not_used() {
    let (facts, host) = examples();
    let whole = written(&facts, &host);
    assert!(read(&whole).is_some());
    let body = whole.split_once('\n').unwrap().1;
    assert!(read(&sealed::seal("palisade-facts 2 ", body)).is_none());
    assert!(read(&sealed::seal(HEAD, &body.replacen('{', "{\"more\":1,", 1))).is_none());
    for at in (0..whole.len()).step_by(whole.len() / 200).filter(|at| whole.is_char_boundary(*at)) {
        let (cut, rest) = whole.split_at(at);
        assert!(read(cut).is_none() && read(&format!("{cut}#{rest}")).is_none(), "{at}");
    }
}

#[test]
fn a_large_cluster_is_written_seldom_and_a_small_one_every_ten_seconds() {
    let of = |millis| rest(Duration::from_millis(millis)).as_secs();
    assert_eq!([0, 5, 50, 400, 60_000].map(of), [10, 10, 10, 80, 300]);
}

/// More pods than a part holds, and one of them in a namespace of its own.
fn many() -> Facts {
    let mut facts = Facts::default();
    facts.inventory.namespaces.insert("n".into(), Labels::of_namespace(&"n".into()));
    for n in 0..4_500_u32 {
        let [_, _, high, low] = n.to_be_bytes();
        let address = vec![IpAddr::from([10, 0, high, low])];
        let pod = Pod { addresses: address, ..Pod::default() };
        facts.inventory.pods.insert(NamespacedName::new("n", format!("pod-{n:04}")), pod);
    }
    facts
}

#[test]
fn what_changes_between_two_parts_is_kept_before_or_after_and_nothing_else_suffers() {
    let (host, mut facts) = (Good::default(), many());
    let mut parts = Parts::default();
    let mut body = Vec::new();
    for _ in 0..2 {
        body.extend(parts.next(told(&facts), &host).unwrap().unwrap());
    }
    // One that is written already, the last of those, one that is not, and one that comes with its namespace.
    for gone in ["pod-0000", "pod-1999", "pod-3000"] {
        facts.inventory.pods.remove(&NamespacedName::new("n", gone)).unwrap();
    }
    facts.inventory.namespaces.insert("z".into(), Labels::of_namespace(&"z".into()));
    facts.inventory.pods.insert(NamespacedName::new("z", "new"), Pod::default());
    while let Some(part) = parts.next(told(&facts), &host).unwrap() {
        body.extend(part);
    }
    let (back, _) = read(&sealed::seal(HEAD, std::str::from_utf8(&body).unwrap())).unwrap();
    let before = many();
    for written in ["pod-0000", "pod-1999"].map(|name| NamespacedName::new("n", name)) {
        facts.inventory.pods.insert(written.clone(), before.inventory.pods[&written].clone());
    }
    assert_eq!(back.inventory, facts.inventory);
}

#[test]
fn what_is_given_up_leaves_the_file_and_what_is_finished_replaces_it() {
    let folder = std::env::temp_dir().join(format!("palisade-snapshot-{}", std::process::id()));
    let state = StateDir::at(folder.clone());
    let keeper = |state: &StateDir| Keeper::new(state.clone());
    let (host, facts) = (Good::default(), many());
    let mut writing = Writing::begin(state.clone(), host.clone());
    writing.go_on(told(&facts)).unwrap();
    assert!(writing.is_unmade() && writing.end().is_err());
    assert!(keeper(&state).recall().unwrap().is_none());

    let mut writing = Writing::begin(state.clone(), host);
    while writing.is_unmade() {
        writing.go_on(told(&facts)).unwrap();
        std::thread::yield_now();
    }
    writing.end().unwrap();
    let (back, _) = keeper(&state).recall().unwrap().unwrap();
    assert_eq!(back.inventory, facts.inventory);
    fs::remove_dir_all(folder).unwrap();
}
