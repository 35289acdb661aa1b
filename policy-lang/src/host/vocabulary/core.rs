//! What needs no `mod` in `domain ip` and `domain ip6`: the keywords of any rule, those of a protocol, and shortcuts.

use super::Arity::{Flag, Joined, Multiplied, Pair, Ports, Set, Single};
use super::Negation::{After, Either, Never};
use super::{Family, Keyword, Needs, Shortcut, alias, module, row};

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
        needs: Needs::Multiport,
    },
    Shortcut {
        module: "multiport",
        keyword: alias("dports", "dports", "destination-ports", Ports, After),
        needs: Needs::Multiport,
    },
    Shortcut { module: "comment", keyword: row("comment", Single, Never), needs: Needs::Nothing },
];

/// Protocols that bring keywords of their own. ICMP's is called after the domain, and either spelling is taken.
pub(in crate::host) const PROTOCOLS: &[Family] = &[
    module("dccp", &[row("dccp-types", Joined, After), row("dccp-option", Multiplied, After)]),
    module("mh", &[row("mh-type", Multiplied, After)]),
    module("icmp", &[row("icmp-type", Multiplied, After)]),
    module("icmpv6", &[row("icmpv6-type", Multiplied, After)]),
    module("sctp", &[row("chunk-types", Set, After)]),
    module(
        "tcp",
        &[
            row("tcp-flags", Pair, After),
            row("syn", Flag, Either),
            row("tcp-option", Multiplied, After),
            row("mss", Multiplied, Never),
        ],
    ),
];
