//! TEE: copies of packets for a neighbour.
//!
//! nftables copies in tables of one family only. So the rule stands in a chain of the table `ip` or `ip6` that the packet
//! meets just before the chain in which it was written, behind what decides there whether packets come to it: the rules
//! before it that end the chain. That says the same as long as those before it neither change a packet nor ask for what the
//! other table does not have, and nothing else of the chain is to be done twice.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::{Action, HostRule, Table as HostTable, TargetOption};
use policy_lang::source::Span;

use super::chains::Scope;
use super::clause::{Effect, Families, Ip, Lowered, Object, Test};
use super::code::{FAMILY, OPERAND, PLACE, Refusal, refuse};
use super::emit;
use super::matching::Context;
use super::target::{EVERYWHERE, Statement, place, unknown_option, value};
use crate::compile::base::Base;
use crate::compile::builder::TableBuilder;
use crate::ruleset::{
    BaseChain, Chain, ChainType, Comment, Expr, Family, Name, Priority, Rule, SetMeta, SetRef, Table, TableKey, Verdict,
};

/// Why packets that come to a rule here may not come to it there, or the other way round, and what to write instead.
type Obstacle = (Span, &'static str, &'static str);

/// `TEE`.
pub(super) fn read(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Statement, Refusal> {
    if let Some(option) = options.iter().find(|option| option.keyword != "gateway") {
        return Err(unknown_option(option, "TEE"));
    }
    let Some(option) = options.first() else {
        return Err(refuse(OPERAND, span, "TEE needs the neighbour that gets the copy", "write `TEE gateway ADDRESS`"));
    };
    let word = value(option)?;
    let address: Option<IpAddr> = match context.scope.ip {
        Ip::V4 => word.text.parse::<Ipv4Addr>().ok().map(Into::into),
        Ip::V6 => word.text.parse::<Ipv6Addr>().ok().map(Into::into),
    };
    let Some(address) = address.filter(|address| !address.is_unspecified()) else {
        if word.text.parse::<IpAddr>().is_ok_and(|address| !address.is_unspecified()) {
            let message = format!("`{}` is no address of domain {}", word.text, context.scope.domain());
            return Err(refuse(FAMILY, word.span, message, "write the rule once for each domain"));
        }
        let message = format!("`{}` is no address of a neighbour", word.text);
        return Err(refuse(OPERAND, word.span, message, "write one address"));
    };
    let tables = [HostTable::Raw, HostTable::Mangle, HostTable::Filter, HostTable::Security];
    place("TEE", span, context, &tables, &EVERYWHERE)?;
    if context.scope.base.is_none() {
        let message = "TEE copies in a built-in chain only";
        return Err(refuse(PLACE, span, message, "write the rule in the chain that calls this one"));
    }
    Ok(Statement::using(Object::Copy(address)))
}

/// The tables of one family each, under construction.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies {
    tables: BTreeMap<Family, (TableBuilder, BTreeMap<Name, Chain>)>,
}

/// What of one family's rules in a built-in chain is of interest to copies.
#[derive(Clone, Debug, Default)]
pub(super) struct Copying {
    base: Option<Base>,
    /// The rules that end the chain, and those that copy.
    rules: Vec<Lowered>,
    obstacle: Option<Obstacle>,
}

impl Copying {
    /// Nothing is of interest where no rule copies.
    pub(super) fn of(scope: &Scope<'_>) -> Self {
        let copies = |rule: &&HostRule| matches!(rule.action, Action::Target { name: "TEE", .. });
        let base = scope.base.filter(|_| scope.rules.iter().any(copies));
        Self { base, ..Self::default() }
    }

    /// Takes out a rule that copies, and gives back every other one.
    pub(super) fn take(
        &mut self,
        rule: &HostRule,
        lowered: Lowered,
        findings: &mut Vec<Diagnostic>,
    ) -> Option<Lowered> {
        if self.base.is_none() {
            return Some(lowered);
        }
        let Some(Object::Copy(address)) = lowered.uses else {
            self.obstacle = self.obstacle.or_else(|| self.before(rule, &lowered));
            return Some(lowered);
        };
        let obstacle = self.obstacle.or_else(|| {
            let (message, help) =
                elsewhere(&lowered, |expr| matches!(expr, Expr::Limit(_) | Expr::Quota(_) | Expr::Sample(_)))?;
            Some((rule.span, message, help))
        });
        match obstacle {
            Some((span, message, help)) => findings.push(*refuse(PLACE, span, message, help)),
            None => {
                let statement = vec![Expr::Duplicate(address)];
                self.rules.push(Lowered {
                    families: Families::Both,
                    statement: statement.into(),
                    uses: None,
                    ..lowered
                });
            }
        }
        None
    }

    /// Notes a rule that may end the chain before a copy.
    fn before(&mut self, rule: &HostRule, lowered: &Lowered) -> Option<Obstacle> {
        let write_after = "write the rule after `TEE`";
        match (lowered.effect, &*lowered.statement, &lowered.uses) {
            (
                Effect::Final,
                [Expr::Verdict(Verdict::Accept | Verdict::Drop | Verdict::Return) | Expr::Reject(_)],
                None,
            ) => {
                let message = "whether this rule ends the chain is known to its own table only, and `TEE` after it copies in another";
                if elsewhere(lowered, |_| false).is_some() {
                    return Some((rule.span, message, write_after));
                }
                let statement = vec![Expr::Verdict(Verdict::Accept)];
                self.rules.push(Lowered { families: Families::Both, statement: statement.into(), ..lowered.clone() });
                None
            }
            (Effect::Continues, statement, None)
                if statement.iter().all(|expr| matches!(expr, Expr::Log(_) | Expr::SetMeta(SetMeta::Trace))) =>
            {
                None
            }
            (_, [.., Expr::Verdict(Verdict::Jump(_) | Verdict::Goto(_))], _) => {
                let message = "where this rule leads decides whether packets come to `TEE` of the same chain";
                Some((rule.span, message, write_after))
            }
            _ => {
                let message = "what this rule does to a packet would come after `TEE` of the same chain, not before";
                Some((rule.span, message, write_after))
            }
        }
    }
}

/// Why the conditions of a rule cannot be asked in a table of one family, or not twice.
fn elsewhere(lowered: &Lowered, may_remember: impl Fn(&Expr) -> bool) -> Option<(&'static str, &'static str)> {
    let exprs = lowered.clauses.iter().flat_map(|clause| match &clause.test {
        Test::Values(_) => &[],
        Test::Alternatives(alternatives) => alternatives.as_slice(),
    });
    let is_anonymous = |set: &SetRef| matches!(set, SetRef::Anonymous { .. });
    let is_plain = |expr: &Expr| {
        matches!(expr, Expr::Match(_) | Expr::Exists(_) | Expr::Bytes(_) | Expr::Clock(_))
            || matches!(expr, Expr::Lookup(lookup) if is_anonymous(&lookup.set))
            || may_remember(expr)
    };
    (!exprs.flatten().all(is_plain)).then_some((
        "`TEE` copies in a table of its own, which does not have the set that this rule asks",
        "write the addresses into the rule, or mark the packets in a chain before and match the mark",
    ))
}

impl Copies {
    /// Adds the chain that copies what comes to a built-in chain.
    pub(super) fn add(&mut self, ip: Ip, copying: &Copying) {
        let Copying { base: Some(base), rules, obstacle: _ } = copying else { return };
        let copies = |lowered: &Lowered| matches!(&*lowered.statement, [Expr::Duplicate(_)]);
        // What follows the last copy decides nothing of copies.
        let Some(last) = rules.iter().rposition(copies) else { return };
        let family = match ip {
            Ip::V4 => Family::Ip,
            Ip::V6 => Family::Ip6,
        };
        let (builder, chains) = self.tables.entry(family).or_default();
        let mut out = Vec::new();
        for lowered in rules.iter().take(last + 1) {
            let at = out.len();
            emit::rules(lowered, builder, &mut out);
            if lowered.effect == Effect::Final {
                out.iter_mut().skip(at).for_each(uncounted);
            }
        }
        let (name, BaseChain { hook, priority: Priority(priority), .. }) = base.definition();
        // Nobody's chain comes between the two.
        let base = BaseChain { chain_type: ChainType::Filter, hook, priority: Priority(priority - 1) };
        chains.insert(Name::ours(&format!("copy_{name}")), Chain { base: Some(base), comment: None, rules: out });
    }

    /// The tables that hold something.
    pub(super) fn finish(self, comment: &Comment) -> BTreeMap<TableKey, Table> {
        let finished = |(family, (builder, chains)): (Family, (TableBuilder, BTreeMap<Name, Chain>))| {
            let mut table = builder.finish(Some(comment.clone()));
            table.chains.extend(chains);
            (TableKey::ours(family), table)
        };
        self.tables.into_iter().map(finished).collect()
    }
}

/// The rule that was written counts where it was written.
fn uncounted(rule: &mut Rule) {
    rule.exprs.retain(|expr| *expr != Expr::Counter);
    rule.comment = None;
}
