//! Denials of one family whose counterpart is missing.

use policy_lang::peer::Peer;
use policy_lang::policy::{Action, Direction, Peers, Policy, Rule};

/// Pairs of networks that are the same thing in two families.
const PAIRS: [(&str, &str); 2] = [("0.0.0.0/0", "::/0"), ("169.254.169.254/32", "fd00:ec2::254/128")];

/// Egress denials of one half of a pair, with both halves, the denied one first.
pub(crate) fn gaps<'p>(policies: &[&'p Policy]) -> Vec<(&'p Rule, &'static str, &'static str)> {
    let rules = policies.iter().flat_map(|policy| policy.rules(Direction::Egress).unwrap_or_default());
    let denials: Vec<&Rule> = rules.filter(|rule| rule.action == Action::Deny).collect();
    let first = |network: &str| {
        let has = |rule: &&&Rule| match &rule.peers {
            Peers::Any => true,
            Peers::AnyOf(peers) => peers.iter().any(|peer| match peer {
                Peer::Addresses { cidr, .. } => cidr.to_string() == network,
                Peer::Pods(_) | Peer::Nodes(_) | Peer::Service { .. } => false,
            }),
        };
        denials.iter().find(has).copied()
    };
    let mut gaps = Vec::new();
    for (v4, v6) in PAIRS {
        match (first(v4), first(v6)) {
            (Some(rule), None) => gaps.push((rule, v4, v6)),
            (None, Some(rule)) => gaps.push((rule, v6, v4)),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    gaps
}
