//! Codes that stand for what cannot happen here: kept, so that none of them ever means something else.

use policy_lang::diagnostic::Code;

/// A code without a rule.
#[derive(Clone, Copy, Debug)]
pub struct Reserved {
    /// The code.
    pub code: Code,
    /// What a rule of this code would be called.
    pub name: &'static str,
    /// What it would find, and why there is nothing to find, in Markdown.
    pub why: &'static str,
}

/// All of them.
pub static RESERVED: [Reserved; 1] = [Reserved {
    code: Code("PAL709"),
    name: "host-allow-hides-pod-deny",
    why: "It would find a host rule that accepts a packet before pod policy is asked. There is no such rule: pod policy stands \
          before the rules of FORWARD, INPUT and OUTPUT, and an `ACCEPT` of the tables `raw` and `mangle` ends only its own \
          chain. This holds for both modes of `forward`. A test accepts everything in each chain of every table and finds \
          each denial of pod policy where it was.",
}];

/// The reserved code of this name or number.
pub fn of(word: &str) -> Option<&'static Reserved> {
    RESERVED.iter().find(|reserved| reserved.code.0.eq_ignore_ascii_case(word) || reserved.name == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::catalogue;

    #[test]
    fn no_rule_has_a_reserved_code_or_name() {
        for Reserved { code, name, .. } in RESERVED {
            assert!(catalogue::RULES.iter().all(|rule| rule.code != code && rule.name != name), "{code}");
        }
    }
}
