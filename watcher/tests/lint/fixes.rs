//! Fixes: each one mends its finding, brings none that is worse, and keeps what it does not replace.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use engine::lint::rule::FixKind;
use engine::lint::selection::Wanted;
use engine::lint::{catalogue, fixing};
use policy_lang::diagnostic::{Diagnostic, Safety, Severity};
use watcher::lint::config::Config;
use watcher::lint::{Loaded, judged, load_texts};

/// The rule about a file of known findings, which `--update-known` writes again: tests/it/lint.
const STALE: &str = "PAL807";

#[test]
fn every_fix_mends_its_finding_and_breaks_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/lint");
    let mut fixed = 0;
    let mut kinds: BTreeMap<String, BTreeSet<FixKind>> = BTreeMap::new();
    for file in fixtures(&root) {
        let code = file.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let texts = texts(&file);
        let (findings, loaded) = judge_all(&file, &texts);
        let errors = count_errors(&findings);
        for finding in findings.iter().filter(|finding| finding.code.0 == code && finding.fix.is_some()) {
            let after = fixing::apply(std::slice::from_ref(finding), Safety::Unsafe, &loaded.sources);
            let mut mended: BTreeMap<String, String> = texts.iter().cloned().collect();
            for (source, text) in after.texts {
                mended.insert(loaded.sources.path(source).to_string(), text);
            }
            let texts: Vec<_> = mended.into_iter().collect();
            let (left, _) = judge_all(&file, &texts);
            let mended = texts.iter().map(|(_, text)| text.as_str()).collect::<String>();
            let same = |other: &&Diagnostic| other.code == finding.code && other.message == finding.message;
            let (before, now) = (findings.iter().filter(same).count(), left.iter().filter(same).count());
            assert!(now < before, "{}: the fix of {} leaves it:\n{mended}", file.display(), finding.code);
            assert!(count_errors(&left) <= errors, "{}: {} breaks it:\n{mended}", file.display(), finding.code);
            fixed += 1;
            let kind = match finding.fix.as_ref().unwrap().safety {
                Safety::Safe => FixKind::Safe,
                Safety::Unsafe => FixKind::Unsafe,
            };
            kinds.entry(code.clone()).or_default().insert(kind);
        }
    }
    for rule in catalogue::RULES.iter().filter(|rule| rule.code.0 != STALE) {
        let kinds = kinds.remove(rule.code.0).unwrap_or_default();
        let is_as_said = match rule.fix {
            FixKind::Never => kinds.is_empty(),
            // Some mistakes of such a rule can be mended in one way only, and others not.
            FixKind::Safe => kinds.contains(&FixKind::Safe),
            FixKind::Unsafe => kinds == BTreeSet::from([FixKind::Unsafe]),
        };
        assert!(is_as_said, "{} says that its fixes are {}, and its fixtures have {kinds:?}", rule.code, rule.fix);
    }
    assert!(fixed > 90, "only {fixed} fixes were tried");
}

#[test]
fn comments_and_formatting_stay() {
    let text = "\
# The shop's web servers.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
    name:   web      # the name
    namespace: shop
spec:
    podSelectr: {}   # everybody
    ingress:
    -   from:
        -   podSelector: {}
        # Those are in the line above.
        -   podSelector: { matchLabels: { app: web } }
        ports:
        -   port: \"80\"  # plain
            protocol: tcp
";
    let (findings, loaded) = judge(Path::new("a.yaml"), text);
    let mended = fixing::apply(&findings, Safety::Safe, &loaded.sources).texts.into_values().next().unwrap();
    let (findings, loaded) = judge(Path::new("a.yaml"), &mended);
    let mended = fixing::apply(&findings, Safety::Safe, &loaded.sources).texts.into_values().next().unwrap();
    let expected = text
        .replace("podSelectr", "podSelector")
        .replace("\"80\"", "80")
        .replace("protocol: tcp", "protocol: TCP")
        .replace("        -   podSelector: { matchLabels: { app: web } }\n", "")
        .replace("    ingress:\n", "    policyTypes: [Ingress]\n    ingress:\n");
    assert_eq!(mended, expected);
}

#[test]
fn unsafe_fixes_are_written_on_request_only() {
    let text = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec:\n  \
                podSelector: {}\n  policyTypes: [Ingress]\n  egress: [{}]\n";
    let (findings, loaded) = judge(Path::new("a.yaml"), text);
    assert!(findings.iter().any(|finding| finding.code.0 == "PAL104"));
    assert_eq!(fixing::apply(&findings, Safety::Safe, &loaded.sources).count, 0);
    let fixed = fixing::apply(&findings, Safety::Unsafe, &loaded.sources);
    assert!(fixed.texts.into_values().next().unwrap().contains("[Ingress, Egress]"));
}

fn judge(file: &Path, text: &str) -> (Vec<Diagnostic>, Loaded) {
    judge_all(file, &[(file.display().to_string(), text.to_owned())])
}

fn judge_all(file: &Path, texts: &[(String, String)]) -> (Vec<Diagnostic>, Loaded) {
    let loaded = load_texts(texts);
    let wanted = Wanted { select: vec!["ALL".to_owned()], ..Wanted::default() };
    let findings = judged(&loaded, &config(file), &wanted.resolve().0, "2026-11-27");
    (findings, loaded)
}

fn config(file: &Path) -> Config {
    let path = file.with_file_name("palisade.yaml");
    let text = fs::read_to_string(&path).unwrap_or_else(|_| "version: 1\n".to_owned());
    Config::parse(&path, &text, &mut policy_lang::source::Sources::default()).0
}

fn count_errors(findings: &[Diagnostic]) -> usize {
    let mut by_code: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.severity == Severity::Error) {
        *by_code.entry(finding.code.0).or_default() += 1;
    }
    by_code.values().sum()
}

/// The text of a fixture, or those of a folder.
fn texts(fixture: &Path) -> Vec<(String, String)> {
    let mut files = vec![fixture.to_owned()];
    if fixture.is_dir() {
        files = fs::read_dir(fixture).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
    }
    files.iter().map(|file| (file.display().to_string(), fs::read_to_string(file).unwrap())).collect()
}

fn fixtures(root: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mut files: Vec<_> = files
        .filter(|file| {
            let name = file.file_name().unwrap().to_str().unwrap();
            let is_text = file.extension().is_some_and(|extension| extension == "yaml" || extension == "ferm");
            name.starts_with("fires-") && (is_text || file.is_dir())
        })
        .collect();
    files.sort();
    files
}
