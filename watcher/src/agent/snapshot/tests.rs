use std::path::Path;

use super::*;
use crate::config::Config;
use crate::source::{self, is_of_baseline};

/// The examples: every kind of object, and the two forms of the baseline.
fn examples() -> Facts {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples");
    let config = Config {
        manifests: vec![root.join("cluster")],
        baseline: vec![root.join("cluster/baseline.yaml")],
        ..Config::default()
    };
    let loaded = source::load(&config).unwrap();
    let (baseline, policies) = loaded.policies.into_iter().partition::<Vec<_>, _>(|policy| is_of_baseline(policy.tier));
    assert!(!baseline.is_empty() && !policies.is_empty() && !loaded.inventory.services.is_empty());
    let main = "/etc/node.ferm".to_owned();
    let text = "@include 'more.ferm';\n".to_owned();
    let included = ("/etc/more.ferm".to_owned(), "chain INPUT proto tcp dport ssh ACCEPT;\n".to_owned());
    let host = host(main.clone(), vec![(main, text), included]).unwrap();
    Facts { policies, inventory: loaded.inventory, baseline, host: Some(Arc::new(host)) }
}

fn written(facts: &Facts) -> String {
    let mut out = io::Cursor::new(Vec::new());
    write(facts, &mut out).unwrap();
    String::from_utf8(out.into_inner()).unwrap()
}

#[test]
fn what_was_kept_comes_back_as_it_was() {
    let facts = examples();
    let back = read(&written(&facts)).unwrap();
    assert_eq!(back.policies, facts.policies);
    assert_eq!(back.baseline, facts.baseline);
    assert_eq!(back.inventory, facts.inventory);
    assert_eq!(back.host.unwrap().rules, facts.host.unwrap().rules);
}

#[test]
fn what_is_cut_short_changed_or_of_another_version_is_not_used() {
    let whole = written(&examples());
    assert!(read(&whole).is_some());
    let body = whole.split_once('\n').unwrap().1;
    assert!(read(&sealed::seal("palisade-facts 2 ", body)).is_none());
    assert!(read(&sealed::seal(HEAD, &body.replacen('{', "{\"more\":1,", 1))).is_none());
    for at in (0..whole.len()).step_by(whole.len() / 200).filter(|at| whole.is_char_boundary(*at)) {
        let (cut, rest) = whole.split_at(at);
        assert!(read(cut).is_none() && read(&format!("{cut}#{rest}")).is_none(), "{at}");
    }
}
