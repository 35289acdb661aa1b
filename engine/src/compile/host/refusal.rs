//! What has no form in nftables here, and what to write instead: one table for matches, one for targets.

use std::fmt::Write as _;

use policy_lang::host::rule::{Match, TargetOption};
use policy_lang::source::Span;

use super::code::{Refusal, UNSUPPORTED, refuse};

/// A word of ferm's that is refused, and the nearest alternative.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refused {
    /// The module or the target.
    pub name: &'static str,
    /// What says the same, or nearly.
    pub instead: &'static str,
}

/// Modules none of whose matches is lowered.
pub const REFUSED_MODULES: &[Refused] = &[
    refused("account", "every rule has a counter: write one that says NOP"),
    refused("bpf", "write the condition with addresses, ports and states"),
    refused("condition", "make it a variable that is read once: @if $NAME, and --def '$NAME=1'"),
    refused("connlabel", "mark the connection: CONNMARK set-mark, and mod connmark mark"),
    refused("eui64", "match the hardware address: mod mac mac-source"),
    refused("fuzzy", "limit the packets of the rule: mod limit"),
    refused("geoip", "write the networks of the countries into a list: @def $NETS = (…), or include a file of them"),
    refused("ipv4options", "drop packets with options before: the kernel's net.ipv4.conf.*.accept_source_route"),
    refused("ipvs", "match the virtual service's address and port: mod conntrack ctorigdst ctorigdstport"),
    refused("length2", "match the whole packet's length: mod length length"),
    refused("nfacct", "every rule has a counter: write one that says NOP"),
    refused("nth", "its successor: mod statistic mode nth every 3 packet 0"),
    refused("osf", "match addresses: a fingerprint is easily forged"),
    refused("physdev", "match the bridge: interface br0"),
    refused("psd", "limit new connections: mod conntrack ctstate NEW mod limit limit 10/second"),
    refused("random", "its successor: mod statistic mode random probability 0.5"),
    refused("string", "match the port: contents are easily split over packets"),
];

/// Targets that are not lowered.
pub const REFUSED_TARGETS: &[Refused] = &[
    refused("BALANCE", "write one DNAT for each address, with a limit or a port of its own"),
    refused("CHECKSUM", "leave the rule out: it mends what virtual network cards of before 2015 got wrong"),
    refused("CLUSTERIP", "let a load balancer or VRRP move the address"),
    refused("CONNSECMARK", "keep the rule in a table of its own beside this one"),
    refused("DNPT", "translate the addresses: DNAT to"),
    refused("ECN", "switch ECN off for the route: ip route … features"),
    refused("HMARK", "mark by rules of one's own: MARK set-mark"),
    refused("IDLETIMER", "leave the rule out, or keep it in a table of its own beside this one"),
    refused("IPV4OPTSSTRIP", "leave the rule out: the kernel refuses source routes by itself"),
    refused("JOOL", "let Jool run without iptables: jool instance add --netfilter"),
    refused("JOOL_SIIT", "let Jool run without iptables: jool_siit instance add --netfilter"),
    refused("LED", "leave the rule out, or keep it in a table of its own beside this one"),
    refused("MIRROR", "answer the packet: REJECT"),
    refused("RATEEST", "leave the rule out: every rule has a counter"),
    refused("ROUTE", "mark the packet, and route by the mark: MARK set-mark, and ip rule add fwmark"),
    refused("RTPENGINE", "keep the rule in a table of its own beside this one"),
    refused("SAME", "translate to one address: SNAT to"),
    refused("SECMARK", "keep the rule in a table of its own beside this one"),
    refused("SNPT", "translate the addresses: SNAT to"),
    refused("TARPIT", "drop the packet: DROP"),
    refused("ULOG", "NFLOG is its successor: NFLOG nflog-group"),
];

/// The tables as a page of the documentation.
#[must_use]
pub fn page() -> String {
    let mut text = String::from(
        "# What host rules cannot say\n\nGenerated from the program's own tables by `make docs`. `palisade host check` \
         refuses these words with their place, all at\nonce; `palisade host expand` prints them as ferm does. Besides \
         them are refused: hooks, `policy QUEUE`\nand, but for custom chains of `domain eb`, `RETURN`, chains that their table does not have, modules that ferm itself \
         does not\nknow, single options of what is lowered otherwise, and of `domain arp` and `eb` what [link.md](link.md) does not have.\n",
    );
    for (heading, table, word) in [("Modules", REFUSED_MODULES, "mod "), ("Targets", REFUSED_TARGETS, "")] {
        let _ = write!(text, "\n## {heading}\n\n| word | instead |\n|---|---|\n");
        for Refused { name, instead } in table {
            let _ = writeln!(text, "| `{word}{name}` | {instead} |");
        }
    }
    text
}

/// The refusal of a match.
pub(super) fn of_match(found: &Match) -> Refusal {
    let instead = |name: &str| REFUSED_MODULES.iter().find(|refused| refused.name == name);
    if let Some(refused) = found.module.and_then(instead) {
        let message = format!("`{}` of module `{}` has no form in nftables here", found.keyword, refused.name);
        return refuse(UNSUPPORTED, found.span, message, refused.instead);
    }
    let message = format!("`{}` has no form in nftables here", found.keyword);
    let help = match found.keyword {
        "pid-owner" | "sid-owner" | "cmd-owner" | "socket-exists" => "match the user: uid-owner",
        "dccp-option" => "match the protocol and its ports alone",
        "hbh-opts" | "dst-opts" => "match the header and its length: hbh-len, dst-len",
        "rt-0-res" | "rt-0-addrs" | "rt-0-not-strict" => "match the type of the header: rt-type 0",
        "path" => "match the owner of the process: mod owner uid-owner",
        "return-nomatch" => "write a rule for the exceptions before, with a set of their own",
        "packets-eq" | "packets-lt" | "packets-gt" | "bytes-eq" | "bytes-lt" | "bytes-gt" => {
            "limit the packets of each address: mod hashlimit"
        }
        _ => "leave the match out, or write the rule with addresses, ports and states",
    };
    refuse(UNSUPPORTED, found.span, message, help)
}

/// The refusal of a module that is loaded and brings nothing that is lowered.
pub(super) fn of_module(name: &str, span: Span) -> Refusal {
    let message = format!("module `{name}` has no form in nftables here");
    let known = REFUSED_MODULES.iter().find(|refused| refused.name == name);
    let otherwise = "ferm does not know it either, and hands it to iptables: leave it out, or write what it does";
    refuse(UNSUPPORTED, span, message, known.map_or(otherwise, |refused| refused.instead))
}

/// The refusal of a target.
pub(super) fn of_target(name: &str, span: Span) -> Refusal {
    let known = REFUSED_TARGETS.iter().find(|refused| refused.name == name);
    let otherwise = "leave the rule out, or keep it in a table of its own beside this one";
    let message = format!("the target `{name}` has no form in nftables here");
    refuse(UNSUPPORTED, span, message, known.map_or(otherwise, |refused| refused.instead))
}

/// The refusal of an option of a target that is lowered otherwise.
pub(super) fn of_option(option: &TargetOption, target: &str) -> Refusal {
    let message = format!("`{}` of {target} has no form in nftables here", option.keyword);
    let help = match (target, option.keyword) {
        ("CT", "ctevents" | "expevents") => {
            "leave the option out, and choose where they are read: conntrack -E -e NEW,DESTROY"
        }
        ("TTL", _) => "nftables adds nothing to a field: write the number, `ttl-set 64`",
        ("HL", _) => "nftables adds nothing to a field: write the number, `hl-set 64`",
        ("CT", "timeout") => "set the timeout for all: net.netfilter.nf_conntrack_*_timeout",
        _ => "leave the option out",
    };
    refuse(UNSUPPORTED, option.span, message, help)
}

const fn refused(name: &'static str, instead: &'static str) -> Refused {
    Refused { name, instead }
}
