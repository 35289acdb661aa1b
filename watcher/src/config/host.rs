//! The fields of the configuration file about where host rules come from and what keeps them from locking anybody out.

use std::fmt;
use std::time::Duration;

use engine::compile::failsafe::{FailsafePorts, Failsafes};
use policy_lang::diagnostic::Diagnostic;
use policy_lang::manifest::tree::Value;
use policy_lang::name::NamespacedName;
use serde_json::json;

use super::{CONFIG, Field, boolean, number, string, wrong};

/// How long host rules are on trial, unless configured otherwise.
pub const REVERT_AFTER: Duration = Duration::from_secs(60);

/// How long it can be configured to be, in seconds: shorter than a connection takes, every change would be taken back.
const REVERT_AFTER_RANGE: std::ops::RangeInclusive<u64> = 5..=3600;

/// What those fields say, where they say anything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HostOptions {
    /// The ConfigMap that holds host rules.
    pub config_map: Option<NamespacedName>,
    /// Ports of this node that host rules cannot close.
    pub failsafe_input: Option<Vec<FailsafePorts>>,
    /// Ports of others that host rules cannot cut off.
    pub failsafe_output: Option<Vec<FailsafePorts>>,
    /// Which host rules are on trial when they change.
    pub revert: Option<Revert>,
    /// For how long.
    pub revert_after: Option<Duration>,
    /// What has to answer meanwhile, if not the API server.
    pub probe: Option<ProbeAddress>,
    /// How the rules are read.
    pub reading: HostReading,
}

/// What host rules are given when they are read.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Given {
    /// Variables that take precedence over those in the rules, in ferm's notation.
    pub definitions: Vec<String>,
    /// The files with what `ipset save` printed.
    pub ipsets: Vec<String>,
}

impl Given {
    /// The same, and each list of the fallback's that is empty here.
    #[must_use]
    pub fn or(self, fallback: Self) -> Self {
        let first = |own: Vec<String>, otherwise| if own.is_empty() { otherwise } else { own };
        Self { definitions: first(self.definitions, fallback.definitions), ipsets: first(self.ipsets, fallback.ipsets) }
    }

    /// Whether it is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.definitions.is_empty() && self.ipsets.is_empty()
    }
}

/// What host rules are given, and may ask for, when they are read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HostReading {
    /// What they are given.
    pub given: Given,
    /// Whether the commands in backticks and the pipes of `@include` are run.
    pub allow_exec: Option<bool>,
    /// Whether the names in `@resolve` are looked up.
    pub resolve: Option<bool>,
    /// Whether name servers are asked only about names of which no answer was kept; for whoever compares and changes
    /// nothing.
    pub prefers_former: bool,
}

impl HostReading {
    /// Whether commands may be run.
    pub fn allows_commands(&self) -> bool {
        self.allow_exec.unwrap_or_default()
    }

    /// Whether names may be looked up.
    pub fn resolves(&self) -> bool {
        self.resolve.unwrap_or_default()
    }

    fn or(self, fallback: Self) -> Self {
        let Self { given, allow_exec, resolve, prefers_former } = self;
        Self {
            given: given.or(fallback.given),
            allow_exec: allow_exec.or(fallback.allow_exec),
            resolve: resolve.or(fallback.resolve),
            prefers_former: prefers_former || fallback.prefers_former,
        }
    }
}

/// Which host rules are taken back when something no longer answers after they have changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Revert {
    /// Those of the ConfigMap: they reach every node at once.
    #[default]
    ConfigMap,
    /// Those of the file on the node, too.
    All,
    /// None.
    Off,
}

/// Where a connection is tried to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProbeAddress {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for ProbeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "tcp:[{host}]:{port}") } else { write!(f, "tcp:{host}:{port}") }
    }
}

/// Those fields.
pub(super) const FIELDS: [Field; 10] = [
    Field {
        key: "hostConfigMap",
        form: "`NAMESPACE/NAME`",
        default: "none",
        meaning: "The ConfigMap with host rules, for an agent on a cluster: each key is a file, and `host.ferm` the main \
                  one. Flag: `--host-configmap`.",
    },
    Field {
        key: "hostDefinitions",
        form: "list of `'$NAME=value'`",
        default: "none",
        meaning: "Variables that take precedence over those in the host rules, in ferm's notation. Flag: `--def`; given \
                  once or more, it replaces the whole list.",
    },
    Field {
        key: "hostIpsets",
        form: "list of paths",
        default: "none",
        meaning: "Files with the sets that host rules name with `mod set` and `SET`, as `ipset save` prints them. Flag: \
                  `--ipset`; given once or more, it replaces the whole list.",
    },
    Field {
        key: "hostAllowExec",
        form: "`true` or `false`",
        default: "`false`",
        meaning: "Whether the commands that host rules have in backticks, and the pipes of `@include`, are run: each once, \
                  for at most 10 seconds. An agent runs none. Flag: `--allow-exec`.",
    },
    Field {
        key: "hostResolve",
        form: "`true` or `false`",
        default: "`false`",
        meaning: "Whether the names in `@resolve` are looked up. Flag: `--resolve`.",
    },
    Field {
        key: "failsafeInput",
        form: "list of `PORT/PROTOCOL` or `FIRST-LAST/PROTOCOL`",
        default: "for an agent `22/tcp`, `68/udp`, `546/udp`, `179/tcp`, `2379-2380/tcp`, `6443/tcp`; otherwise none",
        meaning: "Ports of this node that host rules cannot close, to nobody: `chain INPUT` begins with them. A list takes \
                  the place of the default one, an empty one turns it off. What a host rule is to decide must not be in it.",
    },
    Field {
        key: "failsafeOutput",
        form: "list of `PORT/PROTOCOL` or `FIRST-LAST/PROTOCOL`",
        default: "for an agent `53/udp`, `53/tcp`, `67/udp`, `547/udp`, `179/tcp`, `2379-2380/tcp`, `6443/tcp`; otherwise \
                  none",
        meaning: "The same for ports that this node reaches elsewhere: `chain OUTPUT` begins with them.",
    },
    Field {
        key: "hostRevert",
        form: "`configmap`, `all` or `off`",
        default: "`configmap`",
        meaning: "Which host rules an agent takes back when the API server, or `hostProbe`, no longer answers after they \
                  have changed: those of the ConfigMap, those of the file too, or none.",
    },
    Field {
        key: "hostRevertAfter",
        form: "5 to 3600, in seconds",
        default: "60",
        meaning: "How long an answer is waited for after such a change.",
    },
    Field {
        key: "hostProbe",
        form: "`tcp:HOST:PORT`",
        default: "the API server",
        meaning: "What has to accept a new connection after such a change, in the place of the API server. HOST is a name, \
                  an IPv4 address, or an IPv6 address in brackets.",
    },
];

impl HostOptions {
    /// These where they say something, those of `fallback` elsewhere.
    pub(super) fn or(self, fallback: Self) -> Self {
        let Self { config_map, failsafe_input, failsafe_output, revert, revert_after, probe, reading } = self;
        Self {
            config_map: config_map.or(fallback.config_map),
            failsafe_input: failsafe_input.or(fallback.failsafe_input),
            failsafe_output: failsafe_output.or(fallback.failsafe_output),
            revert: revert.or(fallback.revert),
            revert_after: revert_after.or(fallback.revert_after),
            probe: probe.or(fallback.probe),
            reading: reading.or(fallback.reading),
        }
    }

    /// What is always open in a ruleset of one command: what is configured.
    pub fn failsafes(&self) -> Failsafes {
        Failsafes {
            input: self.failsafe_input.clone().unwrap_or_default(),
            output: self.failsafe_output.clone().unwrap_or_default(),
        }
    }

    /// What is always open in a ruleset of an agent.
    pub fn failsafes_of_agent(&self) -> Failsafes {
        let Failsafes { input, output } = Failsafes::standard();
        Failsafes {
            input: self.failsafe_input.clone().unwrap_or(input),
            output: self.failsafe_output.clone().unwrap_or(output),
        }
    }

    /// What a note of an apply keeps of them, in the form of the file; nothing if there is nothing to keep.
    pub fn written(&self) -> Option<serde_json::Value> {
        let written = |ports: &Option<Vec<FailsafePorts>>| {
            ports.as_ref().map(|ports| ports.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let HostReading { given: Given { definitions, ipsets }, allow_exec, resolve, prefers_former: _ } =
            &self.reading;
        let fields = [
            ("failsafeInput", json!(written(&self.failsafe_input))),
            ("failsafeOutput", json!(written(&self.failsafe_output))),
            ("hostDefinitions", if definitions.is_empty() { json!(null) } else { json!(definitions) }),
            ("hostIpsets", if ipsets.is_empty() { json!(null) } else { json!(ipsets) }),
            ("hostAllowExec", json!(allow_exec)),
            ("hostResolve", json!(resolve)),
        ];
        let fields: serde_json::Map<_, _> = fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        (!fields.is_empty()).then(|| fields.into())
    }
}

/// Sets a field, unless it is none of these.
pub(super) fn set(options: &mut HostOptions, key: &str, value: &Value) -> Option<Result<(), Box<Diagnostic>>> {
    FIELDS.iter().any(|field| field.key == key).then(|| {
        if value.is_null() {
            return Ok(());
        }
        match key {
            "hostConfigMap" => options.config_map = Some(read(value, "`NAMESPACE/NAME`", config_map)?),
            "hostDefinitions" => options.reading.given.definitions = texts(value, "a list of definitions")?,
            "hostIpsets" => options.reading.given.ipsets = texts(value, "a list of paths")?,
            "hostAllowExec" => options.reading.allow_exec = Some(boolean(value)?),
            "hostResolve" => options.reading.resolve = Some(boolean(value)?),
            "failsafeInput" => options.failsafe_input = Some(ports(value)?),
            "failsafeOutput" => options.failsafe_output = Some(ports(value)?),
            "hostRevert" => options.revert = Some(read(value, "`configmap`, `all` or `off`", revert)?),
            "hostRevertAfter" => options.revert_after = Some(seconds(value)?),
            _ => options.probe = Some(read(value, "`tcp:HOST:PORT`", probe)?),
        }
        Ok(())
    })
}

fn texts(value: &Value, what: &str) -> Result<Vec<String>, Box<Diagnostic>> {
    let items = value.items().ok_or_else(|| wrong(value, what))?;
    let texts = items.iter().map(|item| string(item).map(|text| text.map(ToOwned::to_owned)));
    Ok(texts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// The ConfigMap that a text names.
pub fn config_map(text: &str) -> Option<NamespacedName> {
    let is_name = |name: &str| {
        let plain =
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte));
        plain && !name.is_empty() && name.len() <= 253
    };
    let (namespace, name) = text.split_once('/')?;
    (is_name(namespace) && is_name(name)).then(|| NamespacedName::new(namespace, name))
}

fn revert(text: &str) -> Option<Revert> {
    let words = [("configmap", Revert::ConfigMap), ("all", Revert::All), ("off", Revert::Off)];
    words.into_iter().find(|(word, _)| *word == text).map(|(_, revert)| revert)
}

fn probe(text: &str) -> Option<ProbeAddress> {
    let (host, port) = text.strip_prefix("tcp:")?.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_address = bare.is_none_or(|bare| bare.parse::<std::net::Ipv6Addr>().is_ok());
    let is_one = !host.is_empty() && (bare.is_some() || !host.contains(':')) && is_address;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    is_one.then(|| ProbeAddress { host: bare.unwrap_or(host).to_owned(), port })
}

fn read<T>(value: &Value, expected: &str, read: fn(&str) -> Option<T>) -> Result<T, Box<Diagnostic>> {
    // `off` is a boolean to YAML.
    let written = value.scalar().map_or("", |scalar| scalar.text.as_ref());
    read(written).ok_or_else(|| wrong(value, expected))
}

fn seconds(value: &Value) -> Result<Duration, Box<Diagnostic>> {
    let seconds = number(value).filter(|seconds| REVERT_AFTER_RANGE.contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| wrong(value, "a number of seconds from 5 to 3600"))
}

fn ports(value: &Value) -> Result<Vec<FailsafePorts>, Box<Diagnostic>> {
    let one = |item: &Value| -> Result<FailsafePorts, Box<Diagnostic>> {
        let text = string(item)?.unwrap_or_default();
        text.parse().map_err(|error| Box::new(Diagnostic::error(CONFIG, item.span, format!("`{text}`: {error}"))))
    };
    value.items().ok_or_else(|| wrong(value, "a list of ports"))?.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_answer_is_read_with_its_port() {
        let read = |text: &str| probe(text).map(|ProbeAddress { host, port }| format!("{host} {port}"));
        assert_eq!(read("tcp:192.0.2.1:6443").as_deref(), Some("192.0.2.1 6443"));
        assert_eq!(read("tcp:[2001:db8::1]:443").as_deref(), Some("2001:db8::1 443"));
        assert_eq!(read("tcp:api.example.org:1").as_deref(), Some("api.example.org 1"));
        for text in ["", "tcp:", "tcp:a", "tcp::1", "tcp:a:0", "tcp:a:x", "udp:a:1", "tcp:2001:db8::1:443", "tcp:[a]:1"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_name_of_a_config_map_has_two_parts() {
        assert_eq!(config_map("kube-system/host").unwrap().to_string(), "kube-system/host");
        for text in ["", "a", "a/", "/b", "A/b", "a/b/c", "a b/c"] {
            assert_eq!(config_map(text), None, "{text}");
        }
    }
}
