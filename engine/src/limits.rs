//! Every bound on what one namespace can make the compiler and the kernel do.
//!
//! Counted, never timed: the same policies are within their bounds on every machine. What exceeds one fails closed for
//! the pods concerned, in the direction concerned, and nothing else changes (docs/design/limits.md).

use policy_lang::diagnostic::Code;

/// The code of what a compile says of a namespace that exceeds one.
pub const OVER_BUDGET: Code = Code("PAL031");

/// Most permissions that the policies of one namespace may ask of one direction: for each distinct list of policies that
/// isolates pods of the node, the ranges of addresses (a block with n exceptions counts 1 + n) and selectors of each
/// rule, times the ranges of ports. Compiling takes time and memory in proportion.
pub const PERMISSIONS_MAX: u64 = 1 << 17;

/// Most elements of the set that holds the pods and exact ports of one list of policies. More, and pods are looked up by
/// address alone, once for each list of ports.
pub const POD_PORTS_MAX: usize = 1 << 17;

/// Most steps, and so most elements, that cutting blocks with overlapping ports apart may take.
pub const CUTS_MAX: usize = 1 << 17;

/// Most permissions of one family that stay rules of their own. A listing is easier to read, and each costs every packet
/// a look-up.
pub const RULES_UNFOLDED_MAX: usize = 4;

/// Most rules of one list of policies that nothing can fold: named ports of many pods, ranges of ports that exceed what
/// a map of ports may take. Every packet of a new flow is asked for all of them.
pub const RULES_MAX: usize = 64;

/// Most chains that a map of ports of one list of policies may lead to.
pub const PORT_CHAINS_MAX: usize = 128;

/// Chains that the port maps of all lists of a node share among them, where blocks alone are looked up. More chains make a
/// swap longer.
pub const SHARED_CHAINS_MAX: usize = 2048;

/// What the lists of a node share among them in sets of those chains; and those of a namespace in chains of port maps
/// with pods and in rules that nothing can fold, each of which takes a few sets. The kernel finds sets by walking a list:
/// some 2,000 of them are where a swap begins to take long.
pub const SHARED_MAX: usize = 512;

/// Most blocks that a chain of a port map compares with one by one; more are a set.
pub const INLINE_BLOCKS_MAX: usize = 4;

/// Ranges of at most so many ports are looked up port by port, in a hash set.
pub const EXPANDED_PORTS_MAX: u32 = 16;

/// Most ranges of ports that stand in a rule itself; more become a set of their own. A message of netlink holds 64 KiB.
pub const INLINE_PORTS_MAX: usize = 256;
