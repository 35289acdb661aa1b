//! The words of the language as tables: which keywords a protocol, a module or a target brings, how many operands
//! each takes, whether it can be negated, and what iptables calls it.
//!
//! Supporting another word is another row here; the lowering to nftables is where its meaning lives.

mod tables;

pub(super) use tables::{ACTIONS, CORE, FOREIGN, MODULES, PROTOCOLS, SHORTCUTS, TARGETS};

/// A keyword that takes operands.
#[derive(Debug)]
pub(super) struct Keyword {
    /// As it is written.
    pub(super) name: &'static str,
    /// As the rule IR spells it.
    pub(super) canonical: &'static str,
    /// As iptables spells it, without dashes.
    pub(super) printed: &'static str,
    /// How many operands it takes, and what an array means.
    pub(super) arity: Arity,
    /// Whether and where `!` may stand.
    pub(super) negation: Negation,
}

/// How many operands a keyword takes, and what an array means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Arity {
    /// None.
    Flag,
    /// One; an array multiplies the rule.
    Multiplied,
    /// One; no array.
    Single,
    /// One list, joined by commas.
    Joined,
    /// One list of ports, joined by commas in runs of 15.
    Ports,
    /// Two lists, each joined by commas.
    Pair,
    /// One list; each element repeats the option within the rule.
    Repeated,
}

/// Whether and where `!` may stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Negation {
    /// Nowhere.
    Never,
    /// Between the keyword and its operand.
    After,
    /// Before the keyword, or between it and its operand.
    Either,
}

/// A protocol's or a module's keywords.
#[derive(Debug)]
pub(super) struct Family {
    /// The protocol's or the module's name.
    pub(super) name: &'static str,
    /// What it brings.
    pub(super) keywords: &'static [Keyword],
}

/// A keyword that needs no `mod`, and loads one.
#[derive(Debug)]
pub(super) struct Shortcut {
    /// The module.
    pub(super) module: &'static str,
    /// The keyword.
    pub(super) keyword: Keyword,
    /// What must precede it.
    pub(super) needs: Needs,
}

/// What must precede a keyword or a target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Needs {
    /// Nothing.
    Nothing,
    /// A protocol with ports, by name.
    Ports,
    /// `proto tcp`.
    Tcp,
}

/// A target.
#[derive(Debug)]
pub(super) struct Target {
    /// In upper case.
    pub(super) name: &'static str,
    /// Its options.
    pub(super) options: &'static [Keyword],
    /// What must precede it.
    pub(super) needs: Needs,
}

/// The protocols that have ports.
pub(super) const WITH_PORTS: &[&str] = &["tcp", "udp", "udplite", "dccp", "sctp"];

/// The keyword that `mod NAME` leaves behind where no option of the module follows at once.
pub(super) const MODULE_MARK: &str = "mod";

/// What iptables calls a keyword of the rule IR, and how its operands are printed.
pub(super) fn printed(keyword: &str, module: Option<&str>) -> Option<(&'static str, Arity)> {
    let found = |keywords: &'static [Keyword]| keywords.iter().find(|candidate| candidate.canonical == keyword);
    let keyword = match module {
        None => found(CORE),
        Some(module) => MODULES
            .iter()
            .chain(PROTOCOLS)
            .filter(|family| family.name == module)
            .find_map(|family| found(family.keywords))
            .or_else(|| {
                SHORTCUTS.iter().map(|shortcut| &shortcut.keyword).find(|candidate| candidate.canonical == keyword)
            }),
    }?;
    Some((keyword.printed, keyword.arity))
}

/// Whether a name is a module's rather than a protocol's.
pub(super) fn is_module(name: &str) -> bool {
    module(name).is_some()
}

/// A module by name.
pub(super) fn module(name: &str) -> Option<&'static Family> {
    MODULES.iter().find(|family| family.name == name)
}
