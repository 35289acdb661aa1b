//! What only a systemd shows: units that are started, and sessions that end with everything in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::privilege::{can_make_namespaces, skip};

const SYSTEMD: &str = "/lib/systemd/systemd";

/// Where the control groups of this machine are.
const GROUPS: &str = "/sys/fs/cgroup";

/// How long a test waits for what takes a second or two on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

const CLOSED: &str = "chain INPUT { policy DROP; interface lo ACCEPT; }\n";
const OTHER: &str = "chain INPUT { policy DROP; interface lo ACCEPT; proto tcp dport 22 ACCEPT; }\n";
const BROKEN: &str = "chain INPUT { policy DROP; no such word; }\n";

/// A systemd that believes that it has booted: in namespaces of its own, networks included, with folders that lie over this
/// machine's and go with it. None of the machine's units is started.
struct Booted {
    unshare: Child,
    systemd: u32,
    group: PathBuf,
    over: PathBuf,
}

/// Run by a shell in the new namespaces. The folder is $1, the program under test $2, and the kind of control groups $3.
///
/// The units of the machine are in no path of this systemd: some of them empty /tmp and set the clock.
const BOOT: &str = r#"
set -e
units=/run/systemd/system
mount --make-rprivate /
mount -t tmpfs palisade "$1"
for folder in etc usr/bin var/lib; do
    mkdir -p "$1/$folder" "$1/scratch/$folder"
    mount -t overlay palisade -o "lowerdir=/$folder,upperdir=$1/$folder,workdir=$1/scratch/$folder" "/$folder"
done
touch /usr/bin/palisade
mount --bind "$2" /usr/bin/palisade
mkdir -p /etc/ferm /etc/default
for folder in /run /tmp /var/tmp; do mount -t tmpfs palisade "$folder"; done
mkdir -p "$units" /run/lock
for target in idle sysinit basic shutdown timers network-pre; do
    printf '[Unit]\nDefaultDependencies=no\n' > "$units/$target.target"
done
cp deploy/systemd/* "$units"
case $3 in
v2) mount -t cgroup2 groups /sys/fs/cgroup ;;
v1)
    mount -t tmpfs groups /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd,xattr groups /sys/fs/cgroup/systemd
    ;;
esac
export container=palisade SYSTEMD_UNIT_PATH="$units" SYSTEMD_GENERATOR_PATH="$1" SYSTEMD_LOG_TARGET=null
exec /lib/systemd/systemd --system --unit=idle.target --log-target=null --show-status=no
"#;

impl Booted {
    /// Boots one; says why not where that cannot be.
    fn new(test: &str) -> Option<Self> {
        if !can_make_namespaces(test) {
            return None;
        }
        if !Path::new(SYSTEMD).exists() {
            skip(test, "no systemd");
            return None;
        }
        let unified = Path::new(GROUPS).join("cgroup.controllers").exists();
        let (kind, root) =
            if unified { ("v2", PathBuf::from(GROUPS)) } else { ("v1", Path::new(GROUPS).join("systemd")) };
        let name = format!("palisade-{}-{test}", std::process::id());
        let (group, over) = (root.join(&name), std::env::temp_dir().join(&name));
        if fs::create_dir(&group).is_err() {
            skip(test, "no control group of systemd's can be made here");
            return None;
        }
        fs::create_dir_all(&over).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", r#"echo $$ > "$0/cgroup.procs" && exec "$@""#]).arg(&group);
        command.args(["unshare", "--cgroup", "--mount", "--pid", "--uts", "--ipc", "--net", "--fork", "--kill-child"]);
        command
            .args(["--mount-proc", "sh", "-c", BOOT, "boot"])
            .arg(&over)
            .arg(env!("CARGO_BIN_EXE_palisade"))
            .arg(kind);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
        let mut booted = Self { unshare: command.spawn().unwrap(), systemd: 0, group, over };
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "systemd did not boot");
            if booted.unshare.try_wait().unwrap().is_some() {
                skip(test, "systemd does not boot in namespaces here: see what is printed above");
                return None;
            }
            thread::sleep(Duration::from_millis(50));
            let unshare = booted.unshare.id();
            let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).unwrap_or_default();
            let Some(child) = children.split_whitespace().next() else { continue };
            booted.systemd = child.parse().unwrap();
            if booted.run(&["systemctl", "is-system-running"]).stdout == b"running\n" {
                return Some(booted);
            }
        }
    }

    /// Runs a command there, by no unit.
    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new("nsenter");
        command.args(["--all", "--target", &self.systemd.to_string()]).args(words);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs it, and fails unless it succeeds; what it printed.
    #[track_caller]
    fn ran(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{words:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// Puts host rules where the unit reads them.
    fn write_rules(&self, text: &str) {
        self.ran(&["sh", "-c", r#"printf '%s' "$1" > /etc/ferm/ferm.conf"#, "sh", text]);
    }

    /// What is in force.
    fn listing(&self) -> String {
        self.ran(&["nft", "list", "ruleset"])
    }

    /// Whether a unit is active, failed or something else.
    fn state(&self, unit: &str) -> String {
        String::from_utf8(self.run(&["systemctl", "is-active", unit]).stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        // Its first process takes all others along.
        let _ignored = self.unshare.kill();
        let _ignored = self.unshare.wait();
        let begun = Instant::now();
        while remove_groups(&self.group).is_err() && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(20));
        }
        let _ignored = fs::remove_dir(&self.over);
    }
}

/// Removes a control group and those in it.
fn remove_groups(group: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_groups(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}

#[test]
fn the_service_loads_reloads_and_never_opens_the_host() {
    let Some(machine) = Booted::new("service") else { return };
    machine.write_rules(CLOSED);
    machine.ran(&["systemctl", "start", "palisade.service"]);
    let closed = machine.listing();
    assert!(closed.contains("policy DROP"), "{closed}");

    machine.write_rules(OTHER);
    machine.ran(&["systemctl", "reload", "palisade.service"]);
    let other = machine.listing();
    assert!(other.contains("tcp dport 22"), "{other}");

    machine.write_rules(BROKEN);
    assert!(!machine.run(&["systemctl", "reload", "palisade.service"]).status.success());
    assert_eq!(machine.listing(), other);
    assert_eq!(machine.state("palisade.service"), "active");

    machine.ran(&["systemctl", "stop", "palisade.service"]);
    assert_eq!(machine.listing(), other);

    // As after a reboot: nothing is loaded, and the rules are still broken.
    machine.ran(&["nft", "flush", "ruleset"]);
    assert!(!machine.run(&["systemctl", "start", "palisade.service"]).status.success());
    assert_eq!(machine.state("palisade.service"), "failed");
    let recalled = machine.listing();
    assert!(recalled.contains("tcp dport 22") && recalled.contains("policy DROP"), "{recalled}");
}

#[test]
fn the_refreshing_unit_reads_files_and_commands_again_and_changes_elements_only() {
    let Some(machine) = Booted::new("refresh") else { return };
    let write = |path: &str, text: &str| {
        machine.ran(&["sh", "-c", r#"printf '%s' "$2" > "$1""#, "sh", path, text]);
    };
    write("/etc/default/palisade", "OPTIONS=--allow-exec\n");
    write("/etc/ferm/feed", "192.0.2.1\n192.0.2.20\n");
    write("/etc/ferm/lists", "@def $LISTED = (198.51.100.1 198.51.100.20);\n");
    let lists = "@include 'lists'; @def $FED = `cat /etc/ferm/feed`;";
    machine.write_rules(&format!("{lists} chain INPUT {{ saddr $FED DROP; saddr $LISTED DROP; }}\n"));
    machine.ran(&["systemctl", "start", "palisade.service"]);
    let with_handles = || machine.ran(&["nft", "-a", "list", "ruleset"]);
    let rules = |listing: &str| -> Vec<String> {
        listing.lines().filter(|line| line.contains("saddr @")).map(str::to_owned).collect()
    };
    let before = with_handles();
    assert!(before.contains("192.0.2.20") && !before.contains("192.0.2.30"), "{before}");

    write("/etc/ferm/feed", "192.0.2.1\n192.0.2.30\n");
    write("/etc/ferm/lists", "@def $LISTED = (198.51.100.1 198.51.100.30);\n");
    machine.ran(&["systemctl", "start", "palisade-refresh.service"]);
    let after = with_handles();
    assert!(after.contains("192.0.2.30") && !after.contains("192.0.2.20"), "{after}");
    assert!(after.contains("198.51.100.30") && !after.contains("198.51.100.20"), "{after}");
    assert_eq!(rules(&after), rules(&before));
    assert_eq!(rules(&after).len(), 2);

    // A feed that fails changes nothing.
    machine.ran(&["rm", "/etc/ferm/feed"]);
    assert!(!machine.run(&["systemctl", "start", "palisade-refresh.service"]).status.success());
    assert_eq!(with_handles(), after);
}

#[test]
fn an_apply_whose_session_ends_with_all_in_it_is_reverted() {
    let Some(machine) = Booted::new("session") else { return };
    machine.write_rules(CLOSED);
    machine.ran(&["palisade", "apply", "--host", "/etc/ferm/ferm.conf"]);
    let before = machine.listing();
    machine.write_rules(OTHER);
    // As logind does with KillUserProcesses=yes: whatever belongs to the session's control group is killed.
    let session = ["systemd-run", "--scope", "--quiet", "--collect", "--unit=session", "sh", "-c"];
    let apply = "palisade apply --host /etc/ferm/ferm.conf --confirm 3 && sleep 1000";
    let mut command = Command::new("nsenter");
    command.args(["--all", "--target", &machine.systemd.to_string()]).args(session).arg(apply);
    let mut session = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until(|| machine.listing().contains("tcp dport 22"), "never applied");
    machine.ran(&["systemctl", "kill", "--signal=KILL", "session.scope"]);
    session.wait().unwrap();
    wait_until(|| machine.listing() == before, "never reverted");
}

/// Waits until something holds.
#[track_caller]
fn wait_until(holds: impl Fn() -> bool, otherwise: &str) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{otherwise}");
        thread::sleep(Duration::from_millis(100));
    }
}
