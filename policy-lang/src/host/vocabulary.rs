//! The words of the language as tables: which keywords a protocol, a module or a target brings, how many operands
//! each takes, whether it can be negated, and what iptables calls it.
//!
//! Supporting another word is another row here; the lowering to nftables is where its meaning lives.

mod arp;
mod bridge;
mod core;
mod matches;
mod targets;

use crate::host::rule::Domain;

/// The words of one domain.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// Keywords that need nothing before them but a chain.
    pub(super) core: &'static [Keyword],
    /// Keywords that load their module themselves.
    pub(super) shortcuts: &'static [Shortcut],
    /// Protocols that bring keywords of their own.
    pub(super) protocols: &'static [Family],
    /// Modules.
    pub(super) modules: &'static [Family],
    /// Targets besides verdicts and calls.
    pub(super) targets: &'static [Target],
}

/// `domain ip` and `domain ip6`.
pub(super) const IP: Vocabulary = Vocabulary {
    core: core::CORE,
    shortcuts: core::SHORTCUTS,
    protocols: core::PROTOCOLS,
    modules: matches::MODULES,
    targets: targets::TARGETS,
};

/// `domain arp`.
pub(super) const ARP: Vocabulary =
    Vocabulary { core: arp::CORE, shortcuts: &[], protocols: &[], modules: &[], targets: arp::TARGETS };

/// `domain eb`.
pub(super) const BRIDGE: Vocabulary = Vocabulary {
    core: bridge::CORE,
    shortcuts: &[],
    protocols: bridge::PROTOCOLS,
    modules: &[],
    targets: bridge::TARGETS,
};

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
    /// One word and one list, the list joined by commas.
    Set,
    /// Two words.
    TwoWords,
    /// One list; each element repeats the option within the rule.
    Repeated,
    /// A control group's number, or `MAJOR:MINOR` in hexadecimal; an array multiplies the rule.
    ClassId,
}

/// Whether and where `!` may stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Negation {
    /// Nowhere.
    Never,
    /// Between the keyword and its operand.
    After,
    /// Before the keyword.
    Before,
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

impl Family {
    /// The keyword that a word is here. ICMP's is called after the domain, and either spelling is taken.
    pub(super) fn keyword(&self, word: &str) -> Option<&'static Keyword> {
        let is_icmp = matches!(self.name, "icmp" | "icmpv6") && matches!(word, "icmp-type" | "icmpv6-type");
        let keywords = self.keywords;
        keywords.iter().find(|keyword| is_icmp || keyword.name == word)
    }
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
    /// A protocol whose ports `multiport` reads, by name.
    Multiport,
    /// `proto tcp`.
    Tcp,
}

/// A target.
#[derive(Debug)]
pub(super) struct Target {
    /// As it is written.
    pub(super) name: &'static str,
    /// As it is printed.
    pub(super) printed: &'static str,
    /// Its options.
    pub(super) options: &'static [Keyword],
    /// What must precede it.
    pub(super) needs: Needs,
}

/// The protocols that have ports.
pub(super) const WITH_PORTS: &[&str] = &["tcp", "udp", "udplite", "dccp", "sctp"];

/// The protocols whose ports `multiport` reads.
pub(super) const WITH_PORT_LISTS: &[&str] = &["tcp", "udp", "udplite"];

/// The keyword that `mod NAME` leaves behind where no option of the module follows at once.
pub(super) const MODULE_MARK: &str = "mod";

/// Words that are an action, or introduce one.
pub(super) const ACTIONS: &[&str] = &["ACCEPT", "DROP", "RETURN", "NOP", "jump", "goto"];

/// The words of a domain.
pub(super) fn of(domain: Domain) -> &'static Vocabulary {
    match domain {
        Domain::Ip | Domain::Ip6 => &IP,
        Domain::Arp => &ARP,
        Domain::Eb => &BRIDGE,
    }
}

/// What iptables calls a keyword of the rule IR, and how its operands are printed.
pub(super) fn printed(domain: Domain, keyword: &str, module: Option<&str>) -> Option<(&'static str, Arity)> {
    let Vocabulary { core, shortcuts, protocols, modules, targets: _ } = of(domain);
    let found = |keywords: &'static [Keyword]| keywords.iter().find(|candidate| candidate.canonical == keyword);
    let keyword = match module {
        None => found(core),
        Some(module) => modules
            .iter()
            .chain(*protocols)
            .filter(|family| family.name == module)
            .find_map(|family| found(family.keywords))
            .or_else(|| shortcuts.iter().map(|shortcut| &shortcut.keyword).find(|known| known.canonical == keyword)),
    }?;
    Some((keyword.printed, keyword.arity))
}

/// Whether a name is a module's rather than a protocol's.
pub(super) fn is_module(name: &str) -> bool {
    module_named(name).is_some()
}

/// A module by name.
pub(super) fn module_named(name: &str) -> Option<&'static Family> {
    IP.modules.iter().find(|family| family.name == name)
}

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

const fn module(name: &'static str, keywords: &'static [Keyword]) -> Family {
    Family { name, keywords }
}

const fn target(name: &'static str, options: &'static [Keyword]) -> Target {
    Target { name, printed: name, options, needs: Needs::Nothing }
}
