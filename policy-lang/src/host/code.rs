//! The codes of findings in host rules, `PAL6xx`. Those that the lowering to nftables finds as well bear its numbers.

use crate::diagnostic::Code;

/// The text breaks the grammar: a bracket, a semicolon or a value is missing or out of place.
pub const SYNTAX: Code = Code("PAL600");
/// A keyword, function, built-in or module that does not exist here.
pub const UNKNOWN_WORD: Code = Code("PAL601");
/// A variable that does not exist here.
pub const UNKNOWN_VARIABLE: Code = Code("PAL603");
/// ferm has it, palisade does not: modules, targets, hooks, shell, name resolution.
pub const UNSUPPORTED: Code = Code("PAL621");
/// An operand of the wrong shape: an array, a negation or a deferred value where none is possible.
pub const OPERAND: Code = Code("PAL623");
/// Domain, table, chain or policy missing, given twice or impossible.
pub const LOCATION: Code = Code("PAL624");
/// Accepted as ferm accepts it, and probably not what was meant.
pub const DOUBTFUL: Code = Code("PAL625");
/// A bound on depth, length or product is exceeded.
pub const LIMIT: Code = Code("PAL626");
/// A rule with no action, with two, or empty.
pub const RULE: Code = Code("PAL627");
/// A shell command that failed, or took too long.
pub const COMMAND: Code = Code("PAL630");
/// An included file or directory cannot be read, or includes itself.
pub const INCLUDE: Code = Code("PAL628");
/// Characters that the lexer skips because they begin no token.
pub const SKIPPED: Code = Code("PAL629");
