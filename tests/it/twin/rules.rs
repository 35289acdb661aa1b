//! ferm's output as rules: what each option of each line asks of a packet.

use std::collections::BTreeMap;

/// A line of a chain.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Rule {
    pub(super) matches: Vec<Match>,
    /// The chain or target that it goes to, if any.
    pub(super) target: Option<String>,
    /// What the target is told.
    pub(super) told: Vec<Match>,
}

/// An option with its words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Match {
    pub(super) negated: bool,
    /// Without the dashes.
    pub(super) option: String,
    pub(super) words: Vec<String>,
}

/// The rules of every chain, by table and chain.
pub(super) type Rules = BTreeMap<(String, String), Vec<Rule>>;

/// Reads the text for iptables-restore.
pub(super) fn read(text: &str) -> Rules {
    let mut rules = Rules::new();
    let mut table = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            name.clone_into(&mut table);
        } else if let Some(rest) = line.strip_prefix("-A ") {
            let mut words = words(rest).into_iter();
            let chain = words.next().unwrap_or_default();
            rules.entry((table.clone(), chain)).or_default().push(rule(words));
        }
    }
    rules
}

fn rule(words: impl Iterator<Item = String>) -> Rule {
    let mut rule = Rule::default();
    let mut negated = false;
    let mut in_target = false;
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix("--") else {
            if word == "!" {
                negated = true;
            } else if let Some(last) = if in_target { &mut rule.told } else { &mut rule.matches }.last_mut() {
                last.words.push(word);
            }
            continue;
        };
        match option {
            "jump" | "goto" => {
                rule.target = words.next();
                in_target = true;
            }
            "match" => {
                words.next();
                in_target = false;
            }
            _ => {
                let options = if in_target { &mut rule.told } else { &mut rule.matches };
                options.push(Match { negated, option: option.to_owned(), words: Vec::new() });
            }
        }
        negated = false;
    }
    rule
}

/// Words between blanks; those in quotes are one.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

#[test]
fn options_are_read_up_to_the_target() {
    let rules = read(
        "*filter\n:INPUT DROP [0:0]\n-A INPUT --protocol tcp ! --source 192.0.2.1 --match comment --comment \"a b\" --jump LOG --log-prefix \"x \"\nCOMMIT\n",
    );
    let matched = |negated, option: &str, words: &[&str]| Match {
        negated,
        option: option.to_owned(),
        words: words.iter().map(|word| (*word).to_owned()).collect(),
    };
    let expected = Rule {
        matches: vec![
            matched(false, "protocol", &["tcp"]),
            matched(true, "source", &["192.0.2.1"]),
            matched(false, "comment", &["a b"]),
        ],
        target: Some("LOG".to_owned()),
        told: vec![matched(false, "log-prefix", &["x "])],
    };
    assert_eq!(rules[&("filter".to_owned(), "INPUT".to_owned())], [expected]);
}
