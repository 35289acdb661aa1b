//! The fields of the configuration file about how pod policy is enforced.

use engine::compile::options::{
    Bridged, Denial, Established, Invalid, Ipvs, LOG_GROUP, Mode, OwnNode, PodOptions, Quarantine, REVOKED_BIT,
    SourceCheck,
};
use policy_lang::diagnostic::Diagnostic;
use policy_lang::manifest::cidr::{self, Cidr};
use policy_lang::manifest::tree::Value;
use serde_json::json;

use super::{CONFIG, Field, boolean, number, string, wrong};

mod observe;

/// Longest name of an interface is 15 bytes, and a prefix leaves room for what tells one from the other.
const PREFIX_MAX: usize = 14;

/// Bits of the packet and conntrack mark that others use.
const TAKEN: [(u32, &str); 5] = [
    (0xc000, "kube-proxy"),
    (0xffff_0000, "Calico"),
    (0x0003_0000, "kube-router"),
    (0x0f00, "Cilium"),
    (0x80, "Amazon's CNI"),
];

/// Those fields.
pub(super) const FIELDS: [Field; 16] = [
    Field {
        key: "podRanges",
        form: "list of CIDRs",
        default: "none",
        meaning: "Ranges of this node's pods: addresses in them are bound by the baseline before anybody knows whose \
                  they are.",
    },
    Field {
        key: "nodePodCIDRs",
        form: "`true` or `false`",
        default: "`false`",
        meaning: "Whether `spec.podCIDRs` of the Node are such ranges too.",
    },
    Field {
        key: "podInterfaces",
        form: "text of 1 to 14 bytes",
        default: "none",
        meaning: "The beginning of the names of pods' interfaces, such as `cali` or `veth`: whatever comes from them is \
                  a pod's.",
    },
    Field {
        key: "quarantine",
        form: "`drop` or `count`",
        default: "`drop`",
        meaning: "What becomes of packets from and to local pod addresses that no known pod owns, while a pod of this \
                  node has no address yet and its namespace isolates.",
    },
    Field {
        key: "sourceCheck",
        form: "`off` or `route`",
        default: "`off`",
        meaning: "With `route`, packets from interfaces of `podInterfaces` are dropped unless the route to their source \
                  leads back there.",
    },
    Field {
        key: "keepEstablished",
        form: "`true` or `false`",
        default: "`false`",
        meaning: "Whether connections that a change no longer permits live on until they end. Otherwise they are cut.",
    },
    Field {
        key: "revokedBit",
        form: "a number with exactly one bit set, such as `0x40`",
        default: "`0x40`",
        meaning: "The bit of the conntrack mark that says that a connection is no longer permitted. It must be nobody \
                  else's.",
    },
    Field {
        key: "virtualAddresses",
        form: "list of addresses",
        default: "none",
        meaning: "Virtual addresses without connection tracking, for instance of LVS in direct routing: accepted before \
                  the state of the connection is asked.",
    },
    Field {
        key: "allowEgressToOwnNode",
        form: "`true` or `false`",
        default: "`false`",
        meaning: "Whether pods may open connections to the node that they run on whatever their egress policy says.",
    },
    Field {
        key: "dropInvalid",
        form: "`true` or `false`",
        default: "`true`",
        meaning: "Whether packets from and to pods that conntrack calls invalid are dropped. Otherwise they are counted \
                  and judged as first packets are: for asymmetric routes.",
    },
    Field {
        key: "ipvs",
        form: "`true` or `false`",
        default: "`false`",
        meaning: "Whether IPVS forwards packets of Services on this node, so that they have to be judged on their way out.",
    },
    Field {
        key: "bridgedPods",
        form: "`netfilter` or `table`",
        default: "`netfilter`",
        meaning: "Who judges packets between pods on one bridge: the rules that `br_netfilter` hands them to, or a table \
                  of the bridge family.",
    },
    Field {
        key: "denial",
        form: "`drop` or `reject`",
        default: "`drop`",
        meaning: "How what NetworkPolicies and the baseline deny ends. ClusterNetworkPolicies always drop.",
    },
    Field {
        key: "logGroup",
        form: "0 to 65535, or `none`",
        default: "71",
        meaning: "The NFLOG group that denied packets go to.",
    },
    Field {
        key: "mode",
        form: "`enforce` or `observe`",
        default: "`enforce`",
        meaning: "With `observe`, nothing is dropped: what would be, by pod policy or by host rules, is counted and logged \
                  ([observe.md](../design/observe.md)).",
    },
    Field {
        key: "observe",
        form: "mapping with `namespaces`, a list of names, and `namespaceLabels`, a mapping of labels",
        default: "no namespace",
        meaning: "Namespaces whose pods are only observed: what would be dropped on their behalf is counted and logged. \
                  Those of the list, and those that bear all of the labels: then whoever may label a namespace decides.",
    },
];

/// What a field is set to.
type Setting<T> = Result<T, Box<Diagnostic>>;

/// Sets a field, unless it is none of these. There may be a warning about it.
pub(super) fn set(options: &mut PodOptions, key: &str, value: &Value) -> Option<Setting<Option<Diagnostic>>> {
    FIELDS.iter().any(|field| field.key == key).then(|| {
        if value.is_null() {
            return Ok(None);
        }
        let mut warning = None;
        match key {
            "podRanges" => options.local.ranges = list(value, "a list of CIDRs", network)?,
            "nodePodCIDRs" => options.local.node_pod_cidrs = boolean(value)?,
            "podInterfaces" => options.local.interface_prefix = Some(prefix(value)?),
            "quarantine" => options.quarantine = word(value, &QUARANTINES)?,
            "sourceCheck" => options.source_check = word(value, &SOURCE_CHECKS)?,
            "keepEstablished" => {
                options.established = if boolean(value)? { Established::Keep } else { Established::Cut };
            }
            "revokedBit" => (options.revoked_bit, warning) = revoked_bit(value)?,
            "virtualAddresses" => options.virtual_addresses = list(value, "a list of addresses", address)?,
            "allowEgressToOwnNode" => options.own_node = if boolean(value)? { OwnNode::Open } else { OwnNode::Judged },
            "dropInvalid" => options.invalid = if boolean(value)? { Invalid::Drop } else { Invalid::Judge },
            "ipvs" => options.ipvs = if boolean(value)? { Ipvs::Present } else { Ipvs::Absent },
            "bridgedPods" => options.bridged = word(value, &BRIDGED)?,
            "denial" => options.denial = word(value, &DENIALS)?,
            "mode" => options.observe.mode = word(value, &MODES)?,
            "observe" => options.observe.namespaces = observe::read(value)?,
            _ => options.log_group = log_group(value)?,
        }
        Ok(warning)
    })
}

/// The options in the form of the file.
pub(super) fn written(options: &PodOptions) -> serde_json::Value {
    let PodOptions {
        local,
        quarantine,
        source_check,
        established,
        revoked_bit,
        virtual_addresses,
        own_node,
        invalid,
        ipvs,
        bridged,
        denial,
        log_group,
        observe,
    } = options;
    json!({
        "podRanges": local.ranges.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "nodePodCIDRs": local.node_pod_cidrs,
        "podInterfaces": local.interface_prefix,
        "quarantine": word_of(*quarantine, &QUARANTINES),
        "sourceCheck": word_of(*source_check, &SOURCE_CHECKS),
        "keepEstablished": *established == Established::Keep,
        "revokedBit": revoked_bit,
        "virtualAddresses": virtual_addresses,
        "allowEgressToOwnNode": *own_node == OwnNode::Open,
        "dropInvalid": *invalid == Invalid::Drop,
        "ipvs": *ipvs == Ipvs::Present,
        "bridgedPods": word_of(*bridged, &BRIDGED),
        "denial": word_of(*denial, &DENIALS),
        "logGroup": log_group.map_or(json!("none"), |group| json!(group)),
        "mode": word_of(observe.mode, &MODES),
        "observe": observe::written(&observe.namespaces),
    })
}

const QUARANTINES: [(&str, Quarantine); 2] = [("drop", Quarantine::Drop), ("count", Quarantine::Count)];
const SOURCE_CHECKS: [(&str, SourceCheck); 2] = [("off", SourceCheck::Off), ("route", SourceCheck::ByRoute)];
const BRIDGED: [(&str, Bridged); 2] = [("netfilter", Bridged::ByNetfilterCalls), ("table", Bridged::ByTable)];
const MODES: [(&str, Mode); 2] = [("enforce", Mode::Enforce), ("observe", Mode::Observe)];
const DENIALS: [(&str, Denial); 2] = [("drop", Denial::Drop), ("reject", Denial::Reject)];

fn word<T: Copy>(value: &Value, words: &[(&str, T); 2]) -> Setting<T> {
    // `off` is a boolean to YAML.
    let written = value.scalar().map_or("", |scalar| scalar.text.as_ref());
    let [(first, _), (second, _)] = words;
    let found = words.iter().find(|(word, _)| *word == written);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| wrong(value, &format!("`{first}` or `{second}`")))
}

fn word_of<T: Copy + PartialEq>(meaning: T, words: &[(&'static str, T); 2]) -> &'static str {
    words.iter().find(|(_, known)| *known == meaning).map_or("", |(word, _)| word)
}

fn list<T>(value: &Value, what: &str, read: fn(&Value) -> Setting<T>) -> Setting<Vec<T>> {
    value.items().ok_or_else(|| wrong(value, what))?.iter().map(read).collect()
}

fn network(value: &Value) -> Setting<ipnet::IpNet> {
    match cidr::parse(text(value)?) {
        Ok(Cidr { net, doubt: None }) => Ok(net),
        Ok(Cidr { net, doubt: Some(doubt) }) => {
            let message = format!("`{}` {}", text(value)?, doubt.describe());
            Err(Diagnostic::error(CONFIG, value.span, message).help(format!("write {net}")).into())
        }
        Err(error) => Err(Diagnostic::error(CONFIG, value.span, format!("`{}` is {error}", text(value)?)).into()),
    }
}

fn address(value: &Value) -> Setting<std::net::IpAddr> {
    text(value)?.parse().map_err(|_| wrong(value, "an address"))
}

fn prefix(value: &Value) -> Setting<String> {
    let written = text(value)?;
    let plain =
        written.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':' | b'*' | b'+' | b'"'));
    if plain && written.len() <= PREFIX_MAX {
        return Ok(written.to_owned());
    }
    let finding = wrong(value, "the beginning of interfaces' names, 1 to 14 bytes");
    let bare = written.trim_end_matches(['*', '+']);
    let is_pattern = bare.len() < written.len() && !bare.is_empty();
    Err(if is_pattern { Box::new(finding.help(format!("write `{bare}`: it is a beginning anyway"))) } else { finding })
}

/// The bit, and whose it is.
fn revoked_bit(value: &Value) -> Setting<(u32, Option<Diagnostic>)> {
    let bit = number(value).and_then(|number| u32::try_from(number).ok()).filter(|bit| bit.is_power_of_two());
    let Some(bit) = bit else {
        return Err(wrong(value, &format!("a number of 32 bits with exactly one set, such as {REVOKED_BIT:#x},")));
    };
    let taken: Vec<_> = TAKEN.iter().filter(|(mask, _)| bit & mask != 0).map(|(_, whose)| *whose).collect();
    let warning = (!taken.is_empty()).then(|| {
        let message = format!("the bit {bit:#x} of the mark is used by {}", taken.join(" and "));
        let help =
            format!("where that runs on the node, connections are cut that should not be: {REVOKED_BIT:#x} is free");
        Diagnostic::warning(CONFIG, value.span, message).help(help)
    });
    Ok((bit, warning))
}

fn log_group(value: &Value) -> Setting<Option<u16>> {
    if value.scalar().is_some_and(|scalar| scalar.text.as_ref() == "none") {
        return Ok(None);
    }
    let group = number(value).and_then(|number| u16::try_from(number).ok());
    group.map(Some).ok_or_else(|| wrong(value, &format!("a number from 0 to 65535 such as {LOG_GROUP}, or `none`,")))
}

fn text(value: &Value) -> Setting<&str> {
    string(value)?.ok_or_else(|| wrong(value, "a text"))
}
