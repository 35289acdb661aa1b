//! The host's firewall under load: reload, restart, a reload that fails, and the move from ferm, beside ferm itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Instant;

use watcher::lab::{Lab, Namespace};

use super::load::{ANSWERED, Account, ONE_WAY, laboratory, under_load};
use crate::privilege::{can_make_namespaces, report, skip};

/// Packets a second.
const RATE: u32 = 100_000;

/// Who filters on the router, and the file that it reads.
struct Firewall {
    router: Arc<Namespace>,
    folder: PathBuf,
    file: String,
}

impl Firewall {
    fn new(lab: &Lab, label: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("palisade-load-{label}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("host.ferm").display().to_string();
        let firewall = Self { router: Arc::clone(lab.namespace("router").unwrap()), folder, file };
        firewall.write(lab, 0);
        firewall
    }

    /// Rules that all mean the same to the load, and another one for every generation.
    fn write(&self, lab: &Lab, generation: u32) {
        let addresses =
            |name| lab.addresses(name).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let text = format!(
            "domain (ip ip6) table filter {{
                chain INPUT proto tcp dport ({} 22 80 443) ACCEPT;
                chain FORWARD {{
                    policy DROP;
                    mod state state (ESTABLISHED RELATED) ACCEPT;
                    proto tcp dport 1:{} DROP;
                    saddr @ipfilter(({})) daddr @ipfilter(({})) proto udp dport ({ONE_WAY} {ANSWERED}) ACCEPT;
                }}
            }}",
            1000 + generation,
            1 + generation,
            addresses("sender"),
            addresses("open"),
        );
        std::fs::write(&self.file, text).unwrap();
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).env("PALISADE_RUN_DIR", self.folder.join("run"));
        self.router.run(|| command.output()).unwrap().unwrap()
    }

    #[track_caller]
    fn done(&self, program: &str, arguments: &[&str]) {
        let Output { status, stdout, stderr } = self.run(program, arguments);
        let said = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{program} {arguments:?}: {said}");
    }

    fn palisade(&self, arguments: &[&str]) {
        self.done(env!("CARGO_BIN_EXE_palisade"), arguments);
    }

    fn is_refused(&self, program: &str, arguments: &[&str]) {
        assert!(!self.run(program, arguments).status.success(), "{program} takes {}", self.file);
    }
}

impl Drop for Firewall {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Does something a few times under load.
fn measure(lab: &Lab, name: &str, times: u32, mut once: impl FnMut(u32)) -> Account {
    let begun = Instant::now();
    let ((), account) = under_load(lab, RATE, || (1..=times).for_each(&mut once));
    assert!(account.allowed > 0 && account.denied > 0, "no load: {account:?}");
    report(&format!(
        "{name}, {times} times in {:.1} s under {:.0} packets a second: {} of {} allowed lost, {} of {} denied leaked",
        begun.elapsed().as_secs_f64(),
        account.rate,
        account.lost,
        account.allowed,
        account.leaked,
        account.denied
    ));
    account
}

#[test]
fn reload_restart_and_a_failing_reload_lose_and_leak_nothing() {
    if !can_make_namespaces("the host's firewall under load") {
        return;
    }
    let lab = laboratory();
    let firewall = Firewall::new(&lab, "palisade");
    let apply = ["apply", "--host", &firewall.file];
    firewall.palisade(&apply);
    let mut generation = 0;
    let mut reload = |_| {
        generation += 1;
        firewall.write(&lab, generation);
        firewall.palisade(&apply);
    };
    let reloaded = measure(&lab, "palisade's reload", 20, &mut reload);
    // Stopping the unit runs nothing, and starting it is this.
    let restart = ["apply", "--host", &firewall.file, "--keep-going"];
    let restarted = measure(&lab, "palisade's restart", 20, |_| firewall.palisade(&restart));
    let failed = measure(&lab, "palisade's reload that fails", 20, |_| {
        std::fs::write(
            &firewall.file,
            "domain (ip ip6) chain FORWARD { policy ACCEPT; proto tcp dport nonesuch ACCEPT; }",
        )
        .unwrap();
        firewall.is_refused(env!("CARGO_BIN_EXE_palisade"), &apply);
    });
    for account in [reloaded, restarted, failed] {
        assert_eq!((account.lost, account.leaked), (0, 0), "{account:?}");
    }
}

#[test]
fn moving_from_ferm_and_back_loses_and_leaks_nothing_and_ferms_restart_leaks() {
    if !can_make_namespaces("moving from ferm under load") {
        return;
    }
    if !Path::new("/usr/sbin/ferm").exists() {
        skip("moving from ferm under load", "no ferm to move from");
        return;
    }
    let lab = laboratory();
    let firewall = Firewall::new(&lab, "ferm");
    firewall.done("ferm", &[&firewall.file]);
    let moved = measure(&lab, "host migrate and its undo", 3, |_| {
        firewall.palisade(&["host", "migrate", "--confirm", "0", &firewall.file]);
        firewall.palisade(&["host", "migrate", "--undo"]);
    });
    assert_eq!((moved.lost, moved.leaked), (0, 0), "{moved:?}");
    let mut generation = 0;
    measure(&lab, "ferm's reload", 10, |_| {
        generation += 1;
        firewall.write(&lab, generation);
        firewall.done("ferm", &[&firewall.file]);
    });
    // What `systemctl restart ferm` does; and the proof that the account sees a leak.
    let restarted = measure(&lab, "ferm's restart", 5, |_| {
        firewall.done("ferm", &["--flush", &firewall.file]);
        firewall.done("ferm", &[&firewall.file]);
    });
    assert!(restarted.leaked > 0, "{restarted:?}");
    let sound = std::fs::read_to_string(&firewall.file).unwrap();
    measure(&lab, "ferm's reload that fails in its second family", 5, |_| {
        std::fs::write(&firewall.file, format!("{sound} domain ip6 chain FORWARD proto tcp dport nonesuch ACCEPT;"))
            .unwrap();
        firewall.is_refused("ferm", &[&firewall.file]);
    });
}
