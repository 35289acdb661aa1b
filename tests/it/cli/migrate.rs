//! `palisade host migrate`: ferm's rules go and come back, others' rules stay, and every step can fail.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::{Machine, Ran};
use crate::privilege::{can_make_namespaces, skip};

const RULES: &str = "\
domain (ip ip6) table filter {
    chain INPUT {
        policy DROP;
        interface lo ACCEPT;
        mod state state (ESTABLISHED RELATED) ACCEPT;
        proto tcp dport (ssh http) jump web;
        proto icmp ACCEPT;
    }
    chain web { mod limit limit 10/second limit-burst 20 ACCEPT; mod comment comment \"the rest\" DROP; }
}
domain ip table nat chain PREROUTING interface eth0 proto tcp dport 8080 REDIRECT to-ports 80;
";

/// What Docker and an operator have put there beside ferm, before and after its rules.
const OTHERS: &str = "\
iptables-legacy -N DOCKER
iptables-legacy -A DOCKER -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j ACCEPT
iptables-legacy -P FORWARD DROP
iptables-legacy -I FORWARD -o docker0 -j DOCKER
iptables-legacy -I INPUT -s 192.0.2.66/32 -j DROP
iptables-legacy -A INPUT -m comment --comment \"operator's last\" -j LOG
iptables-legacy -t nat -N DOCKER
iptables-legacy -t nat -A PREROUTING -j DOCKER
iptables-nft -A INPUT -s 192.0.2.77/32 -j DROP
";

/// The kinds of tables in which ferm's rules may be.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Legacy,
    Nft,
}

/// A machine with ferm's rules in tables of one kind, and others' rules.
fn machine(label: &str, kind: Kind) -> Option<(Machine, String)> {
    if !can_make_namespaces(label) {
        return None;
    }
    if !Path::new("/usr/sbin/ferm").exists() {
        skip(label, "no ferm to move from");
        return None;
    }
    let machine = Machine::new("migrate");
    let file = machine.file("ferm.conf", RULES);
    match kind {
        Kind::Legacy => shell(&machine, &format!("ferm {file}")),
        Kind::Nft => shell(
            &machine,
            &format!(
                "for domain in ip ip6; do ferm --noexec --lines --domain $domain {file} | grep -v '^#' > lines
                 case $domain in ip) iptables-nft-restore < lines;; ip6) ip6tables-nft-restore < lines;; esac; done"
            ),
        ),
    }
    .exits(0);
    shell(&machine, OTHERS).exits(0);
    Some((machine, file))
}

fn shell(machine: &Machine, script: &str) -> Ran {
    machine.run(Command::new("sh").args(["-ec", script]).current_dir(&machine.folder))
}

/// Everything that iptables has, of both kinds and families.
fn saved(machine: &Machine) -> String {
    let script = "for kind in legacy nft; do iptables-$kind-save; ip6tables-$kind-save; done | grep -v '^#'";
    let text = shell(machine, script).exits(0).stdout;
    // Counts go on by themselves.
    text.lines().map(|line| line.split(" [").next().unwrap().to_owned() + "\n").collect()
}

#[test]
fn ferms_rules_go_and_come_back_and_nobody_elses_do() {
    for kind in [Kind::Legacy, Kind::Nft] {
        let Some((machine, file)) = machine("host migrate", kind) else { return };
        let before = saved(&machine);
        let checked = machine.palisade(&["host", "migrate", "--check", &file]).exits(0).stdout;
        assert!(checked.contains("-D INPUT -i lo -j ACCEPT\n") && checked.contains("-X web\n"), "{checked}");
        assert!(checked.contains("left alone: INPUT 2, FORWARD 1, DOCKER 1"), "{checked}");
        assert_eq!(
            (saved(&machine), machine.palisade(&["status"]).exits(1).stdout.as_str()),
            (before.clone(), "not loaded\n")
        );

        let said = machine.palisade(&["host", "migrate", "--confirm", "0", &file]).exits(0).stdout;
        let steps = said.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
        assert_eq!(steps.count(), 5, "{said}");
        let after = saved(&machine);
        let left: Vec<&str> = after.lines().filter(|line| line.starts_with("-A")).collect();
        let others = [
            "-A INPUT -s 192.0.2.66/32 -j DROP",
            "-A INPUT -m comment --comment \"operator\\'s last\" -j LOG",
            "-A FORWARD -o docker0 -j DOCKER",
            "-A DOCKER -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j ACCEPT",
            "-A PREROUTING -j DOCKER",
            "-A INPUT -s 192.0.2.77/32 -j DROP",
        ];
        assert!(left.len() == others.len() && others.iter().all(|rule| left.contains(rule)), "{after}");
        assert!(
            !after.contains(":INPUT DROP") && after.contains(":FORWARD DROP") && !after.contains(":web"),
            "{after}"
        );
        assert!(machine.listing().contains("pl_input"));
        // Once more: there is nothing left to take, and the way back is not forgotten.
        let again = machine.palisade(&["host", "migrate", "--confirm", "0", &file]).exits(1);
        assert!(
            again.stdout.contains("in sync") && again.stderr.contains("nothing will be removed"),
            "{}",
            again.stdout
        );

        machine.palisade(&["host", "migrate", "--undo"]).exits(0);
        assert_eq!(saved(&machine), before);
        assert_eq!(machine.palisade(&["status"]).exits(1).stdout, "not loaded\n");
        machine.palisade(&["host", "migrate", "--undo"]).exits(2);
    }
}

#[test]
fn without_a_confirmation_ferm_is_back_among_what_docker_has_done_since() {
    let Some((machine, file)) = machine("host migrate reverts", Kind::Legacy) else { return };
    let before = saved(&machine);
    let waits = machine.palisade(&["host", "migrate", "--confirm", "2", &file]).exits(0);
    assert!(waits.stderr.contains("palisade confirm"), "{}", waits.stderr);
    shell(&machine, "iptables-legacy -A DOCKER -d 172.17.0.3/32 -p udp -j ACCEPT").exits(0);
    let docker = "-A DOCKER -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j ACCEPT\n";
    let expected = before.replacen(docker, &format!("{docker}-A DOCKER -d 172.17.0.3/32 -p udp -j ACCEPT\n"), 1);
    becomes(&machine, &expected);
    assert_eq!(machine.palisade(&["status"]).exits(1).stdout, "not loaded\n");
    assert!(!machine.run_dir().join("state/migration").exists());
}

#[test]
fn a_confirmed_migration_is_undone_days_later() {
    let Some((machine, file)) = machine("host migrate is confirmed", Kind::Legacy) else { return };
    let before = saved(&machine);
    machine.palisade(&["host", "migrate", "--confirm", "2", &file]).exits(0);
    machine.palisade(&["host", "migrate", "--undo"]).exits(3);
    machine.palisade(&["confirm"]).exits(0);
    thread::sleep(Duration::from_secs(3));
    assert!(!saved(&machine).contains(":INPUT DROP") && machine.listing().contains("pl_input"));
    machine
        .palisade(&["apply", "--replace", "--host", &machine.file("other.ferm", "chain INPUT policy DROP;")])
        .exits(0);
    machine.palisade(&["host", "migrate", "--undo"]).exits(0);
    assert_eq!(saved(&machine), before);
}

#[test]
fn what_cannot_be_read_told_apart_or_removed_leaves_ferms_rules() {
    let Some((machine, file)) = machine("host migrate fails", Kind::Legacy) else { return };
    let before = saved(&machine);
    machine.palisade(&["host", "migrate", &machine.file("broken.ferm", "chain INPUT {")]).exits(2);
    machine.palisade(&["host", "migrate", "--manifests", "examples/cluster", "--node", "node-a"]).exits(2);
    machine.palisade(&["host", "migrate", "--undo"]).exits(2);
    // Somebody writes for longer than iptables waits.
    let lock = machine.folder.join("xtables.lock");
    fs::write(&lock, "").unwrap();
    let mut holder = Command::new("flock").arg(&lock).args(["sleep", "60"]).spawn().unwrap();
    let mut command = super::program();
    command.args(["host", "migrate", "--confirm", "0", &file]).env("XTABLES_LOCKFILE", &lock);
    let refused = machine.run(&mut command).exits(3).stderr;
    assert!(refused.contains("cannot be told") && refused.contains("iptables-legacy-restore refuses"), "{refused}");
    assert_eq!((saved(&machine), machine.listing().contains("palisade")), (before, false));
    holder.kill().unwrap();
    holder.wait().unwrap();
}

#[test]
fn a_removal_that_fails_half_way_leaves_all_of_ferms_rules_beside_palisades() {
    let Some((machine, file)) = machine("host migrate fails half way", Kind::Nft) else { return };
    // iptables does not show who else goes to ferm's chain in the second of the families.
    machine.namespace.nft("add map ip6 filter m { type mark : verdict; elements = { 1 : jump web }; }").unwrap();
    let before = saved(&machine);
    let failed = machine.palisade(&["host", "migrate", "--confirm", "0", &file]).exits(3);
    assert!(
        failed.stdout.contains("iptables-nft, table filter: ") && failed.stderr.contains("all there again"),
        "{}",
        failed.stderr
    );
    assert_eq!((saved(&machine), machine.listing().contains("pl_input")), (before, true));
    machine.palisade(&["host", "migrate", "--undo"]).exits(2);
}

#[test]
fn what_a_killed_guard_was_to_put_back_is_no_part_of_a_later_probation() {
    let Some((machine, file)) = machine("host migrate with a killed guard", Kind::Legacy) else { return };
    let before = saved(&machine);
    machine.palisade(&["host", "migrate", "--confirm", "600", &file]).exits(0);
    let after = saved(&machine);
    let guard = fs::read_to_string(machine.run_dir().join("pending")).unwrap();
    assert!(Command::new("kill").args(["-KILL", guard.trim()]).status().unwrap().success());
    // The kernel takes the guard's lock back a moment after its death.
    let begun = Instant::now();
    while !machine.palisade(&["status", "--format", "nagios"]).stdout.contains("never confirmed") {
        assert!(begun.elapsed() < Duration::from_secs(60), "the guard lives");
        thread::sleep(Duration::from_millis(50));
    }
    let migrated = machine.listing();
    let other = machine.file("other.ferm", "chain INPUT { policy DROP; interface lo ACCEPT; }\n");
    machine.palisade(&["apply", "--replace", "--host", &other, "--confirm", "2"]).exits(0);
    let begun = Instant::now();
    while machine.listing() != migrated {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is reverted: {}", machine.listing());
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(saved(&machine), after);
    machine.palisade(&["host", "migrate", "--undo"]).exits(0);
    assert_eq!(saved(&machine), before);
}

/// Waits until iptables has this.
fn becomes(machine: &Machine, expected: &str) {
    let begun = Instant::now();
    loop {
        let found = saved(machine);
        if found == expected {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "expected:\n{expected}\nfound:\n{found}");
        thread::sleep(Duration::from_millis(100));
    }
}
