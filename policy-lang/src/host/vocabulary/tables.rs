//! The tables themselves.

use super::Arity::{self, Flag, Joined, Multiplied, Pair, Ports, Repeated, Single};
use super::Negation::{self, After, Either, Never};
use super::{Family, Keyword, Needs, Shortcut, Target};

/// Keywords that need nothing before them but a chain.
pub(in crate::host) const CORE: &[Keyword] = &[
    alias("interface", "interface", "in-interface", Multiplied, After),
    alias("in-interface", "interface", "in-interface", Multiplied, After),
    alias("if", "interface", "in-interface", Multiplied, After),
    alias("outerface", "outerface", "out-interface", Multiplied, After),
    alias("out-interface", "outerface", "out-interface", Multiplied, After),
    alias("of", "outerface", "out-interface", Multiplied, After),
    alias("saddr", "saddr", "source", Multiplied, After),
    alias("source", "saddr", "source", Multiplied, After),
    alias("daddr", "daddr", "destination", Multiplied, After),
    alias("destination", "daddr", "destination", Multiplied, After),
    alias("proto", "proto", "protocol", Multiplied, After),
    alias("protocol", "proto", "protocol", Multiplied, After),
    row("fragment", Flag, Either),
    row("sport", Multiplied, After),
    row("dport", Multiplied, After),
];

/// Keywords that load their module themselves.
pub(in crate::host) const SHORTCUTS: &[Shortcut] = &[
    Shortcut {
        module: "multiport",
        keyword: alias("sports", "sports", "source-ports", Ports, After),
        needs: Needs::Ports,
    },
    Shortcut {
        module: "multiport",
        keyword: alias("dports", "dports", "destination-ports", Ports, After),
        needs: Needs::Ports,
    },
    Shortcut { module: "comment", keyword: row("comment", Single, Never), needs: Needs::Nothing },
];

/// Protocols that bring keywords of their own.
pub(in crate::host) const PROTOCOLS: &[Family] = &[
    Family {
        name: "tcp",
        keywords: &[
            row("tcp-flags", Pair, After),
            row("syn", Flag, Either),
            row("tcp-option", Multiplied, After),
            row("mss", Multiplied, Never),
        ],
    },
    Family { name: "icmp", keywords: &[row("icmp-type", Multiplied, After)] },
    Family { name: "icmpv6", keywords: &[row("icmpv6-type", Multiplied, After)] },
];

/// Modules by name.
pub(in crate::host) const MODULES: &[Family] = &[
    Family {
        name: "addrtype",
        keywords: &[
            row("src-type", Multiplied, Either),
            row("dst-type", Multiplied, Either),
            row("limit-iface-in", Flag, Never),
            row("limit-iface-out", Flag, Never),
        ],
    },
    Family { name: "comment", keywords: &[row("comment", Single, Never)] },
    Family { name: "connmark", keywords: &[row("mark", Multiplied, Either)] },
    Family {
        name: "conntrack",
        keywords: &[
            row("ctstate", Joined, Either),
            row("ctproto", Multiplied, Either),
            row("ctorigsrc", Multiplied, After),
            row("ctorigdst", Multiplied, After),
            row("ctorigsrcport", Multiplied, After),
            row("ctorigdstport", Multiplied, After),
            row("ctreplsrc", Multiplied, After),
            row("ctrepldst", Multiplied, After),
            row("ctstatus", Multiplied, Either),
            row("ctexpire", Single, Either),
            row("ctdir", Single, Never),
        ],
    },
    Family { name: "iprange", keywords: &[row("src-range", Multiplied, Either), row("dst-range", Multiplied, Either)] },
    Family { name: "length", keywords: &[row("length", Multiplied, After)] },
    Family { name: "limit", keywords: &[row("limit", Single, Never), row("limit-burst", Single, Never)] },
    Family { name: "mac", keywords: &[row("mac-source", Multiplied, After)] },
    Family { name: "mark", keywords: &[row("mark", Multiplied, Either)] },
    Family {
        name: "multiport",
        keywords: &[
            alias("source-ports", "sports", "source-ports", Ports, After),
            alias("destination-ports", "dports", "destination-ports", Ports, After),
            row("ports", Ports, After),
        ],
    },
    Family { name: "owner", keywords: &[row("uid-owner", Multiplied, Either), row("gid-owner", Multiplied, Either)] },
    Family { name: "pkttype", keywords: &[row("pkt-type", Multiplied, After)] },
    Family { name: "state", keywords: &[row("state", Joined, Either)] },
];

/// Targets with their options.
pub(in crate::host) const TARGETS: &[Target] = &[
    target(
        "CONNMARK",
        &[
            row("set-xmark", Single, Never),
            row("set-mark", Single, Never),
            row("save-mark", Flag, Never),
            row("restore-mark", Flag, Never),
            row("nfmask", Single, Never),
            row("ctmask", Single, Never),
            row("mask", Single, Never),
            row("and-mark", Single, Never),
            row("or-mark", Single, Never),
            row("xor-mark", Single, Never),
        ],
    ),
    target(
        "DNAT",
        &[
            alias("to", "to-destination", "to-destination", Repeated, Never),
            alias("to-destination", "to-destination", "to-destination", Repeated, Never),
            row("persistent", Flag, Never),
            row("random", Flag, Never),
        ],
    ),
    target("DSCP", &[row("set-dscp", Single, Never), row("set-dscp-class", Single, Never)]),
    target(
        "LOG",
        &[
            row("log-level", Single, Never),
            row("log-prefix", Single, Never),
            row("log-tcp-sequence", Flag, Never),
            row("log-tcp-options", Flag, Never),
            row("log-ip-options", Flag, Never),
            row("log-uid", Flag, Never),
        ],
    ),
    target(
        "MARK",
        &[
            row("set-mark", Single, Never),
            row("set-xmark", Single, Never),
            row("and-mark", Single, Never),
            row("or-mark", Single, Never),
            row("xor-mark", Single, Never),
        ],
    ),
    target(
        "MASQUERADE",
        &[row("to-ports", Single, Never), row("random", Flag, Never), row("random-fully", Flag, Never)],
    ),
    target(
        "NFLOG",
        &[
            row("nflog-group", Single, Never),
            row("nflog-prefix", Single, Never),
            row("nflog-range", Single, Never),
            row("nflog-threshold", Single, Never),
        ],
    ),
    target("NOTRACK", &[]),
    target("REDIRECT", &[row("to-ports", Single, Never), row("random", Flag, Never)]),
    target("REJECT", &[row("reject-with", Single, Never)]),
    target(
        "SNAT",
        &[
            alias("to", "to-source", "to-source", Repeated, Never),
            alias("to-source", "to-source", "to-source", Repeated, Never),
            row("persistent", Flag, Never),
            row("random", Flag, Never),
        ],
    ),
    Target {
        name: "TCPMSS",
        options: &[row("set-mss", Single, Never), row("clamp-mss-to-pmtu", Flag, Never)],
        needs: Needs::Protocol,
    },
];

/// Words that are an action, or introduce one.
pub(in crate::host) const ACTIONS: &[&str] = &["ACCEPT", "DROP", "RETURN", "NOP", "jump", "goto"];

/// Words that ferm knows and palisade refuses: modules, targets and their kind.
pub(in crate::host) const FOREIGN: &[&str] = &[
    "account",
    "ah",
    "bpf",
    "cgroup",
    "condition",
    "connbytes",
    "connlabel",
    "connlimit",
    "cpu",
    "devgroup",
    "dscp",
    "dst",
    "ecn",
    "esp",
    "eui64",
    "fuzzy",
    "geoip",
    "hashlimit",
    "hbh",
    "helper",
    "hl",
    "ipv4options",
    "ipv6header",
    "ipvs",
    "length2",
    "nfacct",
    "nth",
    "osf",
    "physdev",
    "policy",
    "psd",
    "quota",
    "random",
    "realm",
    "recent",
    "rpfilter",
    "rt",
    "set",
    "socket",
    "statistic",
    "string",
    "tcpmss",
    "time",
    "tos",
    "ttl",
    "u32",
    "unclean",
    "AUDIT",
    "BALANCE",
    "CHECKSUM",
    "CLASSIFY",
    "CLUSTERIP",
    "CONNSECMARK",
    "CT",
    "DNPT",
    "ECN",
    "HL",
    "HMARK",
    "IDLETIMER",
    "IPV4OPTSSTRIP",
    "JOOL",
    "JOOL_SIIT",
    "LED",
    "MIRROR",
    "NETMAP",
    "NFQUEUE",
    "QUEUE",
    "RATEEST",
    "ROUTE",
    "RTPENGINE",
    "SAME",
    "SECMARK",
    "SET",
    "SNPT",
    "SYNPROXY",
    "TARPIT",
    "TCPOPTSTRIP",
    "TEE",
    "TOS",
    "TPROXY",
    "TRACE",
    "TTL",
    "ULOG",
];

const fn row(name: &'static str, arity: Arity, negation: Negation) -> Keyword {
    alias(name, name, name, arity, negation)
}

const fn alias(
    name: &'static str,
    canonical: &'static str,
    printed: &'static str,
    arity: Arity,
    negation: Negation,
) -> Keyword {
    Keyword { name, canonical, printed, arity, negation }
}

const fn target(name: &'static str, options: &'static [Keyword]) -> Target {
    Target { name, options, needs: Needs::Nothing }
}
