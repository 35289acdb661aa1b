//! `palisade.yaml` of a repository: what to read, which rules to look for, and what the manifests do not say of the
//! cluster.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use engine::lint::catalogue;
use engine::lint::environment::Environment;
use engine::lint::selection::{Profile, Wanted};
use policy_lang::diagnostic::{Code, Diagnostic, ObjectRef, Severity};
use policy_lang::manifest::locate::Locator;
use policy_lang::manifest::tree::{Entry, Value};
use policy_lang::manifest::yaml;
use policy_lang::source::{SourceId, Sources};

mod environment;
mod exception;
mod zones;

pub use self::exception::{Exception, Place};
use crate::config::host::Given;
use crate::config::{misplaced, unknown_field};

/// The name of the file.
pub const FILE: &str = "palisade.yaml";

/// The code of every finding in it.
const CONFIG: Code = Code("PAL808");

/// The version that is read.
const VERSION: &str = "1";

/// What the file says; all of it may be missing.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The folder of the file; paths are relative to it.
    pub folder: PathBuf,
    /// What is judged where the command line names nothing.
    pub include: Vec<String>,
    /// What is read and not reported on.
    pub context: Vec<PathBuf>,
    /// Which rules are looked for.
    pub wanted: Wanted,
    /// The severity from which on a run fails; `Some(None)` is never.
    pub fail_on: Option<Option<Severity>>,
    /// Rules that nothing in a manifest suppresses.
    pub locked: BTreeSet<Code>,
    /// Exceptions by path or object.
    pub exceptions: Vec<Exception>,
    /// The file of known findings.
    pub known: Option<PathBuf>,
    /// Facts about the cluster.
    pub environment: Environment,
    /// What host rules are given when they are read.
    pub given: Given,
}

/// The keys of the file, in the order of the documentation.
const KEYS: [&str; 19] = [
    "version",
    "include",
    "context",
    "profile",
    "select",
    "extendSelect",
    "ignore",
    "severity",
    "failOn",
    "locked",
    "known",
    "perPath",
    "perObject",
    "hostDefinitions",
    "hostIpsets",
    "environment",
    "zones",
    "zoneRules",
    "permissiveness",
];

/// Something that cannot be understood.
type Refused = Box<Diagnostic>;

/// The file that is for a path: in its folder, or the nearest one above. A file of this name without `version` is some
/// other program's, or a node's.
pub fn find(path: &Path) -> Option<PathBuf> {
    let start = if path.is_dir() { path.to_owned() } else { path.parent().map_or_else(PathBuf::new, Path::to_owned) };
    let start = std::path::absolute(start).ok()?;
    let mut files = start.ancestors().map(|folder| folder.join(FILE)).filter(|file| file.is_file());
    files.find(|file| {
        let text = crate::source::files::read(file).unwrap_or_default();
        text.lines().any(|line| line.starts_with("version:"))
    })
}

impl Config {
    /// Reads a file.
    pub fn parse(path: &Path, text: &str, sources: &mut Sources) -> (Self, Vec<Diagnostic>) {
        let source: SourceId = sources.add(&path.display().to_string(), text);
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        let mut config = Self { folder, ..Self::default() };
        let mut found = Vec::new();
        for mut document in yaml::documents(text, &Locator::of_source(source)).into_iter().take(1) {
            for mut finding in document.diagnostics.drain(..) {
                finding.code = CONFIG;
                found.push(finding);
            }
            match document.root.entries() {
                Some(entries) => {
                    for entry in entries {
                        config.set(entry, &mut found);
                    }
                    if !entries.iter().any(|entry| entry.key.value.as_ref() == "version") {
                        let message = "a configuration begins with `version: 1`";
                        found.push(Diagnostic::error(CONFIG, document.root.span, message));
                    }
                }
                None => found.push(*wrong(&document.root, "a mapping")),
            }
            found.extend(zones::unknown(&config.environment, &document.root));
        }
        (config, found)
    }

    fn set(&mut self, entry: &Entry, found: &mut Vec<Diagnostic>) {
        if let Err(refused) = self.try_set(entry, found) {
            found.push(*refused);
        }
    }

    fn try_set(&mut self, entry: &Entry, found: &mut Vec<Diagnostic>) -> Result<(), Refused> {
        let value = &entry.value;
        match entry.key.value.as_ref() {
            "version" if value.scalar().is_some_and(|scalar| scalar.text.as_ref() == VERSION) => {}
            "version" => return Err(wrong(value, "the version 1")),
            "include" => self.include = texts(value)?,
            "context" => self.context = texts(value)?.iter().map(|path| self.folder.join(path)).collect(),
            "profile" => self.wanted.profile = profile(text(value)?).ok_or_else(|| wrong(value, PROFILES))?,
            "select" => self.wanted.select = rules(value, found)?,
            "extendSelect" => self.wanted.extend = rules(value, found)?,
            "ignore" => self.wanted.ignore = rules(value, found)?,
            "severity" => self.wanted.severities = severities(value, found)?,
            "failOn" => self.fail_on = Some(threshold(text(value)?).ok_or_else(|| wrong(value, THRESHOLDS))?),
            "locked" => {
                let words = rules(value, found)?;
                self.locked = words.iter().flat_map(|word| catalogue::meant(word)).map(|rule| rule.code).collect();
            }
            "known" => self.known = Some(self.folder.join(text(value)?)),
            "perPath" => self.exceptions.extend(exception::of_paths(value, found)?),
            "perObject" => self.exceptions.extend(exception::of_objects(value, found)?),
            "hostDefinitions" => self.given.definitions = texts(value)?,
            "hostIpsets" => {
                let path = |path: &String| self.folder.join(path).display().to_string();
                self.given.ipsets = texts(value)?.iter().map(path).collect();
            }
            "environment" => environment::read(&mut self.environment, value, found)?,
            "zones" => self.environment.zones = zones::zones(value)?,
            "zoneRules" => self.environment.zone_rules = zones::rules(value)?,
            "permissiveness" => self.environment.permissiveness = zones::permissiveness(value)?,
            _ => return Err(unknown(entry, &KEYS)),
        }
        Ok(())
    }

    /// Takes out what an exception is about. `today` is a date as `2027-01-31`: exceptions end.
    pub fn except(&self, findings: &mut Vec<Diagnostic>, today: &str, sources: &Sources) {
        let live: Vec<&Exception> = self.exceptions.iter().filter(|exception| exception.is_live(today)).collect();
        findings.retain(|finding| {
            let path = finding.span.map(|span| sources.path(span.source).to_string());
            let object: Option<&ObjectRef> = finding.object.as_ref();
            let inside = path.as_deref().map(|path| self.inside(path));
            let covers = |exception: &&Exception| exception.covers(finding.code, inside.as_deref(), object);
            self.locked.contains(&finding.code) || !live.iter().any(covers)
        });
    }

    /// A path from the folder of the file.
    fn inside(&self, path: &str) -> String {
        let full = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
        let folder = std::path::absolute(&self.folder).unwrap_or_else(|_| self.folder.clone());
        full.strip_prefix(&folder).map_or_else(|_| path.to_owned(), |inside| inside.display().to_string())
    }
}

const PROFILES: &str = "`default`, `strict` or `ci`";
const THRESHOLDS: &str = "`error`, `warning`, `info` or `none`";

/// A profile by its word.
pub fn profile(word: &str) -> Option<Profile> {
    match word {
        "default" => Some(Profile::Default),
        "strict" => Some(Profile::Strict),
        "ci" => Some(Profile::Ci),
        _ => None,
    }
}

/// A severity by its word.
pub fn severity(word: &str) -> Option<Severity> {
    match word {
        "error" => Some(Severity::Error),
        "warning" => Some(Severity::Warning),
        "info" => Some(Severity::Note),
        _ => None,
    }
}

/// The severity from which on a run fails, or `none`.
pub fn threshold(word: &str) -> Option<Option<Severity>> {
    if word == "none" { Some(None) } else { severity(word).map(Some) }
}

fn severities(value: &Value, found: &mut Vec<Diagnostic>) -> Result<Vec<(String, Severity)>, Refused> {
    let entries = value.entries().ok_or_else(|| wrong(value, "a mapping of rules to severities"))?;
    let mut severities = Vec::new();
    for entry in entries {
        let level = severity(text(&entry.value)?).ok_or_else(|| wrong(&entry.value, "`error`, `warning` or `info`"))?;
        check_rule(&entry.key.value, entry.key.span, found);
        severities.push((entry.key.value.to_string(), level));
    }
    Ok(severities)
}

/// A list of words for rules; one that stands for none is a finding.
fn rules(value: &Value, found: &mut Vec<Diagnostic>) -> Result<Vec<String>, Refused> {
    let items = value.items().ok_or_else(|| wrong(value, "a list of rules"))?;
    let mut words = Vec::new();
    for item in items {
        let word = text(item)?;
        check_rule(word, item.span, found);
        words.push(word.to_owned());
    }
    Ok(words)
}

fn check_rule(word: &str, span: policy_lang::source::Span, found: &mut Vec<Diagnostic>) {
    if catalogue::meant(word).is_empty() {
        let mut finding = Diagnostic::error(CONFIG, span, format!("no rule is called `{word}`"));
        finding.help = catalogue::suggestion(word).map(|near| format!("did you mean `{near}`?"));
        found.push(finding);
    }
}

fn texts(value: &Value) -> Result<Vec<String>, Refused> {
    let items = value.items().ok_or_else(|| wrong(value, "a list of texts"))?;
    items.iter().map(|item| text(item).map(ToOwned::to_owned)).collect()
}

fn text(value: &Value) -> Result<&str, Refused> {
    value.text().map(AsRef::as_ref).ok_or_else(|| wrong(value, "a text"))
}

fn unknown(entry: &Entry, keys: &[&str]) -> Refused {
    unknown_field(CONFIG, &entry.key.value, entry.key.span, keys)
}

fn wrong(value: &Value, expected: &str) -> Refused {
    misplaced(CONFIG, value, expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::by_line;

    fn check(text: &str) -> (Config, Vec<String>) {
        let mut sources = Sources::default();
        let (config, found) = Config::parse(Path::new("/r/palisade.yaml"), text, &mut sources);
        let found = by_line(&found, &sources);
        (config, found)
    }

    #[test]
    fn every_field_is_read() {
        let text = "version: 1\ninclude: [k8s]\ncontext: [platform]\nprofile: strict\nselect: [PAL3]\n\
                    extendSelect: [PAL124]\nignore: [dns-egress-missing]\nseverity: {PAL301: error}\nfailOn: none\n\
                    locked: [PAL504]\nknown: .palisade-known.json\nperPath: {\"vendor/**\": {ignore: [PAL2]}}\n\
                    perObject:\n- {kind: NetworkPolicy, namespace: shop, name: \"legacy-*\", ignore: [PAL201], \
                    reason: vendored, until: \"2027-01-31\"}\n\
                    hostDefinitions: [\"$LAN=10.0.0.0/8\"]\nhostIpsets: [sets/ipset.save]\nenvironment:\n  podCIDRs: [10.42.0.0/16]\n  \
                    serviceCIDRs: [10.43.0.0/16]\n  dns: {namespace: kube-system, podLabels: {k8s-app: dns}, ports: [53]}\n  \
                    apiServer: {cidrs: [192.0.2.10/32], port: 6443}\n  monitoring: [{namespace: mon}]\n  \
                    etcd: {cidrs: [192.0.2.10/32]}\n  interfaces: [eth0, cali+]\n  forward: host-rules\n  ruleset: {rules: 9}\n\
                    zones: {prod: {namespaceLabels: {env: prod}}, dev: {namespaceLabels: {env: dev}}}\nzoneRules: [{from: dev, to: prod, allow: [53/udp]}]\n\
                    permissiveness: {shop: 20, \"*\": 60}\n";
        let (config, found) = check(text);
        assert_eq!(found, [""; 0]);
        assert_eq!(config.context, [PathBuf::from("/r/platform")]);
        assert_eq!(config.given.definitions, ["$LAN=10.0.0.0/8"]);
        assert_eq!(config.given.ipsets, ["/r/sets/ipset.save"]);
        assert_eq!(config.wanted.profile, Profile::Strict);
        assert_eq!((config.fail_on, config.locked.len(), config.exceptions.len()), (Some(None), 1, 2));
        assert_eq!(config.environment.api_server.as_ref().map(|server| server.port), Some(6443));
        let Environment { etcd, interfaces, ruleset, zones, zone_rules, permissiveness, .. } = &config.environment;
        assert_eq!(etcd.as_ref().map(|etcd| etcd.ports.clone()), Some(vec![2379, 2380]));
        assert_eq!((interfaces.len(), ruleset.rules, zones.len(), permissiveness.len()), (2, 9, 2, 2));
        assert_eq!(zone_rules[0].allow, [(policy_lang::port::Protocol::Udp, 53)]);
        for key in KEYS {
            assert!(text.contains(&format!("{key}:")), "{key} is not in this test");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_said_with_its_line() {
        assert_eq!(check("version: 1\nselct: [PAL3]\n").1, ["2: there is no field `selct`"]);
        assert_eq!(check("version: 2\n").1, ["1: the version 1 belongs here, not `2`"]);
        assert_eq!(check("version: 1\nselect: [PAL999]\n").1, ["2: no rule is called `PAL999`"]);
        assert_eq!(check("version: 1\nenvironment: {podCIDRs: [10.0.0.5/24]}\n").1.len(), 1);
        let zones = "version: 1\nzones: {a: {namespaceLabels: {}}}\nzoneRules: [{from: a, to: b, allow: none}]\n";
        assert_eq!(check(zones).1, ["3: there is no zone `b`"]);
        assert_eq!(check("select: [PAL3]\n").1, ["1: a configuration begins with `version: 1`"]);
    }

    #[test]
    fn exceptions_end_and_lock_wins() {
        let text = "version: 1\nlocked: [PAL201]\nperObject:\n- {name: \"a*\", ignore: [PAL2], reason: r, until: \"2027-01-31\"}\n";
        let (config, found) = check(text);
        assert_eq!(found, [""; 0]);
        let mut sources = Sources::default();
        let source = sources.add("a.yaml", "x");
        let finding = |code| {
            let span = policy_lang::source::Span { source, start: 0, end: 1 };
            let object = ObjectRef { kind: "NetworkPolicy".into(), namespace: "n".into(), name: "ab".into() };
            Diagnostic::warning(Code(code), span, "m").about(object)
        };
        let left = |today| {
            let mut findings = vec![finding("PAL201"), finding("PAL202"), finding("PAL101")];
            config.except(&mut findings, today, &sources);
            findings.iter().map(|finding| finding.code.0).collect::<Vec<_>>()
        };
        assert_eq!(left("2027-01-31"), ["PAL201", "PAL101"]);
        assert_eq!(left("2027-02-01"), ["PAL201", "PAL202", "PAL101"]);
    }
}
