//! docs/host/puppet.md: its manifest, applied by Puppet, and its commands.

use std::path::Path;
use std::process::Command;

use super::Machine;
use crate::privilege::{can_make_namespaces, skip};

/// What stands in a block of the page.
fn block<'a>(page: &'a str, language: &str) -> &'a str {
    let begin = format!("```{language}\n");
    page.split_once(&begin).and_then(|(_, rest)| rest.split_once("```")).expect("the page has the block").0
}

#[test]
fn puppet_applies_what_changed_and_nothing_else() {
    if !can_make_namespaces("the page for Puppet") {
        return;
    }
    if !Path::new("/usr/bin/puppet").exists() {
        skip("the page for Puppet", "no Puppet");
        return;
    }
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/host/puppet.md")).unwrap();
    let machine = Machine::new("puppet");
    let folder = machine.folder.join("ferm");
    let program = Path::new(env!("CARGO_BIN_EXE_palisade")).parent().unwrap();
    let here = |text: &str| {
        text.replace("/etc/ferm", folder.to_str().unwrap())
            .replace("'/usr/bin', ", &format!("'{}', ", program.display()))
    };
    let manifest = here(block(&page, "puppet"));
    // What a run changed: 0 nothing, 2 something, 4 and 6 something failed.
    let run = |manifest: &str| {
        let path = machine.file("site.pp", manifest);
        let of = |name: &str| machine.folder.join(name).display().to_string();
        let mut command = Command::new("puppet");
        command.args(["apply", "--detailed-exitcodes", "--confdir", &of("conf"), "--vardir", &of("var"), &path]);
        machine.run(&mut command)
    };
    run(&manifest).exits(2);
    let rules = machine.namespace.nft_list(&["list", "table", "inet", "palisade"]).unwrap();
    assert!(rules.contains("tcp dport 22") && rules.contains("00_main:2 policy DROP"), "{rules}");
    run(&manifest).exits(0);
    run(&manifest.replace("dport 22 ", "dport 2222 ")).exits(2);
    let rules = machine.namespace.nft_list(&["list", "table", "inet", "palisade"]).unwrap();
    assert!(rules.contains("tcp dport 2222"), "{rules}");
    // Foreign changes are put right by the next run.
    machine.namespace.nft("flush chain inet palisade pl_input").unwrap();
    run(&manifest.replace("dport 22 ", "dport 2222 ")).exits(2);
    // A broken fragment is told with its place, and changes nothing.
    let broken = run(&manifest.replace("dport 22 ", "dport ssssh ")).exits(6);
    assert!(broken.stdout.contains("10_ssh:1"), "{}", broken.stdout);
    assert!(machine.namespace.nft_list(&["list", "table", "inet", "palisade"]).unwrap().contains("tcp dport 2222"));
    run(&manifest).exits(2);
    for command in block(&page, "sh").lines() {
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        machine.run(Command::new("sh").args(["-ec", &here(command)]).env("PATH", path)).exits(0);
    }
}
