//! Host rules: `PAL6`.

pub(crate) mod accepting;
pub(crate) mod bad_interface_pattern;
pub(crate) mod chain_loop;
pub(crate) mod doubtful;
pub(crate) mod duplicate;
pub(crate) mod established_late;
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
pub(crate) mod partially_shadowed;
pub(crate) mod place;
pub(crate) mod pmtu_blackhole;
pub(crate) mod redundant;
pub(crate) mod reject_in_drop_path;
pub(crate) mod removing;
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
pub(crate) mod unused_variable;

use policy_lang::diagnostic::Diagnostic;
use policy_lang::source::Sources;

/// Adds the fixes of what the compiler finds, which sees no text.
pub(crate) fn mend(findings: &mut [Diagnostic], sources: &Sources) {
    for finding in findings.iter_mut().filter(|finding| finding.fix.is_none()) {
        if finding.code == unknown_chain::UNKNOWN_CHAIN.code {
            unknown_chain::mend(finding, sources);
        } else if finding.code == family_mismatch::FAMILY_MISMATCH.code {
            family_mismatch::mend(finding, sources);
        }
    }
}
