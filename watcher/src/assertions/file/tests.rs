use super::*;
use crate::config::by_line;

fn check(text: &str) -> (File, Vec<String>) {
    let mut sources = Sources::default();
    let (file, found) = File::parse(Path::new("/r/a.palisade-test.yaml"), text, &mut sources);
    let found = by_line(&found, &sources);
    (file, found)
}

fn refused(test: &str) -> Vec<String> {
    check(&format!("version: 1\ntests:\n- {test}\n")).1
}

#[test]
fn every_field_and_both_spellings_are_read() {
    let text = "version: 1\nmanifests: [../k8s]\nhost: node.ferm\ngroups:\n  fronts: {namespace: shop, labels: {tier: web}}\n  \
                all: [fronts, \"shop/b*\"]\ntests:\n- name: n\n  from: all\n  to: [shop/cart, svc:shop/web]\n  except: \
                {from: [shop/a], to: [dns]}\n  ports: [80, 53/udp]\n  expect: allow\n  only: true\n  by: policy\n  \
                mayBeEmpty: true\n- {from: any, to: any, except: [shop/a], expect: deny}\nchecks:\n- \"!internet -> a/b\"\n- a/b -> c/d:80/tcp\n";
    let (file, found) = check(text);
    assert_eq!(found, [""; 0]);
    assert_eq!(file.manifests, [PathBuf::from("/r/../k8s")]);
    assert_eq!(file.host, Some(PathBuf::from("/r/node.ferm")));
    let names: Vec<_> = file.tests.iter().map(|test| (&*test.name, test.expect)).collect();
    let expected = [
        ("n", Expect::Allow),
        ("any -> any: deny", Expect::Deny),
        ("!internet -> a/b", Expect::Deny),
        ("a/b -> c/d:80/tcp", Expect::Allow),
    ];
    assert_eq!(names, expected);
    let first = &file.tests[0];
    assert_eq!((first.from.len(), first.to.len(), first.ports.len()), (2, 2, 2));
    assert_eq!((first.except_from.len(), first.except_to.len()), (1, 1));
    assert_eq!((first.only, first.by, first.may_be_empty), (true, Some(Layer::Policy), true));
    assert_eq!((file.tests[1].except_from.len(), file.tests[1].except_to.len()), (1, 0));
    for key in KEYS.iter().chain(&TEST_KEYS).chain(&WHO_KEYS).filter(|key| !["kind"].contains(key)) {
        assert!(text.contains(&format!("{key}:")), "{key} is not in this test");
    }
}

#[test]
fn what_cannot_be_understood_is_said_with_its_line() {
    assert_eq!(check("version: 1\ntest: []\n").1, ["2: there is no field `test`"]);
    assert_eq!(check("version: 2\nchecks: [\"a/b -> c/d:1\"]\n").1, ["1: the version 1 belongs here, not `2`"]);
    assert_eq!(check("version: 1\n").1, ["1: there is no assertion in this file: write `tests` or `checks`"]);
    assert_eq!(check("").1, ["1: there is no assertion in this file"]);
    assert_eq!(
        check("version: 1\nchecks: [\"a/b -> c/d:1\"]\n---\na: 1\n").1,
        ["4: a file of assertions is one document"]
    );
    assert_eq!(
        refused("{from: a/b, to: c/d, expect: maybe}"),
        ["3: `allow`, `deny` or `some` belongs here, not `maybe`"]
    );
    assert_eq!(refused("{from: webs, to: c/d, expect: deny}"), ["3: nobody is called `webs`"]);
    assert_eq!(refused("{from: a/b:80, to: c/d, expect: deny}").len(), 1);
    assert_eq!(refused("{expect: deny}"), ["3: an assertion says `from` or `to`, or both"]);
    assert_eq!(refused("{from: a/b, to: c/d, expect: deny, only: true}"), ["3: `only` belongs to `expect: allow`"]);
    assert_eq!(refused("{from: a/b, to: c/d, expect: deny, by: default}"), ["3: by default nothing is denied"]);
    assert_eq!(refused("{from: [], to: c/d, expect: deny}").len(), 1);
}

#[test]
fn what_is_permitted_is_said_with_its_ports() {
    let message = "3: an assertion that something is permitted says which ports";
    assert_eq!(refused("{from: a/b, to: c/d, expect: allow}"), [message]);
    assert_eq!(refused("{from: a/b, to: [dns, svc:c/d], expect: allow}"), [""; 0]);
    assert_eq!(check("version: 1\nchecks: [a/b -> c/d]\n").1.len(), 1);
}

#[test]
fn groups_cannot_lead_round_or_take_the_name_of_something_else() {
    let text = "version: 1\ngroups: {a: [b], b: [a], dns: x/y}\nchecks: [\"!a -> c/d\"]\n";
    assert_eq!(check(text).1.len(), 2);
}
