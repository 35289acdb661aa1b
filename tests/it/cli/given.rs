//! What host rules are given when they are judged and not enforced: variables, and the sets of ipset.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Ran, program};

const RULES: &str = "domain ip chain INPUT {
    policy DROP;
    mod state state (ESTABLISHED RELATED) ACCEPT;
    interface lo ACCEPT;
    mod set set office src proto tcp dport $PORT ACCEPT;
}
";

const NODE: &str = "apiVersion: v1
kind: Node
metadata: {name: node-1}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
";

const TESTS: &str = "version: 1
manifests: [node.yaml]
host: node.ferm
tests:
- {name: the office, from: 203.0.113.7, to: \"host:node-1:22/tcp\", expect: allow, by: host}
- {name: nobody else, from: 203.0.113.8, to: \"host:node-1:22/tcp\", expect: deny, by: host}
";

const SETS: &str = "create office hash:ip family inet\nadd office 203.0.113.7\n";

struct Repository(PathBuf);

impl Repository {
    fn new(label: &str) -> Self {
        let path = std::env::temp_dir().join(format!("palisade-given-{label}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(path.join("sets")).unwrap();
        let repository = Self(path);
        let texts =
            [("node.ferm", RULES), ("node.yaml", NODE), ("node.palisade-test.yaml", TESTS), ("sets/office", SETS)];
        for (name, text) in texts {
            repository.write(name, text);
        }
        repository
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn palisade(&self, arguments: &[&str]) -> Ran {
        program().args(arguments).current_dir(&self.0).output().unwrap().into()
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

const GIVEN: [&str; 4] = ["--def", "$PORT=22", "--ipset", "sets/office"];

#[test]
fn flags_give_them_to_lint_test_and_diff() {
    let repository = Repository::new("flags");
    for command in [
        &["lint", "--select", "PAL6", "node.ferm"][..],
        &["test", "node.palisade-test.yaml"],
        &["diff", "node.yaml", "node.yaml", "--old-host", "node.ferm", "--host", "node.ferm"],
    ] {
        let without = repository.palisade(command);
        assert_ne!(without.code, 0, "{command:?}");
        assert!(
            without.stderr.contains("$PORT") || without.stdout.contains("$PORT"),
            "{command:?}: {}",
            without.stderr
        );
        repository.palisade(&[command, &GIVEN[..]].concat()).exits(0);
        assert_ne!(repository.palisade(&[command, &GIVEN[..2]].concat()).code, 0, "{command:?}");
    }
}

#[test]
fn the_configuration_gives_them_from_its_folder_and_flags_win() {
    let repository = Repository::new("configured");
    let configured = "version: 1\nhostDefinitions: ['$PORT=22']\nhostIpsets: [sets/office]\n";
    repository.write("palisade.yaml", configured);
    let lint = ["lint", "--select", "PAL6", "../node.ferm", "--config", "../palisade.yaml"];
    Ran::from(program().args(lint).current_dir(repository.0.join("sets")).output().unwrap()).exits(0);
    repository.palisade(&["test", "node.palisade-test.yaml"]).exits(0);
    // Another port than the one that is asserted to be open.
    repository.palisade(&["test", "node.palisade-test.yaml", "--def", "$PORT=23"]).exits(1);
    repository.write("sets/nobody", "create office hash:ip family inet\n");
    repository.palisade(&["test", "node.palisade-test.yaml", "--ipset", "sets/nobody"]).exits(1);
}

#[test]
fn what_a_change_brings_is_compared_with_the_same_sets() {
    let repository = Repository::new("changed");
    let git = |arguments: &[&str]| {
        let author = ["-c", "user.name=a", "-c", "user.email=a@b.invalid"];
        Ran::from(Command::new("git").args(author).args(arguments).current_dir(&repository.0).output().unwrap())
            .exits(0);
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "rules"]);
    let lint = [&["lint", "--select", "PAL6", "--changed", "node.ferm"][..], &GIVEN].concat();
    repository.palisade(&lint).exits(0);
    repository.write("node.ferm", &RULES.replace("ACCEPT;", "NONSENSE;"));
    repository.palisade(&lint).exits(1);
}
