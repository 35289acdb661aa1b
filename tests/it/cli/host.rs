//! `palisade host`: refusals, commands, strictness.

use super::{palisade, palisade_reads};

#[test]
fn every_refusal_is_told_at_once_with_its_place_and_an_alternative() {
    let rules = "chain INPUT {
    mod nth every 5 packet 0 DROP;
    mod state state NEW TARPIT;
    mod xyz ACCEPT;
    policy QUEUE;
}
table raw chain FORWARD ACCEPT;
domain arp chain FORWARD DROP;
@hook pre 'true';
";
    let refused = palisade_reads(&["host", "check", "-"], rules).exits(1).stderr;
    for (place, words, instead) in [
        (":2:13", "`every` of module `nth`", "mod statistic mode nth every"),
        (":2:21", "`packet` of module `nth`", "mod statistic"),
        (":3:25", "target `TARPIT`", "DROP"),
        (":4:5", "module `xyz`", "leave it out"),
        (":5:5", "no such policy", "ACCEPT or DROP"),
        (":7:17", "table raw has no chain FORWARD", "no packet"),
        (":8:18", "domain arp has no chain FORWARD", "domain eb"),
        (":9:11", "`@hook`", "ExecStartPre="),
    ] {
        for part in [place, words, instead] {
            assert!(refused.contains(part), "{part} is missing in {refused}");
        }
    }
}

#[test]
fn commands_are_listed_and_not_run() {
    let marker = std::env::temp_dir().join(format!("palisade-ran-{}", std::process::id()));
    let touch = format!("touch {}", marker.display());
    let rules =
        format!("@hook post '{touch}';\n@def $x = `{touch}`;\n@include '{touch}|';\n@if 0 {{ @def $y = `other`; }}\n");
    let listed = palisade_reads(&["host", "check", "--list-exec", "-"], &rules).exits(0).stdout;
    let mut lines: Vec<&str> = listed.lines().collect();
    lines.sort_unstable();
    let expected = [
        format!("-:1:12: hook post: {touch}"),
        format!("-:2:11: backticks: {touch}"),
        format!("-:3:10: include: {touch}"),
        "-:4:19: backticks: other".to_owned(),
    ];
    assert_eq!(lines, expected);
    let refused = palisade_reads(&["host", "check", "-"], &rules).exits(1).stderr;
    assert!(refused.contains("shell commands are not run here"), "{refused}");
    assert!(!marker.exists(), "a command was run");
    let run = palisade_reads(&["host", "expand", "--allow-exec", "-"], &rules).exits(0).stdout;
    assert_eq!(run, format!("{touch}\n"));
    assert!(marker.exists(), "no command was run");
    std::fs::remove_file(marker).unwrap();
}

#[test]
fn words_of_commands_are_read_where_they_may_run() {
    let rules = "@hook pre 'before'; @hook flush 'never'; chain INPUT saddr `echo 192.0.2.1 192.0.2.2` ACCEPT;";
    let printed = palisade_reads(&["host", "expand", "--allow-exec", "-"], rules).exits(0).stdout;
    let expected = "before\n# domain ip\n*filter\n:INPUT ACCEPT [0:0]\n-A INPUT --source 192.0.2.1 --jump ACCEPT\n\
                    -A INPUT --source 192.0.2.2 --jump ACCEPT\nCOMMIT\n";
    assert_eq!(printed, expected);
    let failed = palisade_reads(&["host", "check", "--allow-exec", "-"], "chain INPUT saddr `exit 3` ACCEPT;").exits(1);
    assert!(failed.stderr.contains("exit status: 3"), "{}", failed.stderr);
}

#[test]
fn skipped_characters_are_refused_where_that_is_asked_for() {
    let rules = "chain INPUT interface eth* ACCEPT;";
    let doubtful = palisade_reads(&["host", "check", "-"], rules).exits(0).stderr;
    assert!(doubtful.contains("`*` has no meaning"), "{doubtful}");
    palisade_reads(&["host", "check", "--strict", "-"], rules).exits(1);
    palisade_reads(&["host", "expand", "--strict", "-"], rules).exits(2);
}

#[test]
fn every_domain_is_expanded() {
    let path = "tests/data/ferm/eb/chains.ferm";
    let bridge = palisade(&["host", "expand", "--domain", "eb", path]).exits(0).stdout;
    assert!(bridge.contains("*broute\n:BROUTING ACCEPT [0:0]\n-A BROUTING --protocol IPv4 --jump DROP\n"), "{bridge}");
    assert_eq!(palisade(&["host", "expand", "--domain", "ip", path]).exits(0).stdout, "");
}
