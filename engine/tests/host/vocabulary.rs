//! Every word of the language is lowered or refused: none is read and then forgotten.

use policy_lang::diagnostic::Severity;
use policy_lang::host::reference::{self, Described, OperandShape, Owner, Place};

use super::lowered::Lowered;

/// What may be said of a word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    /// It changes the rule, or what it is given is refused.
    Lowered,
    /// It has no form here, which is said.
    Refused,
}

/// Words that say something for a rule without changing what it matches.
const SAYS_NOTHING: &[&str] = &["comment", "persistent", "random", "random-fully"];

#[test]
fn every_match_is_lowered_or_refused() {
    for word in reference::words().into_iter().filter(|word| word.domain == "ip") {
        let (before, action) = match word.owner {
            Owner::Chain => ("proto tcp".to_owned(), "ACCEPT".to_owned()),
            Owner::Protocol(name) => (format!("proto {name}"), "ACCEPT".to_owned()),
            Owner::Module("multiport") => ("proto tcp mod multiport".to_owned(), "ACCEPT".to_owned()),
            Owner::Module(name) => (format!("mod {name}"), "ACCEPT".to_owned()),
            Owner::Target(_) => continue,
        };
        let fate = fate(&before, &option(&word, ""), &action);
        let Owner::Module(name) = word.owner else { continue };
        let is_listed = engine::compile::host::REFUSED_MODULES.iter().any(|refused| refused.name == name);
        assert!(!is_listed || fate == Fate::Refused, "{} of {name} is lowered, and the module is listed", word.name);
        if word.negation != Place::Nowhere && word.operands != OperandShape::Repeated {
            let _negated = self::fate(&before, &option(&word, "! "), &action);
        }
    }
}

#[test]
fn every_option_of_a_target_is_lowered_or_refused() {
    for word in reference::words().into_iter().filter(|word| word.domain == "ip") {
        let Owner::Target(target) = word.owner else { continue };
        let fate = fate("proto tcp", "", &format!("{target} {}", option(&word, "")));
        let is_listed = engine::compile::host::REFUSED_TARGETS.iter().any(|refused| refused.name == target);
        assert!(!is_listed || fate == Fate::Refused, "{target} is lowered, and listed as refused");
    }
}

#[test]
fn every_module_and_target_is_lowered_or_listed_as_refused() {
    for name in reference::modules() {
        let is_listed = engine::compile::host::REFUSED_MODULES.iter().any(|refused| refused.name == name);
        let lowered = Lowered::of(&format!("chain INPUT proto tcp mod {name} ACCEPT;"));
        let is_refused = lowered.findings().contains("has no form in nftables");
        assert_eq!(is_refused, is_listed, "{name}: {}", lowered.findings());
    }
    for name in reference::targets() {
        let is_listed = engine::compile::host::REFUSED_TARGETS.iter().any(|refused| refused.name == name);
        let lowered = Lowered::of(&format!("chain INPUT proto tcp {name};"));
        let is_refused = lowered.findings().contains("has no form in nftables");
        assert_eq!(is_refused, is_listed, "{name}: {}", lowered.findings());
    }
    let unknown = Lowered::of("chain INPUT mod xyz ACCEPT;");
    assert!(unknown.findings().contains("module `xyz` has no form in nftables"), "{}", unknown.findings());
}

#[test]
fn what_no_packet_reaches_and_no_command_runs_is_refused() {
    let refused = |text: &str, message: &str| {
        let lowered = Lowered::of(text);
        assert!(lowered.findings().contains(message), "{text}: {}", lowered.findings());
    };
    refused("table raw chain FORWARD ACCEPT;", "table raw has no chain FORWARD");
    refused("table broute chain BROUTING DROP;", "table broute has no chain BROUTING");
    refused("@hook pre 'true'; chain INPUT ACCEPT;", "`@hook` has no form here");
    refused("chain INPUT policy QUEUE;", "no such policy in nftables");
}

/// What becomes of an option, which must be one of both.
#[track_caller]
fn fate(before: &str, option: &str, action: &str) -> Fate {
    let lowered = Lowered::of(&format!("chain INPUT {before} {option} {action};"));
    let errors = lowered.diagnostics.iter().filter(|found| found.severity == Severity::Error);
    if errors.clone().any(|error| error.message.contains("has no form in nftables")) {
        return Fate::Refused;
    }
    let says_nothing = SAYS_NOTHING.iter().any(|word| option.contains(word) || action.contains(word));
    if errors.count() == 0 && !says_nothing {
        let plain = action.split(' ').next().unwrap_or("");
        let without = Lowered::of(&format!("chain INPUT {before} {plain};"));
        let is_forgotten = without.rules() == lowered.rules() && lowered.diagnostics == without.diagnostics;
        assert!(!is_forgotten, "`{before} {option} {action}` says no more than it does without the option");
    }
    Fate::Lowered
}

/// A word with operands of its shape.
fn option(word: &Described, not: &str) -> String {
    let name = word.name;
    let (before, after) = match word.negation {
        Place::After => ("", not),
        Place::Nowhere | Place::Before | Place::Either => (not, ""),
    };
    let operands = match word.operands {
        OperandShape::None => "",
        OperandShape::OneOf | OperandShape::One | OperandShape::List | OperandShape::Ports => "1",
        OperandShape::Repeated => "192.0.2.1",
        OperandShape::TwoLists => "(SYN ACK) SYN",
        OperandShape::OneAndList => "web src",
        OperandShape::Two => "1 2",
        OperandShape::Class => "1:2",
    };
    format!("{before}{name} {after}{operands}")
}
