//! The words of `domain eb`.

use super::Arity::{Flag, Joined, Multiplied, Single, TwoWords};
use super::Negation::{After, Either, Never};
use super::{Family, Keyword, Target, alias, module, row, target};

/// Keywords that need nothing before them but a chain.
pub(in crate::host) const CORE: &[Keyword] = &[
    alias("interface", "interface", "in-interface", Multiplied, After),
    alias("in-interface", "interface", "in-interface", Multiplied, After),
    alias("if", "interface", "in-interface", Multiplied, After),
    alias("outerface", "outerface", "out-interface", Multiplied, After),
    alias("out-interface", "outerface", "out-interface", Multiplied, After),
    alias("of", "outerface", "out-interface", Multiplied, After),
    row("logical-in", Multiplied, After),
    row("logical-out", Multiplied, After),
    alias("saddr", "saddr", "source", Multiplied, After),
    alias("source", "saddr", "source", Multiplied, After),
    alias("daddr", "daddr", "destination", Multiplied, After),
    alias("destination", "daddr", "destination", Multiplied, After),
    alias("proto", "proto", "protocol", Multiplied, After),
    alias("protocol", "proto", "protocol", Multiplied, After),
    row("sport", Multiplied, After),
    row("dport", Multiplied, After),
    row("802_3-sap", Multiplied, After),
    row("802_3-type", Multiplied, After),
    row("among-src", Joined, Either),
    row("among-dst", Joined, Either),
    row("among-src-file", Multiplied, Either),
    row("among-dst-file", Multiplied, Either),
    row("limit", Single, Never),
    row("limit-burst", Single, Never),
    row("mark", Multiplied, After),
    row("pkttype-type", Multiplied, After),
    row("stp-type", Multiplied, After),
    row("stp-flags", Multiplied, After),
    row("stp-root-prio", Multiplied, After),
    row("stp-root-addr", Multiplied, After),
    row("stp-root-cost", Multiplied, After),
    row("stp-sender-prio", Multiplied, After),
    row("stp-sender-addr", Multiplied, After),
    row("stp-port", Multiplied, After),
    row("stp-msg-age", Multiplied, After),
    row("stp-max-age", Multiplied, After),
    row("stp-hello-time", Multiplied, After),
    row("stp-forward-delay", Multiplied, After),
    row("log", Flag, Never),
    row("log-level", Single, Never),
    row("log-prefix", Single, Never),
    row("log-ip", Flag, Never),
    row("log-arp", Flag, Never),
];

/// Protocols that bring keywords of their own.
pub(in crate::host) const PROTOCOLS: &[Family] = &[
    module(
        "IPv4",
        &[
            alias("ip-src", "ip-source", "ip-source", Multiplied, After),
            row("ip-source", Multiplied, After),
            alias("ip-dst", "ip-destination", "ip-destination", Multiplied, After),
            row("ip-destination", Multiplied, After),
            row("ip-tos", Multiplied, After),
            alias("ip-proto", "ip-protocol", "ip-protocol", Multiplied, After),
            row("ip-protocol", Multiplied, After),
            alias("ip-sport", "ip-source-port", "ip-source-port", Multiplied, After),
            row("ip-source-port", Multiplied, After),
            alias("ip-dport", "ip-destination-port", "ip-destination-port", Multiplied, After),
            row("ip-destination-port", Multiplied, After),
        ],
    ),
    module(
        "IPv6",
        &[
            alias("ip6-src", "ip6-source", "ip6-source", Multiplied, After),
            row("ip6-source", Multiplied, After),
            alias("ip6-dst", "ip6-destination", "ip6-destination", Multiplied, After),
            row("ip6-destination", Multiplied, After),
            row("ip6-tclass", Multiplied, After),
            alias("ip6-proto", "ip6-protocol", "ip6-protocol", Multiplied, After),
            row("ip6-protocol", Multiplied, After),
            alias("ip6-sport", "ip6-source-port", "ip6-source-port", Multiplied, After),
            row("ip6-source-port", Multiplied, After),
            alias("ip6-dport", "ip6-destination-port", "ip6-destination-port", Multiplied, After),
            row("ip6-destination-port", Multiplied, After),
        ],
    ),
    module("ARP", ADDRESS_RESOLUTION),
    module("RARP", ADDRESS_RESOLUTION),
    module(
        "802_1Q",
        &[row("vlan-id", Multiplied, After), row("vlan-prio", Multiplied, After), row("vlan-encap", Multiplied, After)],
    ),
];

/// ARP's keywords, which are RARP's too.
const ADDRESS_RESOLUTION: &[Keyword] = &[
    row("arp-opcode", Multiplied, After),
    row("arp-htype", TwoWords, After),
    row("arp-ptype", TwoWords, After),
    row("arp-ip-src", Multiplied, After),
    row("arp-ip-dst", Multiplied, After),
    row("arp-mac-src", Multiplied, After),
    row("arp-mac-dst", Multiplied, After),
    row("arp-gratuitous", Flag, Either),
];

/// Targets besides verdicts and calls.
pub(in crate::host) const TARGETS: &[Target] = &[
    target("arpreply", &[row("arpreply-mac", Single, Never), row("arpreply-target", Single, Never)]),
    target("dnat", &[row("to-destination", Single, Never), row("dnat-target", Single, Never)]),
    Target { printed: "mark", ..target("MARK", &[row("set-mark", Single, Never), row("mark-target", Single, Never)]) },
    target("QUEUE", &[]),
    target("redirect", &[row("redirect-target", Single, Never)]),
    target("snat", &[row("to-source", Single, Never), row("snat-target", Single, Never), row("snat-arp", Flag, Never)]),
];
