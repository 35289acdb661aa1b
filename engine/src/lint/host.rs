//! Host rules: `PAL6`.

pub(crate) mod chain_loop;
pub(crate) mod doubtful;
pub(crate) mod duplicate;
pub(crate) mod established_missing;
pub(crate) mod family_mismatch;
pub(crate) mod icmpv6_missing;
pub(crate) mod include;
pub(crate) mod incomplete_rule;
pub(crate) mod input_default_accept;
pub(crate) mod limit;
pub(crate) mod loopback_missing;
pub(crate) mod matching;
pub(crate) mod operand;
pub(crate) mod place;
pub(crate) mod redundant;
pub(crate) mod shadowed;
pub(crate) mod skipped_characters;
pub(crate) mod ssh_lockout;
pub(crate) mod syntax;
pub(crate) mod unknown_chain;
pub(crate) mod unknown_variable;
pub(crate) mod unknown_word;
pub(crate) mod unreachable;
pub(crate) mod unsupported;
pub(crate) mod unused_chain;
