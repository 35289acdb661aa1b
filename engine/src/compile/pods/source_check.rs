//! A pod may send from its own addresses only: from those that are routed to the interface that it sends by.

use super::guard::Guard;
use super::lift;
use super::matching::{interface, number, plain, within};
use super::place::{self, Words};
use crate::compile::base::Base;
use crate::compile::builder::TableBuilder;
use crate::compile::options::{PodOptions, SourceCheck};
use crate::interval::Intervals;
use crate::place::Cause;
use crate::ruleset::{DataType, Datum, Expr, Field, Interval, Operator, Verdict};

/// Before conntrack, so that a forged packet leaves no entry behind.
pub(super) fn lower(guard: &Guard<'_>, options: &PodOptions, builder: &mut TableBuilder) {
    let (SourceCheck::ByRoute, Some(prefix)) = (options.source_check, guard.prefix()) else { return };
    let words = Words::single("source that is not routed to the pod's interface");
    let lift = lift::of(None, &options.observe);
    let forged = place::denial_beside(Cause::ForgedSource, (lift, &Verdict::Continue), &words, options, builder);
    let from_pod = || interface(Field::Iifname, prefix, Operator::Eq);
    let astray = || number(Field::FibSaddrIifOif, 0);
    let ipv4 = vec![from_pod(), number(Field::NfProto, 2), astray(), Expr::Verdict(forged.clone())];
    let routed_ipv6 = within(Field::Ip6Saddr, &unrouted(), Operator::Ne);
    let ipv6 = std::iter::once(from_pod()).chain(routed_ipv6).chain([astray(), Expr::Verdict(forged)]).collect();
    builder.prepend(Base::RawPrerouting, vec![plain(ipv4), plain(ipv6)]);
}

/// Neighbour discovery speaks from the unspecified address and from link-local ones, which no route tells apart.
fn unrouted() -> Intervals {
    const LINK_LOCAL: u128 = 0xfe80 << 112;
    const LAST: u128 = LINK_LOCAL | (u128::MAX >> 10);
    let mut unrouted = Intervals::empty(DataType::Ipv6Addr);
    unrouted.insert(Interval::single(Datum::ipv6(std::net::Ipv6Addr::UNSPECIFIED)));
    let datum = |number| Datum::from_u128(DataType::Ipv6Addr, number);
    if let Some(link_local) = Interval::new(datum(LINK_LOCAL), datum(LAST)) {
        unrouted.insert(link_local);
    }
    unrouted
}
