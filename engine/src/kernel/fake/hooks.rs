//! Which chain types and expressions go with which hook.

use super::errno::Errno;
use crate::ruleset::{BaseChain, ChainType, Expr, Family, Field, Hook, Lookup, Nat, NatKind, SegmentSize, VerdictMap};

/// Conntrack's own priority (`NF_IP_PRI_CONNTRACK`); nat chains have to come after it.
const CONNTRACK: i32 = -200;

/// Whether the kernel has such a base chain.
pub(super) fn admit(family: Family, base: BaseChain) -> Result<(), Errno> {
    let has_hook = match family {
        Family::Inet | Family::Ip | Family::Ip6 | Family::Bridge => true,
        Family::Arp => matches!(base.hook, Hook::Input | Hook::Output),
    };
    let routes = matches!(family, Family::Inet | Family::Ip | Family::Ip6);
    let has_type = match base.chain_type {
        ChainType::Filter => true,
        ChainType::Nat => routes && base.hook != Hook::Forward && base.priority.0 > CONNTRACK,
        ChainType::Route => routes && base.hook == Hook::Output,
    };
    if has_hook && has_type { Ok(()) } else { Err(Errno::NotSupported) }
}

/// Whether packets of this base chain may come to an expression, in it or in a chain that it leads to.
pub(super) fn admit_expr(family: Family, base: BaseChain, expr: &Expr) -> Result<(), Errno> {
    let fits = match expr {
        Expr::Nat(nat) => admits_nat(base, nat),
        Expr::Reject(_) if family == Family::Bridge => matches!(base.hook, Hook::Prerouting | Hook::Input),
        Expr::Reject(_) => base.hook != Hook::Postrouting,
        Expr::Match(matched) => admits_field(base.hook, matched.field),
        Expr::Lookup(Lookup { key, .. }) | Expr::VerdictMap(VerdictMap { key, .. }) => {
            key.iter().all(|field| admits_field(base.hook, *field))
        }
        Expr::DynamicSet(dynamic) => dynamic.key.iter().all(|field| admits_field(base.hook, *field)),
        Expr::SegmentSize(SegmentSize::RouteMtu) => {
            matches!(base.hook, Hook::Forward | Hook::Output | Hook::Postrouting)
        }
        Expr::Duplicate(_) => matches!(family, Family::Ip | Family::Ip6),
        Expr::Tproxy(_) => base.hook == Hook::Prerouting,
        Expr::Synproxy(_) => matches!(base.hook, Hook::Input | Hook::Forward),
        Expr::Counter
        | Expr::NamedCounter(_)
        | Expr::Exists(_)
        | Expr::Bytes(_)
        | Expr::Quota(_)
        | Expr::NamedQuota(_)
        | Expr::Limit(_)
        | Expr::Log(_)
        | Expr::Verdict(_)
        | Expr::Notrack
        | Expr::Sample(_)
        | Expr::Clock(_)
        | Expr::Assign(_)
        | Expr::StripOption(_)
        | Expr::Queue(_)
        | Expr::SetHeader(_)
        | Expr::SetCt(_)
        | Expr::SetMeta(_)
        | Expr::SegmentSize(SegmentSize::Bytes(_)) => true,
    };
    if fits { Ok(()) } else { Err(Errno::NotSupported) }
}

fn admits_nat(base: BaseChain, nat: &Nat) -> bool {
    base.chain_type == ChainType::Nat
        && match nat.kind {
            NatKind::Source => matches!(base.hook, Hook::Postrouting | Hook::Input),
            NatKind::Destination | NatKind::Redirect => matches!(base.hook, Hook::Prerouting | Hook::Output),
            NatKind::Masquerade => base.hook == Hook::Postrouting,
        }
}

/// The route lookups that ask for an interface need a packet that has one, and sockets one that may be for them.
fn admits_field(hook: Hook, field: Field) -> bool {
    const BY_INPUT: [Field; 4] =
        [Field::FibDaddrIifType, Field::FibSaddrIifType, Field::FibSaddrIifOif, Field::FibSaddrMarkIifOif];
    const BY_OUTPUT: [Field; 2] = [Field::FibSaddrOifType, Field::FibDaddrOifType];
    if matches!(field, Field::SocketTransparent | Field::SocketWildcard) {
        return matches!(hook, Hook::Prerouting | Hook::Input | Hook::Output);
    }
    let has_input = matches!(hook, Hook::Prerouting | Hook::Input | Hook::Forward);
    let has_output = matches!(hook, Hook::Forward | Hook::Output | Hook::Postrouting);
    (has_input || !BY_INPUT.contains(&field)) && (has_output || !BY_OUTPUT.contains(&field))
}
