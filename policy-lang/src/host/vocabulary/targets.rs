//! The targets of `domain ip` and `domain ip6`.

use super::Arity::{Flag, Joined, Repeated, Set, Single};
use super::Negation::Never;
use super::{Needs, Target, alias, row, target};

/// Targets with their options.
pub(in crate::host) const TARGETS: &[Target] = &[
    target("QUEUE", &[]),
    target("AUDIT", &[row("type", Single, Never)]),
    target(
        "BALANCE",
        &[alias("to", "to-destination", "to-destination", Single, Never), row("to-destination", Single, Never)],
    ),
    target("CHECKSUM", &[row("checksum-fill", Flag, Never)]),
    target("CLASSIFY", &[row("set-class", Single, Never)]),
    target(
        "CLUSTERIP",
        &[
            row("new", Flag, Never),
            row("hashmode", Single, Never),
            row("clustermac", Single, Never),
            row("total-nodes", Single, Never),
            row("local-node", Single, Never),
            row("hash-init", Single, Never),
        ],
    ),
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
    target("CONNSECMARK", &[row("save", Flag, Never), row("restore", Flag, Never)]),
    target(
        "CT",
        &[
            row("notrack", Flag, Never),
            row("helper", Single, Never),
            row("ctevents", Joined, Never),
            row("expevents", Joined, Never),
            row("zone", Single, Never),
            row("timeout", Single, Never),
            row("zone-orig", Single, Never),
            row("zone-reply", Single, Never),
        ],
    ),
    target(
        "DNAT",
        &[
            alias("to", "to-destination", "to-destination", Repeated, Never),
            row("to-destination", Repeated, Never),
            row("persistent", Flag, Never),
            row("random", Flag, Never),
        ],
    ),
    target("DNPT", &[row("src-pfx", Single, Never), row("dst-pfx", Single, Never)]),
    target("SNPT", &[row("src-pfx", Single, Never), row("dst-pfx", Single, Never)]),
    target("DSCP", &[row("set-dscp", Single, Never), row("set-dscp-class", Single, Never)]),
    target("ECN", &[row("ecn-tcp-remove", Flag, Never)]),
    target("HL", &[row("hl-set", Single, Never), row("hl-dec", Single, Never), row("hl-inc", Single, Never)]),
    target(
        "HMARK",
        &[
            row("hmark-tuple", Single, Never),
            row("hmark-mod", Single, Never),
            row("hmark-offset", Single, Never),
            row("hmark-src-prefix", Single, Never),
            row("hmark-dst-prefix", Single, Never),
            row("hmark-sport-mask", Single, Never),
            row("hmark-dport-mask", Single, Never),
            row("hmark-spi-mask", Single, Never),
            row("hmark-proto-mask", Single, Never),
            row("hmark-rnd", Single, Never),
        ],
    ),
    target("IDLETIMER", &[row("timeout", Single, Never), row("label", Single, Never)]),
    target("IPV4OPTSSTRIP", &[]),
    target("JOOL", &[row("instance", Single, Never)]),
    target("JOOL_SIIT", &[row("instance", Single, Never)]),
    target(
        "LED",
        &[row("led-trigger-id", Single, Never), row("led-delay", Single, Never), row("led-always-blink", Flag, Never)],
    ),
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
    target("MIRROR", &[]),
    target("NETMAP", &[row("to", Single, Never)]),
    target(
        "NFLOG",
        &[
            row("nflog-group", Single, Never),
            row("nflog-prefix", Single, Never),
            row("nflog-range", Single, Never),
            row("nflog-threshold", Single, Never),
        ],
    ),
    target(
        "NFQUEUE",
        &[
            row("queue-num", Single, Never),
            row("queue-balance", Single, Never),
            row("queue-bypass", Flag, Never),
            row("queue-cpu-fanout", Flag, Never),
        ],
    ),
    target("NOTRACK", &[]),
    target(
        "RATEEST",
        &[
            row("rateest-name", Single, Never),
            row("rateest-interval", Single, Never),
            row("rateest-ewmalog", Single, Never),
        ],
    ),
    target("REDIRECT", &[row("to-ports", Single, Never), row("random", Flag, Never)]),
    target("REJECT", &[row("reject-with", Single, Never)]),
    target(
        "ROUTE",
        &[
            row("oif", Single, Never),
            row("iif", Single, Never),
            row("gw", Single, Never),
            row("continue", Flag, Never),
            row("tee", Flag, Never),
        ],
    ),
    target("RTPENGINE", &[row("id", Single, Never)]),
    target("SAME", &[row("to", Single, Never), row("nodst", Flag, Never), row("random", Flag, Never)]),
    target("SECMARK", &[row("selctx", Single, Never)]),
    target(
        "SET",
        &[
            row("add-set", Set, Never),
            row("del-set", Set, Never),
            row("timeout", Single, Never),
            row("exist", Flag, Never),
        ],
    ),
    target(
        "SNAT",
        &[
            alias("to", "to-source", "to-source", Repeated, Never),
            row("to-source", Repeated, Never),
            row("persistent", Flag, Never),
            row("random", Flag, Never),
        ],
    ),
    target(
        "SYNPROXY",
        &[
            row("sack-perm", Flag, Never),
            row("timestamp", Flag, Never),
            row("ecn", Flag, Never),
            row("wscale", Single, Never),
            row("mss", Single, Never),
        ],
    ),
    target("TARPIT", &[]),
    Target {
        needs: Needs::Tcp,
        ..target("TCPMSS", &[row("set-mss", Single, Never), row("clamp-mss-to-pmtu", Flag, Never)])
    },
    target("TCPOPTSTRIP", &[row("strip-options", Joined, Never)]),
    target("TEE", &[row("gateway", Single, Never)]),
    target(
        "TOS",
        &[
            row("set-tos", Single, Never),
            row("and-tos", Single, Never),
            row("or-tos", Single, Never),
            row("xor-tos", Single, Never),
        ],
    ),
    target("TPROXY", &[row("tproxy-mark", Single, Never), row("on-ip", Single, Never), row("on-port", Single, Never)]),
    target("TRACE", &[]),
    target("TTL", &[row("ttl-set", Single, Never), row("ttl-dec", Single, Never), row("ttl-inc", Single, Never)]),
    target(
        "ULOG",
        &[
            row("ulog-nlgroup", Single, Never),
            row("ulog-prefix", Single, Never),
            row("ulog-cprange", Single, Never),
            row("ulog-qthreshold", Single, Never),
        ],
    ),
];
