//! The expansion: what the rules say as iptables-save text, every array multiplied out.
//!
//! This is the text that `ferm --noexec --lines` prints for the same configuration, comments aside. The first array
//! of a rule is the outermost loop; lists of ports are cut into the runs that one multiport match can hold.

use std::collections::BTreeMap;

use crate::host::rule::{
    Action, ChainPolicy, CommandPurpose, Domain, HookMoment, HostChain, HostRule, HostRules, Match, NFT, Operands,
    TargetOption, Word,
};
use crate::host::vocabulary::{self, Arity, Keyword, MODULE_MARK};

/// Ports that one multiport match holds (`XT_MULTI_PORTS`); a range counts for two.
const MULTIPORT_MAX: usize = 15;

/// The chains that exist without being made, in any table.
pub(super) const BUILTIN_CHAINS: &[&str] = &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", "BROUTING"];

/// The iptables-save text of one domain; empty if nothing was said of it.
pub fn expand(rules: &HostRules, domain: Domain) -> String {
    let mut tables: BTreeMap<String, BTreeMap<&str, &HostChain>> = BTreeMap::new();
    for chain in rules.chains.iter().filter(|chain| chain.domain == domain) {
        tables.entry(chain.table.to_string()).or_default().insert(&chain.name, chain);
    }
    let mut text = String::new();
    for (table, chains) in &tables {
        push(&mut text, &["*", table, "\n"]);
        for chain in chains.values() {
            let policy = match chain.policy {
                Some((ChainPolicy::Accept, _)) => "ACCEPT",
                Some((ChainPolicy::Drop, _)) => "DROP",
                Some((ChainPolicy::Queue, _)) => "QUEUE",
                Some((ChainPolicy::Return, _)) => "RETURN",
                None if BUILTIN_CHAINS.contains(&&*chain.name) => "ACCEPT",
                None => "-",
            };
            push(&mut text, &[":", &chain.name, " ", policy, " [0:0]\n"]);
        }
        for chain in chains.values() {
            for rule in &chain.rules {
                push_rule(&mut text, domain, &chain.name, rule);
            }
        }
        text.push_str("COMMIT\n");
    }
    text
}

/// The commands of the hooks of one moment, one a line.
pub fn hooks(rules: &HostRules, moment: HookMoment) -> String {
    let mut text = String::new();
    for hook in rules.commands.iter().filter(|command| command.purpose == CommandPurpose::Hook(moment)) {
        push(&mut text, &[&hook.command.text, "\n"]);
    }
    text
}

/// How many iptables rules a source rule stands for.
pub(super) fn product(rule: &HostRule) -> u64 {
    rule.matches.iter().map(count).fold(1, u64::saturating_mul)
}

/// How many rules a match makes of one.
fn count(part: &Match) -> u64 {
    let count = match &part.operands {
        Operands::OneOf(words) if !part.negated || words.is_empty() => words.len(),
        Operands::Joined(words) if part.module == Some("multiport") && !part.negated => port_runs(words).len(),
        Operands::Flag | Operands::OneOf(_) | Operands::Joined(_) | Operands::Pair(..) | Operands::Repeated(_) => 1,
    };
    count as u64
}

fn push(text: &mut String, parts: &[&str]) {
    for part in parts {
        text.push_str(part);
    }
}

/// One line for each element of the product.
fn push_rule(text: &mut String, domain: Domain, chain: &str, rule: &HostRule) {
    let mut options: Vec<Vec<String>> = Vec::with_capacity(rule.matches.len() + 1);
    let mut loaded: Vec<&'static str> = Vec::new();
    let mut action = action_texts(domain, &rule.action).into_iter().enumerate().peekable();
    for (at, part) in rule.matches.iter().enumerate() {
        let is_due = |(text, _): &(usize, String)| rule.matches_before.get(*text).is_some_and(|before| *before <= at);
        while let Some((_, text)) = action.next_if(is_due) {
            options.push(vec![text]);
        }
        let prefix = module_text(part, &mut loaded);
        options
            .push(alternatives(domain, part).into_iter().map(|option| [prefix.as_str(), &option].concat()).collect());
    }
    options.extend(action.map(|(_, text)| vec![text]));
    if options.iter().any(Vec::is_empty) {
        return;
    }
    let mut chosen = vec![0_usize; options.len()];
    loop {
        push(text, &["-A ", chain]);
        for (option, at) in options.iter().zip(&chosen) {
            text.push_str(option.get(*at).map_or("", String::as_str));
        }
        text.push('\n');
        // Counts up like a number whose last digit is the last option.
        let Some(digit) = (0..options.len()).rev().find(|digit| chosen[*digit] + 1 < options[*digit].len()) else {
            return;
        };
        chosen[digit] += 1;
        chosen[digit + 1..].fill(0);
    }
}

/// ` --match NAME` before the first option of a module, and wherever `mod` was written apart from them.
fn module_text(part: &Match, loaded: &mut Vec<&'static str>) -> String {
    let Some(module) = part.module.filter(|name| vocabulary::is_module(name)) else { return String::new() };
    let is_new = !loaded.contains(&module);
    if is_new {
        loaded.push(module);
    }
    if is_new || part.keyword == MODULE_MARK { format!(" --match {}", quoted(module)) } else { String::new() }
}

/// The texts of one match, one for each rule that it makes.
fn alternatives(domain: Domain, part: &Match) -> Vec<String> {
    if part.keyword == MODULE_MARK {
        let name = match &part.operands {
            Operands::OneOf(words) => words.first(),
            Operands::Flag | Operands::Joined(_) | Operands::Pair(..) | Operands::Repeated(_) => None,
        };
        return vec![name.map_or_else(String::new, |name| format!(" --match {}", quoted(&name.text)))];
    }
    let (printed, arity) =
        vocabulary::printed(domain, part.keyword, part.module).unwrap_or((part.keyword, Arity::Multiplied));
    let not = if part.negated { " !" } else { "" };
    // iptables has no such option: it reads as it was written.
    let dashes = if part.keyword == NFT { "" } else { "--" };
    let option = |value: &str| format!("{not} {dashes}{printed} {}", quoted(value));
    match &part.operands {
        Operands::Flag => vec![format!("{not} --{printed}")],
        // No single option says this; the text keeps the meaning readable.
        Operands::OneOf(words) if part.negated && words.len() > 1 => vec![option(&commas(words))],
        Operands::OneOf(words) => words.iter().map(|word| option(&word.text)).collect(),
        Operands::Joined(words) if arity == Arity::Ports && !part.negated => {
            port_runs(words).iter().map(|run| option(&commas(run))).collect()
        }
        Operands::Joined(words) => vec![option(&commas(words))],
        Operands::Repeated(words) => {
            let mut text = not.to_owned();
            for word in words {
                push(&mut text, &[" --", printed, " ", &quoted(&word.text)]);
            }
            vec![text]
        }
        Operands::Pair(mask, comparison) => {
            vec![format!("{not} --{printed} {} {}", quoted(&commas(mask)), quoted(&commas(comparison)))]
        }
    }
}

/// The texts of an action and of each of its options.
fn action_texts(domain: Domain, action: &Action) -> Vec<String> {
    match action {
        Action::Accept => vec![" --jump ACCEPT".to_owned()],
        Action::Drop => vec![" --jump DROP".to_owned()],
        Action::Return => vec![" --jump RETURN".to_owned()],
        Action::Nop => vec![String::new()],
        Action::Jump(chain) => vec![format!(" --jump {}", quoted(&chain.text))],
        Action::Goto(chain) => vec![format!(" --goto {}", quoted(&chain.text))],
        Action::Target { name, options, span: _ } => {
            let known = vocabulary::of(domain).targets.iter().find(|target| target.printed == *name);
            let known = known.map_or(&[][..], |target| target.options);
            std::iter::once(format!(" --jump {name}"))
                .chain(options.iter().map(|option| option_text(option, known)))
                .collect()
        }
    }
}

fn option_text(option: &TargetOption, known: &[Keyword]) -> String {
    let found = known.iter().find(|keyword| keyword.canonical == option.keyword);
    let printed = found.map_or(option.keyword, |keyword| keyword.printed);
    let mut text = String::new();
    match &option.operands {
        Operands::Flag => push(&mut text, &[" --", printed]),
        Operands::OneOf(words) | Operands::Repeated(words) => {
            for word in words {
                push(&mut text, &[" --", printed, " ", &quoted(&word.text)]);
            }
        }
        Operands::Joined(words) => push(&mut text, &[" --", printed, " ", &quoted(&commas(words))]),
        Operands::Pair(left, right) => {
            push(&mut text, &[" --", printed, " ", &quoted(&commas(left)), " ", &quoted(&commas(right))]);
        }
    }
    text
}

/// Ports in the runs that one multiport match can hold, in order: ferm writes a rule for each.
pub fn port_runs(ports: &[Word]) -> Vec<Vec<Word>> {
    let mut runs: Vec<Vec<Word>> = Vec::new();
    let mut room = 0;
    for port in ports {
        let size = if port.text.contains(':') { 2 } else { 1 };
        match runs.last_mut() {
            Some(run) if size <= room => {
                run.push(port.clone());
                room -= size;
            }
            _ => {
                runs.push(vec![port.clone()]);
                room = MULTIPORT_MAX - size;
            }
        }
    }
    runs
}

fn commas(words: &[Word]) -> String {
    let mut text = String::new();
    for (at, word) in words.iter().enumerate() {
        push(&mut text, &[if at > 0 { "," } else { "" }, &word.text]);
    }
    text
}

/// A word as iptables-restore reads it: in quotes if it is empty or has blanks, quotes, `\`, `;` or `&` in it.
fn quoted(word: &str) -> String {
    let is_special =
        |letter: char| letter.is_ascii_whitespace() || matches!(letter, '\u{b}' | '"' | '\'' | '\\' | ';' | '&');
    if !word.is_empty() && !word.contains(is_special) {
        return word.to_owned();
    }
    ["\"", &word.replace('"', "\\\""), "\""].concat()
}
