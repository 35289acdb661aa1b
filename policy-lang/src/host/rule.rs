//! The host rule IR: what a ferm configuration says after variables, functions, conditions and includes are gone.
//!
//! Words are kept as words: ferm never validates an operand, so whether `dport 99999` makes sense is decided where
//! the IR is lowered to nftables, with the word's own span. Arrays stay arrays: ferm's product over one source rule
//! is a product of sets, and that is what lets the compiler fold it exactly.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use smallvec::SmallVec;

use super::code;
use super::ipset::IpSets;
use crate::diagnostic::Diagnostic;
use crate::peer::Peer;
use crate::source::{Origin, Span};

/// Everything that one configuration says, chains in the order in which they were first opened.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HostRules {
    /// One entry for each (domain, table, chain).
    pub chains: Vec<HostChain>,
    /// The shell commands in every file that was read: hooks and pipes that were reached, and all backticks. This
    /// crate runs none of them itself.
    pub commands: Vec<HostCommand>,
    /// The sets that rules may name with `mod set` and `SET`.
    pub ipsets: Arc<IpSets>,
}

/// A shell command in a configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostCommand {
    /// What it is run for.
    pub purpose: CommandPurpose,
    /// The shell's text, and where it is written.
    pub command: Word,
}

/// What a command is run for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CommandPurpose {
    /// Backticks: its output becomes words.
    Words,
    /// `@include 'COMMAND|'`: its output is read as a file.
    Include,
    /// `@hook`.
    Hook(HookMoment),
}

/// When a hook runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HookMoment {
    /// Before the rules are loaded.
    Pre,
    /// After the rules are loaded.
    Post,
    /// After the rules are taken away.
    Flush,
}

/// The keyword of the match that `@nft` leaves behind. Its word is of nftables' language, and may say what is done, too: the
/// action of a rule that names none is [`Action::Nop`].
pub const NFT: &str = "@nft";

/// The chains that packets enter by themselves; all others are custom ones.
const BUILT_IN: [&str; 7] = ["PREROUTING", "PRE_DNAT", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", "BROUTING"];

impl HostRules {
    /// Every rule, chain by chain.
    pub fn rules(&self) -> impl Iterator<Item = &HostRule> {
        self.chains.iter().flat_map(|chain| &chain.rules)
    }

    /// The words of every match of these keywords, as [`Operands::alternatives`] has them.
    pub fn words(&self, keywords: &[&str]) -> impl Iterator<Item = &Word> {
        let matches = self.rules().flat_map(|rule| &rule.matches);
        matches.filter(|found| keywords.contains(&found.keyword)).flat_map(|found| found.operands.alternatives())
    }

    /// A refusal of each command that has to run when rules are loaded: nobody runs one, and rules whose author counts on
    /// it are not those that were meant.
    pub fn refused_commands(&self) -> impl Iterator<Item = Diagnostic> + '_ {
        let hooks = self.commands.iter().filter(|command| matches!(command.purpose, CommandPurpose::Hook(_)));
        hooks.map(|hook| {
            let message = "`@hook` has no form here: no command is run when rules are loaded";
            let help = "a unit file's ExecStartPre= and ExecStartPost= do the same";
            Diagnostic::error(code::UNSUPPORTED, hook.command.span, message).help(help)
        })
    }

    /// These rules, and in each chain those of another configuration after them.
    ///
    /// A policy that both give is the one that is given here. Custom chains stay each configuration's own: of two with one
    /// name, the later one is renamed together with the calls of it. Spans of both are of the same sources.
    #[must_use]
    pub fn followed_by(mut self, mut later: Self) -> Self {
        let numbers = self.rules().map(|rule| rule.provenance);
        let next = numbers.max().map_or(0, |number| number.saturating_add(1));
        let custom = |rules: &Self| -> BTreeSet<(Table, Arc<str>)> {
            let chains = rules.chains.iter().filter(|chain| !BUILT_IN.contains(&&*chain.name));
            chains.map(|chain| (chain.table, Arc::clone(&chain.name))).collect()
        };
        let (own, others) = (custom(&self), custom(&later));
        let is_taken = |table: Table, name: &Arc<str>| {
            let key = (table, Arc::clone(name));
            own.contains(&key) && others.contains(&key)
        };
        // No configuration can name a chain so, so it is free in both.
        let renamed = |name: &Arc<str>| -> Arc<str> { format!("{name} (2)").into() };
        for chain in &mut later.chains {
            let table = chain.table;
            for rule in &mut chain.rules {
                rule.provenance = rule.provenance.saturating_add(next);
                if let Action::Jump(word) | Action::Goto(word) = &mut rule.action
                    && is_taken(table, &word.text)
                {
                    word.text = renamed(&word.text);
                }
            }
            if is_taken(table, &chain.name) {
                chain.name = renamed(&chain.name);
            }
            let is_it =
                |before: &&HostChain| (before.domain, before.table, &before.name) == (chain.domain, table, &chain.name);
            if self.chains.iter().find(is_it).is_some_and(|before| before.policy.is_some()) {
                chain.policy = None;
            }
        }
        self.chains.append(&mut later.chains);
        self.commands.append(&mut later.commands);
        self.ipsets = Arc::new(Arc::unwrap_or_clone(self.ipsets).followed_by(Arc::unwrap_or_clone(later.ipsets)));
        self
    }
}

/// One chain of one table of one domain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostChain {
    /// ferm's `domain`.
    pub domain: Domain,
    /// ferm's `table`.
    pub table: Table,
    /// ferm's `chain`, as written: upper case for built-in ones.
    pub name: Arc<str>,
    /// The last `policy` given, and where.
    pub policy: Option<(ChainPolicy, Span)>,
    /// Where the chain was first opened.
    pub span: Span,
    /// The rules in order.
    pub rules: Vec<HostRule>,
}

/// ferm's `domain`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Domain {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// ARP.
    Arp,
    /// Ethernet bridges.
    Eb,
}

/// ferm's `table`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Table {
    /// Packet filtering.
    Filter,
    /// Address translation.
    Nat,
    /// Packet alteration and marks.
    Mangle,
    /// Before connection tracking.
    Raw,
    /// `SELinux` marks.
    Security,
    /// Of `domain eb`: which frames are routed rather than bridged.
    Broute,
}

/// What a chain does with packets that reach its end.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ChainPolicy {
    /// Let it pass.
    Accept,
    /// Drop it.
    Drop,
    /// Hand it to a program.
    Queue,
    /// Back to the calling chain.
    Return,
}

/// One source rule: every match must hold, then the action is taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostRule {
    /// Where it was written, for comments; the file and line of its action.
    pub origin: Origin,
    /// The words from the first to the last of the rule.
    pub span: Span,
    /// Identifies the source rule across the replays of `domain (ip ip6)`: rules of two domains that came from one
    /// pass over the same tokens bear the same number and may be lowered to one dual-stack rule.
    pub provenance: u32,
    /// Matches in the order of the text.
    pub matches: Vec<Match>,
    /// How many of the matches were written before the action, then before each of its options: `ACCEPT proto tcp` is
    /// a rule too. Only the expansion minds; what is missing here counts as written after every match.
    pub matches_before: MatchesBefore,
    /// What happens then.
    pub action: Action,
}

/// One number for the action, and one for each of its options: mostly one.
pub type MatchesBefore = SmallVec<[usize; 2]>;

/// One match option.
///
/// `mod NAME` itself leaves a match behind, with the keyword `mod`, the module's name and [`Operands::Flag`], where no
/// option of the module follows at once: `mod limit ACCEPT` means the module's defaults. A module that ferm hands to
/// iptables without knowing it leaves `mod` with no module, and its name as the operand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Match {
    /// ferm's keyword in its canonical spelling: `saddr`, `interface`, `dport`, `state`, `icmp-type`, …
    pub keyword: &'static str,
    /// The `mod` or protocol that the keyword belongs to; `None` for core keywords. `limit` of `mod limit` and the
    /// bridge domain's own `limit` differ in this.
    pub module: Option<&'static str>,
    /// Whether it was negated.
    pub negated: bool,
    /// What it compares with.
    pub operands: Operands,
    /// The keyword and its operands.
    pub span: Span,
}

/// The operands of a match or target option.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Operands {
    /// A flag: `syn`.
    Flag,
    /// A value or an array that multiplies the rule: the packet must match one of them. Empty: the rule never
    /// existed (ferm emits it zero times). Duplicates are kept, for the expansion's sake.
    OneOf(Vec<Word>),
    /// A list that stays one option of one rule, joined by commas: `state (ESTABLISHED RELATED)`, `dports (22 80)`.
    Joined(Vec<Word>),
    /// Two operands: `tcp-flags (mask) (comp)`, `match-set NAME (src dst)`; each list is joined by commas.
    Pair(Vec<Word>, Vec<Word>),
    /// A list whose elements repeat the option within one rule: `to (A B)`, `u32 (A B)`. The `!` stands once.
    Repeated(Vec<Word>),
}

impl Operands {
    /// The values of which one is to match: none where operands stand for something else together.
    pub fn alternatives(&self) -> &[Word] {
        match self {
            Self::OneOf(words) | Self::Joined(words) => words,
            Self::Flag | Self::Pair(..) | Self::Repeated(_) => &[],
        }
    }
}

/// A word of the configuration after substitution.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Word {
    /// The text.
    pub text: Arc<str>,
    /// Where it stands; for a variable's value, where the value was written.
    pub span: Span,
    /// The list variable that it came out of whole, for naming sets: `ADMINS` for `saddr $ADMINS`.
    pub variable: Option<Arc<str>>,
    /// Whom of the cluster it stands for, in the place of an address: `@nodes()` and its kind.
    pub peer: Option<Arc<Peer>>,
}

impl Word {
    /// A word that stands for nothing but its text.
    pub fn new(text: impl Into<Arc<str>>, span: Span) -> Self {
        Self { text: text.into(), span, variable: None, peer: None }
    }
}

/// What a rule does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// `ACCEPT`.
    Accept,
    /// `DROP`.
    Drop,
    /// `RETURN`.
    Return,
    /// `NOP`: counts, nothing else.
    Nop,
    /// `jump NAME` to a custom chain of the same table.
    Jump(Word),
    /// `goto NAME`.
    Goto(Word),
    /// A target with options: `REJECT`, `LOG`, `DNAT`, `SNAT`, `MASQUERADE`, `REDIRECT`, `NOTRACK`, …
    Target {
        /// As iptables, arptables or ebtables names it.
        name: &'static str,
        /// Its options in the order of the text.
        options: Vec<TargetOption>,
        /// The target's word.
        span: Span,
    },
}

/// One option of a target: `reject-with icmp-host-prohibited`, `to 192.0.2.1:80`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TargetOption {
    /// The option's canonical spelling: `to-destination` for DNAT's `to`.
    pub keyword: &'static str,
    /// Its operands.
    pub operands: Operands,
    /// The option and its operands.
    pub span: Span,
}

/// The network that a word of `saddr` or `daddr` is; an address is one of a single address.
pub fn network(word: &str) -> Option<IpNet> {
    word.parse().ok().or_else(|| word.parse().ok().map(|address: IpAddr| IpNet::from(address)))
}

/// The first and the last port that a word of `dport` or `sport` stands for, where it is of numbers.
pub fn ports(word: &str) -> Option<(u16, u16)> {
    match word.split_once([':', '-']) {
        Some(("", last)) => Some((0, last.parse().ok()?)),
        Some((first, "")) => Some((first.parse().ok()?, u16::MAX)),
        Some((first, last)) => Some((first.parse().ok()?, last.parse().ok()?)),
        None => word.parse().ok().map(|port| (port, port)),
    }
}

impl Domain {
    /// Whether it is about packets of IP.
    pub fn is_of_ip(self) -> bool {
        match self {
            Self::Ip | Self::Ip6 => true,
            Self::Arp | Self::Eb => false,
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Arp => "arp",
            Self::Eb => "eb",
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filter => "filter",
            Self::Nat => "nat",
            Self::Mangle => "mangle",
            Self::Raw => "raw",
            Self::Security => "security",
            Self::Broute => "broute",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{MemoryFiles, parse};
    use crate::source::Sources;

    fn read(path: &str, text: &str, sources: &mut Sources) -> HostRules {
        let (rules, found) = parse(path, &MemoryFiles::default().with(path, text), &[], sources);
        assert_eq!(found, []);
        rules
    }

    #[test]
    fn of_two_configurations_the_first_comes_first_and_its_policy_holds() {
        let mut sources = Sources::default();
        let first = read("a", "chain INPUT { policy DROP; jump own; } chain own proto tcp ACCEPT;", &mut sources);
        let text = "chain INPUT { policy ACCEPT; proto udp jump own; } chain own DROP; chain OUTPUT policy DROP;";
        let both = first.clone().followed_by(read("b", text, &mut sources));
        let chain = |at: usize| &both.chains[at];
        let names: Vec<_> =
            both.chains.iter().map(|chain| (&*chain.name, chain.policy.map(|(policy, _)| policy))).collect();
        let expected = [
            ("INPUT", Some(ChainPolicy::Drop)),
            ("own", None),
            ("INPUT", None),
            ("own (2)", None),
            ("OUTPUT", Some(ChainPolicy::Drop)),
        ];
        assert_eq!(names, expected);
        assert_eq!(both.chains.iter().take(2).cloned().collect::<Vec<_>>(), first.chains);
        let called = |at: usize| {
            let Action::Jump(word) = &chain(at).rules[0].action else { panic!("no call: {:?}", chain(at)) };
            word.text.to_string()
        };
        assert_eq!((called(0), called(2)), ("own".to_owned(), "own (2)".to_owned()));
        let mut numbers: Vec<u32> = both.rules().map(|rule| rule.provenance).collect();
        let n = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), n);
    }
}
