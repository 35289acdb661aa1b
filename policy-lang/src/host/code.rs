//! The codes of host rule findings, `PAL600` to `PAL649`.

use crate::diagnostic::Code;

/// The text breaks the grammar: a bracket, a semicolon or an operand is missing or out of place.
pub const SYNTAX: Code = Code("PAL600");
/// A keyword, variable, function or built-in that does not exist here.
pub const UNKNOWN_WORD: Code = Code("PAL601");
/// Characters that the lexer skips because they begin no token.
pub const SKIPPED: Code = Code("PAL602");
/// ferm has it, palisade does not: modules, targets, hooks, shell, name resolution.
pub const UNSUPPORTED: Code = Code("PAL603");
/// An operand of the wrong shape: an array, a negation or a deferred value where none is possible.
pub const OPERAND: Code = Code("PAL604");
/// Domain, table, chain or policy missing, given twice or impossible.
pub const LOCATION: Code = Code("PAL605");
/// A rule with no action, with two, or empty.
pub const RULE: Code = Code("PAL606");
/// An included file or directory cannot be read, or includes itself.
pub const INCLUDE: Code = Code("PAL607");
/// A bound on depth, length or product is exceeded.
pub const LIMIT: Code = Code("PAL608");
/// Accepted as ferm accepts it, and probably not what was meant.
pub const DOUBTFUL: Code = Code("PAL609");
