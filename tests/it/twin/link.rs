//! Twins of the link: what ferm makes of `domain arp` and `domain eb` through arptables and ebtables in one of them, and
//! palisade's tables in the other. Both get the same frames, and the same ones have to arrive.
//!
//! Ferm writes these domains as one command for each rule, and for ebtables into a file that only its older program can
//! load, so that the commands are run without that file.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

use engine::apply::{Step, apply};
use engine::kernel::Netlink;
use engine::observed::TableFlags;
use engine::ruleset::{Family, Ruleset, TableKey};
use watcher::lab::Namespace;

use self::twin::{Arrived, Twin};
use super::configurations::{Configuration, split_file};
use super::{can_make_namespaces, compiled, report, skip, stay_on};

mod arp;
mod frames;
mod twin;

const FERM: &str = "/usr/sbin/ferm";

/// Both with their rules, and what is to be asked of them.
struct Asked {
    name: String,
    twins: [Twin; 2],
}

#[test]
fn arp_is_judged_as_by_arptables() {
    each("arp", Family::Arp, "arptables", |asked| {
        let frames = arp::frames();
        asked.twins.each_ref().map(|twin| twin.ask_arp(&frames))
    });
}

#[test]
fn frames_are_bridged_as_by_ebtables() {
    each("bridge", Family::Bridge, "ebtables", |asked| {
        let (wire, own) = (frames::frames(), frames::own());
        asked.twins.each_ref().map(|twin| twin.ask_bridge(&wire, &own))
    });
}

fn each(file: &str, family: Family, judge: &str, ask: impl Fn(&Asked) -> [Arrived; 2]) {
    let test = format!("link::{judge}");
    if !can_make_namespaces(&test) {
        return;
    }
    if !Path::new(FERM).exists() || !Path::new("/usr/sbin").join(judge).exists() {
        skip(&test, &format!("ferm or {judge} is not installed"));
        return;
    }
    stay_on(0);
    let folder = std::env::temp_dir().join(format!("palisade-link-{file}-{}", std::process::id()));
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/twin/link");
    let only = std::env::var("PALISADE_TWIN").unwrap_or_default();
    let (mut n_configurations, mut n_frames, mut differing) = (0, 0, Vec::new());
    for (name, text) in split_file(&data.join(file).with_extension("ferm")) {
        if !name.contains(&only) {
            continue;
        }
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("t.ferm");
        std::fs::write(&path, &text).unwrap();
        let ruleset = compiled(&Configuration { name: name.clone(), path: path.clone() });
        let ruleset = ruleset.unwrap_or_else(|| panic!("{name} is refused"));
        assert!(ruleset.tables.contains_key(&TableKey::ours(family)), "{name}");
        let asked = Asked { name, twins: [Twin::new("ferm's", family), Twin::new("palisade's", family)] };
        load(&asked.twins[0].namespace, judge, &path);
        enforce(&asked.twins[1].namespace, &ruleset);
        let [ferm, palisade] = ask(&asked);
        let Asked { name, .. } = asked;
        n_configurations += 1;
        n_frames += ferm.sent;
        assert!(ferm.passed > 0, "{name}: nothing passes");
        assert!(ferm.passed < ferm.sent, "{name}: nothing is stopped");
        if ferm != palisade {
            differing.push(format!("{name}:\n{}", ferm.difference(&palisade)));
        }
    }
    // Left behind only if somebody else holds it.
    let _left = std::fs::remove_dir_all(&folder);
    report(&format!("{n_configurations} configurations of {judge}, {n_frames} frames through each twin"));
    assert_eq!(differing, [""; 0], "the twins say different things");
    assert!(n_configurations > 0 || !only.is_empty());
}

/// Runs ferm's commands.
fn load(namespace: &Namespace, judge: &str, path: &Path) {
    let output = namespace.output(Command::new(FERM).args(["--noexec", "--lines"]).arg(path), "").unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let own = format!("/usr/sbin/{judge} ");
    let mut commands = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix(&own)) {
        let rest =
            line.strip_prefix("--atomic-file ").and_then(|rest| rest.split_once(' ')).map_or(line, |(_, rest)| rest);
        if !rest.starts_with("--atomic-") {
            commands.push(format!("{own}{rest}\n"));
        }
    }
    assert!(!commands.is_empty(), "{text}");
    let script = commands.concat();
    let loaded = namespace.output(Command::new("sh").args(["-e"]), &script);
    assert!(loaded.is_ok(), "{loaded:?}\n{script}");
}

fn enforce(namespace: &Namespace, ruleset: &Ruleset) {
    let mut kernel = namespace.run(Netlink::open).unwrap().unwrap();
    apply(&mut kernel, ruleset, TableFlags::default(), &mut |_: Step<'_>| ControlFlow::Continue(())).unwrap();
}
