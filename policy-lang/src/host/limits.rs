//! Bounds on what a host rule file may ask for. ferm has none; a service that compiles what it is given needs them.

/// Size of one file, in bytes: half a million addresses. Reading takes up to 100 times as much memory for a moment.
pub(super) const FILE_BYTES: usize = 8 << 20;
/// Brackets inside brackets in one file. Bounds the stack of the recursive descent; people use fewer than ten.
pub(super) const NESTING: usize = 64;
/// Function calls and includes inside one another.
pub(super) const CALLS: u32 = 64;
/// Blocks, replays, calls and includes inside one another while evaluating. Bounds the evaluator's stack.
pub(super) const EVALUATION_DEPTH: u32 = 96;
/// Tokens read and words copied by one evaluation: bounds its time and its memory.
pub(super) const WORK: u64 = 8_000_000;
/// Files included by one configuration, repeats counted.
pub(super) const INCLUDES: u32 = 4_096;
/// Words of one array.
pub(super) const ARRAY: usize = 1 << 18;
/// iptables rules that one source rule stands for.
pub(super) const PRODUCT: u64 = 1 << 20;
/// iptables rules that a configuration stands for.
pub(super) const TOTAL_PRODUCT: u64 = 1 << 22;
/// Errors and warnings that are reported before the rest of the text is left alone.
pub(super) const DIAGNOSTICS: usize = 200;
/// Bytes of a chain's name (`XT_EXTENSION_MAXNAMELEN`, one for the terminator).
pub(super) const CHAIN_NAME: usize = 29;
/// Bytes of a log prefix (the kernel's `nf_log` field, one for the terminator).
pub(super) const LOG_PREFIX: usize = 29;
/// Members of the sets of one file of `ipset save`.
pub(super) const IPSET_ELEMENTS: usize = 1 << 18;
/// Bytes of one word.
pub(super) const WORD_BYTES: usize = 1 << 16;
/// Values that wait for the domain inside one another.
pub(super) const DEFERRED_DEPTH: u32 = 16;
/// Shell commands that one reading runs: backticks and the pipes of `@include`.
pub(super) const COMMANDS: usize = 256;
/// Bytes of a command's output that are read.
pub(super) const OUTPUT_BYTES: usize = 1 << 20;
/// Names that one reading looks up.
pub(super) const LOOKUPS: usize = 4_096;
/// Characters of the name of a set of looked up names.
pub(super) const SET_NAME: usize = 64;
/// The largest number of a control group (32 bits).
pub(super) const CLASS_ID: u64 = u32::MAX as u64;
