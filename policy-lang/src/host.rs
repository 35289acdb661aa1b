//! Host rules written like ferm's: from text to a rule IR that still has every array unexpanded.
//!
//! The stages are a lexer, a token tree (pest), an evaluator over tokens, and the rule IR in [`rule`].

pub mod rule;
