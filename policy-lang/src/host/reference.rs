//! The vocabulary as the documentation shows it: every protocol, module and target with its words, and what each word
//! takes.

use std::fmt::Write as _;

use crate::host::vocabulary::{self, Arity, Family, Keyword, Negation, Target, Vocabulary};

/// One word of the language that brings operands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Described {
    /// The domains that have it: `ip`, `arp` or `eb`; `ip` stands for `ip6` too.
    pub domain: &'static str,
    /// What brings it.
    pub owner: Owner,
    /// As it is written.
    pub name: &'static str,
    /// What follows it.
    pub operands: OperandShape,
    /// Where `!` may stand.
    pub negation: Place,
}

/// What must precede a word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Owner {
    /// A chain.
    Chain,
    /// `proto NAME`.
    Protocol(&'static str),
    /// `mod NAME`.
    Module(&'static str),
    /// The target.
    Target(&'static str),
}

/// What follows a word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OperandShape {
    /// Nothing.
    None,
    /// One value; an array multiplies the rule.
    OneOf,
    /// One value.
    One,
    /// A list, joined by commas.
    List,
    /// A list of ports, joined by commas in runs of 15.
    Ports,
    /// Two lists.
    TwoLists,
    /// A value and a list.
    OneAndList,
    /// Two values.
    Two,
    /// A list; each element repeats the word within the rule.
    Repeated,
    /// A class of a control group; an array multiplies the rule.
    Class,
}

/// Where `!` may stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// Nowhere.
    Nowhere,
    /// After the word.
    After,
    /// Before the word.
    Before,
    /// Before or after.
    Either,
}

/// Every word that takes operands, in the order of the tables.
#[must_use]
pub fn words() -> Vec<Described> {
    let mut words = Vec::new();
    for (domain, vocabulary) in DOMAINS {
        let Vocabulary { core, shortcuts, protocols, modules, targets } = vocabulary;
        let mut push = |owner, keywords: &mut dyn Iterator<Item = &Keyword>| {
            words.extend(keywords.map(|keyword| described(domain, owner, keyword)));
        };
        push(Owner::Chain, &mut core.iter().chain(shortcuts.iter().map(|shortcut| &shortcut.keyword)));
        for Family { name, keywords } in *protocols {
            push(Owner::Protocol(name), &mut keywords.iter());
        }
        for Family { name, keywords } in *modules {
            push(Owner::Module(name), &mut keywords.iter());
        }
        for Target { name, options, .. } in *targets {
            push(Owner::Target(name), &mut options.iter());
        }
    }
    words
}

/// The names of all modules, those without words of their own included.
pub fn modules() -> impl Iterator<Item = &'static str> {
    vocabulary::IP.modules.iter().map(|module| module.name)
}

/// The names of all targets of domain ip, verdicts and calls aside.
pub fn targets() -> impl Iterator<Item = &'static str> {
    vocabulary::IP.targets.iter().map(|target| target.name)
}

/// The tables as a page of the documentation.
#[must_use]
pub fn page() -> String {
    let mut text = String::from(
        "# Keywords\n\nGenerated from the program's own tables by `make docs`. `A` is one value, `(A B)` an array or a \
         list, `…` that an array\nmultiplies the rule. `!` stands where a word can be negated.\n",
    );
    for (domain, vocabulary) in DOMAINS {
        let Vocabulary { core, shortcuts, protocols, modules, targets } = vocabulary;
        let heading = if *domain == "ip" { "ip and ip6" } else { domain };
        let _ = write!(text, "\n## Domain {heading}\n\n### Anywhere in a rule\n\n");
        list(&mut text, &mut core.iter().chain(shortcuts.iter().map(|shortcut| &shortcut.keyword)));
        families(&mut text, "proto", protocols);
        families(&mut text, "mod", modules);
        text.push_str("\n### Actions\n\n- `ACCEPT`, `DROP`, `RETURN`, `NOP`, `jump CHAIN`, `goto CHAIN`\n");
        for Target { name, options, .. } in *targets {
            let _ = write!(text, "- `{name}`");
            if !options.is_empty() {
                let options: Vec<String> = options.iter().map(|option| format!("`{}`", usage(option))).collect();
                let _ = write!(text, ": {}", options.join(", "));
            }
            text.push('\n');
        }
    }
    text
}

const DOMAINS: &[(&str, &Vocabulary)] =
    &[("ip", &vocabulary::IP), ("arp", &vocabulary::ARP), ("eb", &vocabulary::BRIDGE)];

fn families(text: &mut String, word: &str, families: &[Family]) {
    for Family { name, keywords } in families {
        let _ = write!(text, "\n### `{word} {name}`\n\n");
        if keywords.is_empty() {
            text.push_str("- no further words\n");
        }
        list(text, &mut keywords.iter());
    }
}

fn list(text: &mut String, keywords: &mut dyn Iterator<Item = &Keyword>) {
    for keyword in keywords {
        let _ = writeln!(text, "- `{}`", usage(keyword));
    }
}

/// A word as it may be written.
fn usage(keyword: &Keyword) -> String {
    let before = if matches!(keyword.negation, Negation::Before | Negation::Either) { "[!] " } else { "" };
    let after = if matches!(keyword.negation, Negation::After | Negation::Either) { "[!]" } else { "" };
    let operands = match keyword.arity {
        Arity::Flag => return format!("{before}{}", keyword.name),
        Arity::Multiplied => "A…",
        Arity::Single => "A",
        Arity::Joined | Arity::Repeated => "(A B)",
        Arity::Ports => "(PORT FIRST:LAST)",
        Arity::Pair => "(A B) (C D)",
        Arity::Set => "A (B C)",
        Arity::TwoWords => "A B",
        Arity::ClassId => "MAJOR:MINOR…",
    };
    format!("{before}{} {after}{operands}", keyword.name)
}

fn described(domain: &'static str, owner: Owner, keyword: &Keyword) -> Described {
    let operands = match keyword.arity {
        Arity::Flag => OperandShape::None,
        Arity::Multiplied => OperandShape::OneOf,
        Arity::Single => OperandShape::One,
        Arity::Joined => OperandShape::List,
        Arity::Ports => OperandShape::Ports,
        Arity::Pair => OperandShape::TwoLists,
        Arity::Set => OperandShape::OneAndList,
        Arity::TwoWords => OperandShape::Two,
        Arity::Repeated => OperandShape::Repeated,
        Arity::ClassId => OperandShape::Class,
    };
    let negation = match keyword.negation {
        Negation::Never => Place::Nowhere,
        Negation::After => Place::After,
        Negation::Before => Place::Before,
        Negation::Either => Place::Either,
    };
    Described { domain, owner, name: keyword.name, operands, negation }
}
