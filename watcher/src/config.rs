//! What a run is about: where its sources are, for which node, and how they meet.
//!
//! A configuration file says the same as the flags of the command line, and a flag wins over it.

pub mod host;
mod pods;

use std::path::{Path, PathBuf};

use engine::compile::ForwardMode;
use engine::compile::options::{PodOptions, STANDARD};
use policy_lang::diagnostic::{Code, Diagnostic};
use policy_lang::manifest::locate::Locator;
use policy_lang::manifest::tree::{Scalar, ScalarKind, Value};
use policy_lang::manifest::yaml;
use policy_lang::source::{Sources, Span};
use policy_lang::suggest;

use self::host::HostOptions;

/// A configuration file that cannot be understood.
const CONFIG: Code = Code("PAL030");

/// The sources of a ruleset and how they are read. Every field may be left out.
///
/// The documentation of the fields is the reference of the configuration file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Config {
    /// Host rules in ferm's language.
    pub host: Option<PathBuf>,
    /// Files and folders of Kubernetes manifests.
    pub manifests: Vec<PathBuf>,
    /// Files with the enforced egress baseline; they replace the ConfigMap among the manifests.
    pub baseline: Vec<PathBuf>,
    /// The node that the ruleset is for; the host's name if none is given.
    pub node: Option<String>,
    /// How pod policy and the host's FORWARD rules meet.
    pub forward: Option<ForwardMode>,
    /// How pod policy is enforced, where any field says something about it.
    pub pods: Option<PodOptions>,
    /// Where else host rules come from, and what they cannot cut.
    pub host_options: HostOptions,
}

/// One field of the configuration file.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its key.
    pub key: &'static str,
    /// What may stand there.
    pub form: &'static str,
    /// What holds without it.
    pub default: &'static str,
    /// What it means, and its flag.
    pub meaning: &'static str,
}

/// Every field of the configuration file.
pub fn fields() -> Vec<Field> {
    [&SOURCES[..], &host::FIELDS, &pods::FIELDS].concat()
}

const SOURCES: [Field; 5] = [
    Field {
        key: "host",
        form: "path",
        default: "no host rules",
        meaning: "The file of host rules, in ferm's language. Flag: `--host`.",
    },
    Field {
        key: "manifests",
        form: "list of paths",
        default: "no manifests",
        meaning: "Files and folders of Kubernetes manifests. Flag: `--manifests`; given once or more, it replaces the \
                  whole list.",
    },
    Field {
        key: "baseline",
        form: "path, or list of paths",
        default: "the ConfigMap `kube-system/palisade-egress-baseline` among the manifests, if there is one",
        meaning: "The file or files with the enforced egress baseline. Flag: `--baseline`; given once or more, it \
                  replaces the whole list.",
    },
    Field {
        key: "node",
        form: "name",
        default: "the host's name",
        meaning: "The node that the ruleset is for. Flag: `--node`.",
    },
    Field {
        key: "forward",
        form: "`pods-first` or `host-rules`",
        default: "`pods-first`",
        meaning: "How pod policy and the host's FORWARD rules meet. With `pods-first`, pod traffic that pod policy \
                  accepts skips the host's FORWARD rules, and all other forwarded traffic passes them; with \
                  `host-rules`, everything passes both. No flag.",
    },
];

/// The modes that the configuration file knows.
const FORWARD_MODES: [ForwardMode; 2] = [ForwardMode::PodsFirst, ForwardMode::HostRules];

impl Config {
    /// Reads a configuration file. Relative paths in it are relative to its folder.
    pub fn parse(path: &Path, text: &str, sources: &mut Sources) -> (Self, Vec<Diagnostic>) {
        let source = sources.add(&path.display().to_string(), text);
        let mut config = Self::default();
        let mut diagnostics = Vec::new();
        let mut documents = yaml::documents(text, &Locator::of_source(source)).into_iter();
        let Some(mut document) = documents.next() else { return (config, diagnostics) };
        if let Some(second) = documents.next() {
            diagnostics.push(Diagnostic::error(CONFIG, second.root.span, "a configuration is one document"));
        }
        diagnostics.append(&mut document.diagnostics);
        let root = &document.root;
        match root.entries() {
            Some(entries) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                for entry in entries {
                    match config.set(&entry.key.value, entry.key.span, &entry.value, folder) {
                        Ok(warning) => diagnostics.extend(warning),
                        Err(refused) => diagnostics.push(*refused),
                    }
                }
            }
            None if root.is_null() => {}
            None => {
                let message = format!("a configuration is a mapping, this is {}", root.describe());
                diagnostics.push(Diagnostic::error(CONFIG, root.span, message));
            }
        }
        (config, diagnostics)
    }

    /// These fields where they are given, those of `fallback` elsewhere.
    #[must_use]
    pub fn or(self, fallback: Self) -> Self {
        let Self { host, manifests, baseline, node, forward, pods, host_options } = self;
        Self {
            host: host.or(fallback.host),
            manifests: if manifests.is_empty() { fallback.manifests } else { manifests },
            baseline: if baseline.is_empty() { fallback.baseline } else { baseline },
            node: node.or(fallback.node),
            forward: forward.or(fallback.forward),
            pods: pods.or(fallback.pods),
            host_options: host_options.or(fallback.host_options),
        }
    }

    /// The same for a comparison with what is loaded: names are not looked up that were when it was loaded, as another
    /// answer is no drift.
    #[must_use]
    pub fn comparing(mut self) -> Self {
        self.host_options.reading.prefers_former = true;
        self
    }

    /// Whether any source is named.
    pub fn has_sources(&self) -> bool {
        self.host.is_some() || !self.manifests.is_empty() || !self.baseline.is_empty()
    }

    /// How pod policy is enforced.
    pub fn pod_options(&self) -> &PodOptions {
        self.pods.as_ref().unwrap_or(&STANDARD)
    }

    /// What the file says about how pod policy is enforced, as JSON, which [`Config::parse`] reads again.
    pub fn written_pods(&self) -> Option<serde_json::Value> {
        self.pods.as_ref().map(pods::written)
    }

    /// Sets a field. There may be a warning about it.
    fn set(
        &mut self,
        key: &str,
        at: Span,
        value: &Value,
        folder: &Path,
    ) -> Result<Option<Diagnostic>, Box<Diagnostic>> {
        let mut options = self.pod_options().clone();
        if let Some(set) = pods::set(&mut options, key, value) {
            self.pods = Some(options);
            return set;
        }
        if let Some(set) = host::set(&mut self.host_options, key, value) {
            return set.map(|()| None);
        }
        match key {
            "host" => self.host = path(value, folder)?,
            "manifests" if value.is_null() => {}
            "manifests" => self.manifests = paths(value, folder)?,
            "baseline" if value.items().is_none() => self.baseline = path(value, folder)?.into_iter().collect(),
            "baseline" => self.baseline = paths(value, folder)?,
            "node" => self.node = string(value)?.map(ToOwned::to_owned),
            "forward" => self.forward = forward(value)?,
            unknown => {
                let keys: Vec<_> = fields().iter().map(|field| field.key).collect();
                return Err(unknown_field(CONFIG, unknown, at, &keys));
            }
        }
        Ok(None)
    }
}

/// The word for a mode.
pub fn forward_word(mode: ForwardMode) -> &'static str {
    match mode {
        ForwardMode::PodsFirst => "pods-first",
        ForwardMode::HostRules => "host-rules",
    }
}

/// The mode for a word.
pub fn forward_mode(word: &str) -> Option<ForwardMode> {
    FORWARD_MODES.into_iter().find(|mode| forward_word(*mode) == word)
}

fn path(value: &Value, folder: &Path) -> Result<Option<PathBuf>, Box<Diagnostic>> {
    Ok(string(value)?.map(|path| if path == "-" { PathBuf::from(path) } else { folder.join(path) }))
}

fn paths(value: &Value, folder: &Path) -> Result<Vec<PathBuf>, Box<Diagnostic>> {
    let items = value.items().ok_or_else(|| wrong(value, "a list of paths"))?;
    let paths: Result<Vec<_>, _> = items.iter().map(|item| path(item, folder)).collect();
    Ok(paths?.into_iter().flatten().collect())
}

fn boolean(value: &Value) -> Result<bool, Box<Diagnostic>> {
    match value.scalar().map(Scalar::kind) {
        Some(ScalarKind::Bool(yes)) => Ok(yes),
        Some(ScalarKind::String | ScalarKind::Number) | None => Err(wrong(value, "`true` or `false`")),
    }
}

fn string(value: &Value) -> Result<Option<&str>, Box<Diagnostic>> {
    if value.is_null() {
        return Ok(None);
    }
    match value.text() {
        Some(text) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(Diagnostic::error(CONFIG, value.span, "nothing stands between the quotes").into()),
        None => Err(wrong(value, "a text")),
    }
}

fn number(value: &Value) -> Option<u64> {
    let scalar = value.scalar().filter(|scalar| scalar.kind() == ScalarKind::Number)?;
    match scalar.text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => scalar.text.parse().ok(),
    }
}

fn forward(value: &Value) -> Result<Option<ForwardMode>, Box<Diagnostic>> {
    let Some(word) = string(value)? else { return Ok(None) };
    match forward_mode(word) {
        Some(mode) => Ok(Some(mode)),
        None => Err(wrong(value, "`pods-first` or `host-rules`")),
    }
}

fn wrong(value: &Value, expected: &str) -> Box<Diagnostic> {
    misplaced(CONFIG, value, expected)
}

/// A value of a configuration that is none of what belongs there.
pub(crate) fn misplaced(code: Code, value: &Value, expected: &str) -> Box<Diagnostic> {
    let found = value.scalar().map_or_else(|| value.describe().to_owned(), |scalar| format!("`{}`", scalar.text));
    Box::new(Diagnostic::error(code, value.span, format!("{expected} belongs here, not {found}")))
}

/// A field that there is not, and the one that was meant.
pub(crate) fn unknown_field(code: Code, key: &str, at: Span, keys: &[&str]) -> Box<Diagnostic> {
    let finding = Diagnostic::error(code, at, format!("there is no field `{key}`"));
    Box::new(match suggest::nearest(key, keys) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help(format!("the fields are {}", keys.join(", "))),
    })
}

/// The line and the message of each finding about a configuration.
#[cfg(test)]
pub(crate) fn by_line(findings: &[Diagnostic], sources: &Sources) -> Vec<String> {
    let line = |span: Span| sources.position(span.source, span.start).line;
    findings.iter().map(|finding| format!("{}: {}", finding.span.map_or(0, line), finding.message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> (Config, Vec<String>) {
        let mut sources = Sources::default();
        let (config, diagnostics) = Config::parse(Path::new("/etc/palisade/config.yaml"), text, &mut sources);
        (config, by_line(&diagnostics, &sources))
    }

    #[test]
    fn every_field_is_read_and_paths_are_relative_to_the_file() {
        let text = "host: node.ferm\nmanifests: [a, /b]\nbaseline: c\nnode: n1\nforward: host-rules\n";
        let (config, findings) = check(text);
        assert_eq!(findings, [""; 0]);
        assert_eq!(config.host, Some("/etc/palisade/node.ferm".into()));
        assert_eq!(config.manifests, [PathBuf::from("/etc/palisade/a"), PathBuf::from("/b")]);
        assert_eq!(config.node.as_deref(), Some("n1"));
        assert_eq!(config.forward, Some(ForwardMode::HostRules));
        assert_eq!(check("").0, Config::default());
        assert!(fields().iter().all(|field| check(&format!("{}:\n", field.key)).1.is_empty()));
    }

    #[test]
    fn every_option_of_pods_is_read_and_written() {
        let text = "podRanges: [10.1.0.0/16, \"2001:db8::/64\"]\nnodePodCIDRs: true\npodInterfaces: cali\nquarantine: count\n\
                    sourceCheck: route\nkeepEstablished: true\nrevokedBit: 0x1000\nvirtualAddresses: [192.0.2.1]\n\
                    allowEgressToOwnNode: true\ndropInvalid: false\nipvs: true\nbridgedPods: table\ndenial: reject\nlogGroup: none\nmode: observe\n\
                    observe: {namespaces: [a, b], namespaceLabels: {c: d, e/f: \"true\"}}\n";
        let (config, findings) = check(text);
        assert_eq!(findings, [""; 0]);
        let options = config.pod_options();
        assert_eq!(options.local.ranges.len(), 2);
        assert_eq!(options.local.interface_prefix.as_deref(), Some("cali"));
        assert_eq!((options.revoked_bit, options.log_group), (0x1000, None));
        // Every field differs from what holds without it, and what is written is what was read.
        for field in pods::FIELDS {
            let without: String = text
                .lines()
                .filter(|line| !line.starts_with(field.key))
                .fold(String::new(), |text, line| text + line + "\n");
            assert_ne!(check(&without).0.pods, config.pods, "{}", field.key);
        }
        assert_eq!(check(&config.written_pods().unwrap().to_string()).0.pods, config.pods);
        let standard = Config { pods: Some(STANDARD.clone()), ..Config::default() };
        assert_eq!(check(&standard.written_pods().unwrap().to_string()).0.pods.as_ref(), Some(&STANDARD));
        assert_eq!(check("sourceCheck: off\n").1, [""; 0]);
        assert_eq!(check("host: a\n").0.pods, None);
    }

    #[test]
    fn every_option_of_host_rules_is_read_and_wrong_ones_are_refused() {
        let text = "hostConfigMap: kube-system/host\nfailsafeInput: [22/tcp]\nfailsafeOutput: []\nhostRevert: all\n\
                    hostRevertAfter: 5\nhostProbe: tcp:192.0.2.1:6443\nhostDefinitions: ['$A=1']\nhostAllowExec: true\n\
                    hostResolve: true\nhostIpsets: [/etc/iptables/ipsets]\n";
        let (config, findings) = check(text);
        assert_eq!(findings, [""; 0]);
        let options = &config.host_options;
        assert_eq!(options.failsafes_of_agent().input.iter().map(ToString::to_string).collect::<Vec<_>>(), ["22/tcp"]);
        assert!(options.failsafes_of_agent().output.is_empty());
        assert_eq!(options.revert, Some(host::Revert::All));
        assert_eq!(options.probe.as_ref().map(|probe| probe.port), Some(6443));
        assert_eq!(check("hostRevert: off\n").0.host_options.revert, Some(host::Revert::Off));
        // An apply keeps a note of what is open, and compares with the same.
        let again = check(&options.written().unwrap().to_string()).0.host_options;
        assert_eq!(again.failsafes(), options.failsafes());
        assert_eq!(again.reading, options.reading);
        assert!(again.reading.allows_commands() && again.reading.resolves());
        assert_eq!(HostOptions::default().written(), None);
        assert!(HostOptions::default().failsafes().is_empty());
        assert!(!HostOptions::default().failsafes_of_agent().is_empty());
        for field in host::FIELDS {
            let without: String = text
                .lines()
                .filter(|line| !line.starts_with(&format!("{}:", field.key)))
                .fold(String::new(), |text, line| text + line + "\n");
            assert_ne!(check(&without).0.host_options, *options, "{}", field.key);
        }
        let refused = [
            "hostConfigMap: host",
            "failsafeInput: 22/tcp",
            "hostDefinitions: $A=1",
            "hostAllowExec: perhaps",
            "hostResolve: [true]",
            "failsafeInput: [22]",
            "failsafeOutput: [99999/tcp]",
            "hostRevert: sometimes",
            "hostRevertAfter: 4",
            "hostRevertAfter: 1h",
            "hostProbe: 192.0.2.1:6443",
        ];
        for line in refused {
            let (_, findings) = check(&format!("\n{line}\n"));
            assert_eq!(findings.iter().filter(|finding| finding.starts_with("2: ")).count(), 1, "{line}: {findings:?}");
        }
    }

    #[test]
    fn options_of_pods_that_make_no_sense_are_refused() {
        let refused = [
            "podRanges: 10.0.0.0/8",
            "podRanges: [10.0.0.1/8]",
            "podRanges: [10.0.0.1]",
            "nodePodCIDRs: 1",
            "podInterfaces: cali+",
            "podInterfaces: \"\"",
            "podInterfaces: fifteen-letters",
            "podInterfaces: a b",
            "quarantine: allow",
            "revokedBit: 0",
            "revokedBit: 0x3",
            "revokedBit: 0x100000000",
            "revokedBit: x",
            "virtualAddresses: [10.0.0.0/8]",
            "denial: DROP",
            "logGroup: 65536",
            "logGroup: -1",
            "mode: off",
            "observe: [a]",
            "observe: {namespaces: a}",
            "observe: {namespaces: [1]}",
            "observe: {namespaceLabels: {}}",
            "observe: {namespaceLabels: {a: [b]}}",
            "observe: {pods: [a]}",
        ];
        for line in refused {
            let (_, findings) = check(&format!("\n{line}\n"));
            assert_eq!(findings.iter().filter(|finding| finding.starts_with("2: ")).count(), 1, "{line}: {findings:?}");
        }
        for (bit, whose) in
            [("0x4000", "kube-proxy"), ("0x80", "Amazon"), ("0x20000", "Calico and kube-router"), ("256", "Cilium")]
        {
            let (config, findings) = check(&format!("revokedBit: {bit}\n"));
            assert!(findings.iter().any(|finding| finding.contains(whose)), "{bit}: {findings:?}");
            assert!(config.pods.is_some());
        }
        assert_eq!(check("revokedBit: 0x40\n").1, [""; 0]);
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        let (_, findings) = check("hots: x\nmanifests: x\nforward: own\nnode: [a]\nnode: b\n");
        assert!(findings.iter().any(|finding| finding == "1: there is no field `hots`"), "{findings:?}");
        assert!(findings.iter().any(|finding| finding.starts_with("2: a list of paths belongs here")), "{findings:?}");
        assert!(findings.iter().any(|finding| finding.starts_with("3: `pods-first` or")), "{findings:?}");
        assert!(findings.iter().any(|finding| finding.starts_with("4: a text belongs here")), "{findings:?}");
        assert!(findings.iter().any(|finding| finding.starts_with("5:")), "{findings:?}");
        assert_eq!(check("[a]\n").1.len(), 1);
    }
}
