//! What is enforced in the place of host rules that are broken, where the rest is enforced all the same.
//!
//! The order of host rules is their meaning, so no statement can be left out safely: without one `DROP`, what stands
//! after it may be open. Broken host rules therefore close the node to what is new, and keep what is established.

use policy_lang::host::MemoryFiles;
use policy_lang::host::rule::HostRules;
use policy_lang::source::Sources;

/// The name under which the stand-in shows up in comments.
const PATH: &str = "palisade:broken-host-rules";

/// Neighbour discovery and router advertisements stay open: without them an IPv6 node loses its established
/// connections too.
const TEXT: &str = "\
domain (ip ip6) table filter {
    chain INPUT {
        policy DROP;
        interface lo ACCEPT;
        mod state state (ESTABLISHED RELATED) ACCEPT;
    }
    chain FORWARD {
        policy DROP;
        mod state state (ESTABLISHED RELATED) ACCEPT;
    }
}
domain ip6 table filter chain INPUT
    proto icmpv6 icmpv6-type (router-advertisement neighbour-solicitation neighbour-advertisement) ACCEPT;
";

/// Accepts the loopback interface, what is established and neighbour discovery; drops all else that comes in or is
/// forwarded, pods' traffic in the forward mode `host-rules` included. What the node itself sends is not restricted.
pub fn host(sources: &mut Sources) -> HostRules {
    let files = MemoryFiles::default().with(PATH, TEXT);
    let (rules, _) = policy_lang::host::parse(PATH, &files, &[], sources);
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stand_in_has_no_finding_and_drops_in_both_families() {
        let files = MemoryFiles::default().with(PATH, TEXT);
        let (rules, findings) = policy_lang::host::parse(PATH, &files, &[], &mut Sources::default());
        assert_eq!(findings, []);
        assert_eq!(rules.chains.iter().filter(|chain| chain.policy.is_some()).count(), 4);
        assert_eq!(host(&mut Sources::default()), rules);
    }
}
