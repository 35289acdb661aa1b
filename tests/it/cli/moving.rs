//! docs/host/moving-from-ferm.md: its commands, one after the other, beside Debian's ferm.

use std::path::Path;
use std::process::Command;

use super::Machine;
use crate::privilege::{can_make_namespaces, skip};

const RULES: &str = "\
domain (ip ip6) table filter {
    chain INPUT {
        policy DROP;
        interface lo ACCEPT;
        mod state state (ESTABLISHED RELATED) ACCEPT;
        proto tcp dport (ssh http https) ACCEPT;
        proto ipv6-icmp ACCEPT;
        proto icmp icmp-type echo-request ACCEPT;
    }
    chain FORWARD policy DROP;
}
";

#[test]
fn a_host_moves_from_ferm_to_palisade_and_back_by_the_guide() {
    if !can_make_namespaces("moving from ferm") {
        return;
    }
    if !Path::new("/usr/sbin/ferm").exists() {
        skip("moving from ferm", "no ferm to move from");
        return;
    }
    let machine = Machine::new("moving");
    let file = machine.file("ferm.conf", RULES);
    let shell = |script: &str| {
        let program = Path::new(env!("CARGO_BIN_EXE_palisade")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let script = script.replace("/etc/ferm/ferm.conf", &file);
        machine.run(Command::new("sh").args(["-ec", &script]).current_dir(&machine.folder).env("PATH", path))
    };
    shell("ferm /etc/ferm/ferm.conf").exits(0);
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/host/moving-from-ferm.md"));
    let page = page.unwrap();
    let blocks: Vec<&str> = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 12);
    // Whether ferm filters and whether palisade does, at the end of each block.
    let filters = [
        (true, false),
        (true, false),
        (true, false),
        (true, true),
        (true, true),
        (true, true),
        (false, true),
        (false, true),
        (false, true),
        (false, true),
        (false, true),
        (true, false),
    ];
    for (block, (by_ferm, by_palisade)) in blocks.iter().zip(filters) {
        // No service manager runs in here.
        let commands: Vec<&str> = block.lines().filter(|line| !line.starts_with("systemctl ")).collect();
        shell(&commands.join("\n")).exits(0);
        for save in ["iptables-legacy-save", "ip6tables-legacy-save"] {
            let drops = shell(save).exits(0).stdout.contains(":INPUT DROP");
            assert_eq!(drops, by_ferm, "{save} after:\n{block}");
        }
        let tables = machine.namespace.nft_list(&["list", "tables"]).unwrap();
        assert_eq!(tables.contains("inet palisade"), by_palisade, "after:\n{block}{tables}");
    }
}

#[test]
fn the_units_are_sound_stop_nothing_and_expose_little() {
    let units = ["palisade.service", "palisade-refresh.service", "palisade-refresh.timer"];
    let folder = std::env::temp_dir().join(format!("palisade-unit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let program = format!("{} ", env!("CARGO_BIN_EXE_palisade"));
    let paths = units.map(|unit| {
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd").join(unit)).unwrap();
        assert!(!text.contains("ExecStop"), "stopping would open the host");
        let path = folder.join(unit);
        std::fs::write(&path, text.replace("/usr/bin/palisade ", &program)).unwrap();
        path
    });
    if !Path::new("/usr/bin/systemd-analyze").exists() {
        skip("the units", "no systemd-analyze");
        return;
    }
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&paths).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    // It may say something of other units of this machine.
    assert!(verified.status.success() && said.lines().all(|line| !line.contains("palisade")), "{said}");
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "service")) {
        // From 0, nothing that could be misused, to 10; in tenths here.
        let arguments = ["security", "--offline=yes", "--threshold=20", "--no-pager"];
        let exposed = Command::new("systemd-analyze").args(arguments).arg(path).output().unwrap();
        assert!(exposed.status.success(), "{}", String::from_utf8_lossy(&exposed.stdout));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_units_only_capability_is_enough_to_apply_to_reload_and_to_close() {
    if !can_make_namespaces("the unit's capability") {
        return;
    }
    let machine = Machine::new("capability");
    let sound = machine.file("host.ferm", RULES);
    let bounded = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-all,+net_admin", "--inh-caps=-all", "--no-new-privs"]);
        machine.run(command.arg(env!("CARGO_BIN_EXE_palisade")).args(arguments))
    };
    bounded(&["apply", "--host", &sound, "--keep-going"]).exits(0);
    machine.file("host.ferm", "chain INPUT {");
    bounded(&["apply", "--host", &sound]).exits(2);
    bounded(&["apply", "--host", &sound, "--keep-going"]).exits(1);
    machine.file("host.ferm", RULES);
    bounded(&["status", "--host", &sound]).exits(0);
}
