//! How wide a rule is.

use policy_lang::network_policy::RuleSpec;
use policy_lang::peer::Peer;

/// Whether a rule is for everybody on every port of every protocol.
pub(crate) fn is_everything(rule: &RuleSpec) -> bool {
    let whole = |v4: bool| {
        rule.peers.iter().any(|peer| match &peer.value {
            Peer::Addresses { cidr, except } => {
                cidr.prefix_len() == 0 && except.is_empty() && cidr.addr().is_ipv4() == v4
            }
            Peer::Pods(_) | Peer::Nodes(_) | Peer::Service { .. } => false,
        })
    };
    rule.ports.is_empty() && (rule.peers.is_empty() || (whole(true) && whole(false)))
}
