//! What becomes of packets that reach the end of a base chain: every chain has policy accept, so a deny is its last
//! rule, for one family or for both.

use std::fmt;

use engine::observed::{Observed, ObservedChain, RuleContent};
use engine::ruleset::{DataType, Datum, Expr, Family, Field, Match, Operator, Rule, Value, Verdict};
use serde::Serialize;

/// IPv4 and IPv6 as `meta nfproto` knows them (`NFPROTO_IPV4`, `NFPROTO_IPV6`).
const NFPROTO_IPV4: u32 = 2;
const NFPROTO_IPV6: u32 = 10;

/// The end of a base chain.
#[derive(Debug, Serialize)]
pub(super) struct BaseChainEnd {
    table: String,
    chain: String,
    r#type: String,
    hook: String,
    priority: i32,
    /// The end for each family that the chain sees.
    end: Vec<FamilyEnd>,
}

/// The end for one family.
#[derive(Debug, Serialize)]
struct FamilyEnd {
    family: &'static str,
    verdict: End,
    /// The source line of the deny.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

/// What happens at the end.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum End {
    Accept,
    Drop,
    Reject,
}

/// The ends of all base chains.
pub(super) fn base_chains(observed: &Observed) -> Vec<BaseChainEnd> {
    let chains = observed.tables.iter().flat_map(|(key, table)| {
        table.chains.iter().filter_map(move |(name, chain)| Some((key, name, chain, chain.base?)))
    });
    chains
        .map(|(key, name, chain, base)| BaseChainEnd {
            table: key.to_string(),
            chain: name.to_string(),
            r#type: base.chain_type.to_string(),
            hook: base.hook.to_string(),
            priority: base.priority.0,
            end: families(key.family).iter().map(|(family, number)| end(chain, family, *number)).collect(),
        })
        .collect()
}

/// The families whose ends may differ, with their number for `meta nfproto`.
fn families(family: Family) -> &'static [(&'static str, u32)] {
    match family {
        Family::Inet => &[("IPv4", NFPROTO_IPV4), ("IPv6", NFPROTO_IPV6)],
        Family::Ip => &[("IPv4", NFPROTO_IPV4)],
        Family::Ip6 => &[("IPv6", NFPROTO_IPV6)],
        Family::Arp => &[("ARP", 3)],
        Family::Bridge => &[("bridge", 7)],
    }
}

fn end(chain: &ObservedChain, family: &'static str, number: u32) -> FamilyEnd {
    let own = chain.rules.iter().filter_map(|rule| match &rule.content {
        RuleContent::Known(rule) => Some(rule),
        RuleContent::Unknown(_) => None,
    });
    // The first: nothing of the family gets past it to another.
    for rule in own {
        match whole_family(rule) {
            Some((Some(only), _)) if only != number => {}
            Some((_, verdict)) => {
                return FamilyEnd { family, verdict, origin: rule.comment.as_ref().map(ToString::to_string) };
            }
            None => {}
        }
    }
    let verdict = if chain.policy_drop { End::Drop } else { End::Accept };
    FamilyEnd { family, verdict, origin: None }
}

/// The verdict of a rule that is about every packet, or about every packet of the one family that it names.
fn whole_family(rule: &Rule) -> Option<(Option<u32>, End)> {
    let mut family = None;
    for expr in &rule.exprs {
        match expr {
            Expr::Match(Match {
                field: Field::NfProto,
                mask: None,
                operator: Operator::Eq,
                value: Value::One(value),
            }) => {
                family = [NFPROTO_IPV4, NFPROTO_IPV6]
                    .into_iter()
                    .find(|number| Datum::number(DataType::NfProto, *number) == *value);
            }
            Expr::Counter | Expr::NamedCounter(_) | Expr::Log(_) => {}
            Expr::Verdict(Verdict::Accept) => return Some((family, End::Accept)),
            Expr::Verdict(Verdict::Drop) => return Some((family, End::Drop)),
            Expr::Reject(_) => return Some((family, End::Reject)),
            Expr::Verdict(Verdict::Return | Verdict::Continue | Verdict::Jump(_) | Verdict::Goto(_))
            | Expr::Match(_)
            | Expr::Exists(_)
            | Expr::Bytes(_)
            | Expr::Lookup(_)
            | Expr::VerdictMap(_)
            | Expr::Quota(_)
            | Expr::NamedQuota(_)
            | Expr::Limit(_)
            | Expr::Nat(_)
            | Expr::Notrack
            | Expr::Sample(_)
            | Expr::Clock(_)
            | Expr::Assign(_)
            | Expr::SegmentSize(_)
            | Expr::StripOption(_)
            | Expr::Tproxy(_)
            | Expr::Synproxy(_)
            | Expr::Queue(_)
            | Expr::Duplicate(_)
            | Expr::SetHeader(_)
            | Expr::SetCt(_)
            | Expr::SetMeta(_)
            | Expr::DynamicSet(_) => return None,
        }
    }
    None
}

impl fmt::Display for BaseChainEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, chain, r#type, hook, priority, end } = self;
        write!(f, "base chain {table} {chain} ({type} {hook} {priority}): at its end")?;
        for (index, FamilyEnd { family, verdict, origin }) in end.iter().enumerate() {
            write!(f, "{} {family} is {verdict}", if index == 0 { "" } else { "," })?;
            if let Some(origin) = origin {
                write!(f, " ({origin})")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "accepted",
            Self::Drop => "dropped",
            Self::Reject => "rejected",
        })
    }
}

#[cfg(test)]
mod tests {
    use engine::observed::{ObservedRule, RuleHandle};

    use super::*;

    fn check(rules: Vec<Vec<Expr>>) -> [End; 2] {
        let rules = rules.into_iter().map(|exprs| ObservedRule {
            handle: RuleHandle(1),
            content: RuleContent::Known(Rule { exprs, comment: None }),
        });
        let chain = ObservedChain { rules: rules.collect(), ..ObservedChain::default() };
        [end(&chain, "IPv4", NFPROTO_IPV4).verdict, end(&chain, "IPv6", NFPROTO_IPV6).verdict]
    }

    fn family(number: u32) -> Expr {
        Match::eq(Field::NfProto, Datum::number(DataType::NfProto, number))
    }

    #[test]
    fn the_first_rule_about_a_whole_family_decides_for_it() {
        let drop = || Expr::Verdict(Verdict::Drop);
        let ssh = || Match::eq(Field::TcpDport, Datum::port(22));
        assert_eq!(check(vec![]), [End::Accept, End::Accept]);
        assert_eq!(check(vec![vec![Expr::Counter, drop()]]), [End::Drop, End::Drop]);
        assert_eq!(check(vec![vec![ssh(), drop()]]), [End::Accept, End::Accept]);
        let both = vec![vec![family(2), drop()], vec![family(10), Expr::Counter, drop()]];
        assert_eq!(check(both), [End::Drop, End::Drop]);
        assert_eq!(check(vec![vec![family(10), drop()]]), [End::Accept, End::Drop]);
        let early = vec![vec![drop()], vec![ssh(), Expr::Verdict(Verdict::Accept)]];
        assert_eq!(check(early), [End::Drop, End::Drop]);
        let open = vec![vec![family(2), Expr::Verdict(Verdict::Accept)], vec![drop()]];
        assert_eq!(check(open), [End::Accept, End::Drop]);
    }
}
