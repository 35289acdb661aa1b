//! Where the oracle's decision was written, held against the line that a rule of the kernel bears.

use engine::eval::policy::Decision;
use engine::ruleset::Comment;
use policy_lang::source::Origin;

/// Whether the comment of a rule names this origin; of long comments the kernel keeps the end only.
pub(crate) fn names(line: &str, origin: &Origin) -> bool {
    let Some(place) = &origin.place else { return true };
    let cut = Comment::new(line);
    cut.as_str().starts_with("...") || line.split(' ').next() == Some(&place.to_string())
}

/// What decided, for people.
pub(crate) fn origins(decision: &Decision) -> String {
    let named: Vec<_> = decision.cause.origins().iter().map(ToString::to_string).collect();
    if named.is_empty() { "no policy".to_owned() } else { named.join(" and ") }
}
