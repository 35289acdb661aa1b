//! The words of `domain arp`.

use super::Arity::{Multiplied, Single};
use super::Negation::{After, Never};
use super::{Keyword, Target, alias, row, target};

/// Keywords that need nothing before them but a chain.
pub(in crate::host) const CORE: &[Keyword] = &[
    alias("interface", "interface", "in-interface", Multiplied, After),
    alias("in-interface", "interface", "in-interface", Multiplied, After),
    alias("if", "interface", "in-interface", Multiplied, After),
    alias("outerface", "outerface", "out-interface", Multiplied, After),
    alias("out-interface", "outerface", "out-interface", Multiplied, After),
    alias("of", "outerface", "out-interface", Multiplied, After),
    alias("saddr", "saddr", "source-ip", Multiplied, After),
    alias("source-ip", "saddr", "source-ip", Multiplied, After),
    alias("daddr", "daddr", "destination-ip", Multiplied, After),
    alias("destination-ip", "daddr", "destination-ip", Multiplied, After),
    row("source-mac", Multiplied, After),
    row("destination-mac", Multiplied, After),
    alias("proto", "proto", "protocol", Multiplied, After),
    alias("protocol", "proto", "protocol", Multiplied, After),
    row("sport", Multiplied, After),
    row("dport", Multiplied, After),
    row("h-length", Single, Never),
    row("opcode", Single, Never),
    row("h-type", Single, Never),
    row("proto-type", Single, Never),
    row("mangle-ip-s", Single, Never),
    row("mangle-ip-d", Single, Never),
    row("mangle-mac-s", Single, Never),
    row("mangle-mac-d", Single, Never),
    row("mangle-target", Single, Never),
];

/// Targets besides verdicts and calls.
pub(in crate::host) const TARGETS: &[Target] = &[target("QUEUE", &[])];
