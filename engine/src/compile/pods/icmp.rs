//! Kinds of ICMP that a rule names besides its ports.

use policy_lang::policy::{PortMatches, Rule};
use policy_lang::port::{IcmpMatch, IcmpVersion};

use super::family::AddressFamily;
use super::matching::number;
use crate::ruleset::{Expr, Field};

/// The alternatives of a rule's kinds of ICMP, each of one family; none where the rule is about every protocol anyway.
pub(super) fn tests(rule: &Rule) -> Vec<(AddressFamily, Vec<Expr>)> {
    match &rule.ports {
        PortMatches::Any => Vec::new(),
        PortMatches::AnyOf(_) => rule.icmp.iter().copied().map(test).collect(),
    }
}

fn test(wanted: IcmpMatch) -> (AddressFamily, Vec<Expr>) {
    const ICMP: u32 = 1;
    const ICMPV6: u32 = 58;
    let (family, protocol, type_field, code_field) = match wanted.version {
        IcmpVersion::V4 => (AddressFamily::V4, ICMP, Field::IcmpType, Field::IcmpCode),
        IcmpVersion::V6 => (AddressFamily::V6, ICMPV6, Field::Icmpv6Type, Field::Icmpv6Code),
    };
    let Some(icmp_type) = wanted.icmp_type else {
        return (family, vec![number(Field::NfProto, family.number()), number(Field::L4Proto, protocol)]);
    };
    let code = wanted.code.map(|code| number(code_field, code.into()));
    (family, std::iter::once(number(type_field, icmp_type.into())).chain(code).collect())
}
