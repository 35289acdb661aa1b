//! What is compiled can be written, and nothing in it breaks out of its quotes.

use engine::compile::options::STANDARD;
use engine::compile::{self, ForwardMode, HostInput, Input};
use engine::inventory::Inventory;
use engine::render;
use policy_lang::policy::Policy;

/// The node that everything is compiled for.
pub(crate) const NODE: &str = "node-a";

/// Compiles, and judges the text. Without anything to enforce there is nothing to judge.
pub(crate) fn check(policies: &[Policy], inventory: &Inventory, host: Option<HostInput<'_>>) {
    if policies.is_empty() && host.is_none_or(|host| host.rules.chains.is_empty()) {
        return;
    }
    let mut pods = STANDARD.clone();
    pods.local.interface_prefix = Some("cali".to_owned());
    let input = Input {
        policies,
        host,
        inventory,
        node: NODE,
        forward_mode: ForwardMode::PodsFirst,
        pods: &pods,
        sources: &[],
    };
    let (ruleset, _) = compile::compile(&input);
    let text = render::ruleset(&ruleset);
    for line in text.lines() {
        assert!(is_well_formed(line), "{line:?}");
    }
}

/// A line of nft's language: quotes come in pairs, no control characters, and outside of quotes nothing but its words.
fn is_well_formed(line: &str) -> bool {
    let parts: Vec<&str> = line.split('"').collect();
    let outside = parts.iter().step_by(2);
    parts.len() % 2 == 1
        && !line.trim_start_matches('\t').contains(char::is_control)
        && outside.copied().all(|text| text.chars().all(is_of_a_word))
}

fn is_of_a_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || "\t _-.:/,;{}()@!=<>&|^+*#~".contains(character)
}
