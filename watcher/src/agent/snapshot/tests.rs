use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::agent::event::FoundHostRules;
use crate::agent::host::reading;
use crate::config::Config;
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
    let text = (main.to_owned(), "@include 'more.ferm'; chain INPUT { @include 'empty/'; policy DROP; }\n".to_owned());
    // A folder without a file is no folder that is missing.
    let listings = [("folder /etc/empty/".to_owned(), Vec::new())].into();
    let included = ("/etc/more.ferm".to_owned(), "chain INPUT proto tcp dport ssh ACCEPT;\n".to_owned());
    let file = reading::kept(main, &[text, included], &listings).unwrap();
    let of_map = ("configmap:n/m/host.ferm".to_owned(), "chain INPUT policy DROP;\n".to_owned());
    let config_map = reading::kept("configmap:n/m/host.ferm", &[of_map], &listings).unwrap();
    let host = Good { file: Some(Arc::new(file)), config_map: Some(Arc::new(config_map)) };
    (Facts { policies, inventory: loaded.inventory, baseline, host: None }, host)
}

fn written(facts: &Facts, host: &Good) -> String {
    let mut out = io::Cursor::new(Vec::new());
    write(facts, host, &mut out).unwrap();
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
    assert_eq!(rules(kept.config_map), rules(host.config_map));
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
