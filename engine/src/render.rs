//! The ruleset as nft text: what `nft -f` loads, and what `nft list ruleset` prints of it.
//!
//! The notation is that of nft 1.0.6, which every later nft reads as well. Two objects that differ have different
//! texts, because names are hashes of texts. So the text says what the value says, and where nft itself prints less
//! than it was given, the two differ:
//!
//! - nft drops a match on the protocol or the family that the next match implies (`meta l4proto tcp tcp dport 22`),
//!   turns `th` into the protocol that was matched before, and writes an anonymous set of one element as a comparison;
//! - it drops what is the default: `level warn`, `queue-threshold 0`;
//! - it writes a mask that is a prefix as one, `ct state == a | b` without the `==` (which would load as another
//!   rule), and address ranges that are networks as such beside ports, where it cannot read them;
//! - it knows all of /etc/protocols by name where this knows those that every nft knows;
//! - elements of hash sets whose values are several bits, and elements that rules added, come in any order;
//! - `expires` is the kernel's, as are the counts, which are always 0 here; life times are rounded to its ticks.
//!
//! Nothing that comes from a tenant can end a quoted string: nft has no escapes, so what cannot stand between quotes
//! is replaced in comments and log prefixes, and names that cannot be written at all become ones that nft refuses.

use std::fmt::{self, Write as _};

use crate::ruleset::{
    BaseChain, Chain, Comment, Datum, Element, ElementKey, Expr, Family, Field, Helper, LimitUnit, LogLevel, Name,
    Quota, Rule, Ruleset, Set, SetSpec, Table, TableKey, Verdict,
};

pub(crate) use self::quote::LOG_PREFIX_MAX;

mod datum;
mod expr;
mod part;
mod proxy;
mod queue;
mod quote;
mod set;
mod statement;
pub(crate) mod symbol;

/// All tables, in the form of `nft list ruleset` without the tables' flags. Loads where no such table exists.
pub fn ruleset(ruleset: &Ruleset) -> String {
    text(|out| ruleset.tables.iter().try_for_each(|(key, table)| write_table(out, key, table)))
}

/// One table, `table inet palisade { … }`.
pub fn table(key: &TableKey, table: &Table) -> String {
    text(|out| write_table(out, key, table))
}

/// One rule on one line, with its comment, as it stands in an inet table.
pub fn rule(rule: &Rule) -> String {
    text(|out| write_rule(out, Family::Inet, rule))
}

/// One rule on one line, with its comment, as it stands in a table of this family.
pub fn rule_of(family: Family, rule: &Rule) -> String {
    text(|out| write_rule(out, family, rule))
}

/// One expression, as it stands in an inet table.
pub fn expr(expr: &Expr) -> String {
    text(|out| expr::write(out, Family::Inet, expr))
}

/// What nft calls a field.
pub(crate) fn field(field: Field) -> &'static str {
    expr::field_name(field)
}

/// What nft calls a level of its log.
pub(crate) fn log_level(level: LogLevel) -> &'static str {
    statement::level_name(level)
}

/// What nft calls the unit of a limit.
pub(crate) fn limit_unit(unit: LimitUnit) -> &'static str {
    statement::unit_name(unit)
}

/// One element of a set or map: `10.0.0.0/8 . 443 comment "…" : jump pl_x`.
pub fn element(spec: &SetSpec, key: &ElementKey, element: &Element) -> String {
    text(|out| set::write_element(out, spec, key, element))
}

/// The key of an element alone: `10.0.0.0/8 . 443`.
pub fn element_key(key: &ElementKey) -> String {
    text(|out| set::write_key(out, key))
}

/// What an element of a map maps to: `10.0.0.1 . 80`.
pub fn value(value: &[Datum]) -> String {
    text(|out| set::write_value(out, value))
}

/// `accept`, `jump pl_x`.
pub fn verdict(verdict: &Verdict) -> String {
    text(|out| expr::write_verdict(out, verdict))
}

/// The inside of `chain NAME { … }`, as it stands in an inet table: hook, comment and rules.
pub fn chain_body(chain: &Chain) -> String {
    text(|out| write_chain(out, Family::Inet, chain))
}

/// The inside of `set NAME { … }`: what it holds and its elements.
pub fn set_body(set: &Set) -> String {
    text(|out| set::write_body(out, &set.spec, &set.elements, |_| {}))
}

/// The same, handed out in parts: of a big set it is a long text.
pub(crate) fn set_body_in_parts(set: &Set, mut part: impl FnMut(&str)) {
    /// Bytes that make a part.
    const PART: usize = 4_096;
    let rest = text(|out| {
        set::write_body(out, &set.spec, &set.elements, |out| {
            if out.len() >= PART {
                part(out);
                out.clear();
            }
        })
    });
    part(&rest);
}

/// The inside of `set NAME { … }` without elements.
pub fn set_spec(spec: &SetSpec) -> String {
    text(|out| set::write_spec(out, spec))
}

/// `over 10 mbytes`.
pub fn quota(quota: &Quota) -> String {
    text(|out| statement::write_quota_size(out, *quota))
}

fn write_table(out: &mut String, key: &TableKey, table: &Table) -> fmt::Result {
    let Table { comment, counters, quotas, helpers, sets, chains } = table;
    writeln!(out, "table {} {} {{", key.family, quote::Identifier(&key.name))?;
    write_comment_line(out, "\t", comment.as_ref())?;
    let mut separator = Separator::default();
    for (name, comment) in counters {
        separator.write(out)?;
        writeln!(out, "\tcounter {} {{", quote::Identifier(name))?;
        write_comment_line(out, "\t\t", comment.as_ref())?;
        out.write_str("\t\tpackets 0 bytes 0\n\t}\n")?;
    }
    for (name, quota) in quotas {
        separator.write(out)?;
        write!(out, "\tquota {} {{\n\t\t", quote::Identifier(name))?;
        statement::write_quota_size(out, *quota)?;
        out.write_str("\n\t}\n")?;
    }
    for (name, Helper { kind, network, transport }) in helpers {
        separator.write(out)?;
        writeln!(out, "\tct helper {} {{", quote::Identifier(name))?;
        writeln!(out, "\t\ttype \"{kind}\" protocol {}", transport.keyword())?;
        writeln!(out, "\t\tl3proto {}\n\t}}", network.keyword())?;
    }
    for (name, set) in sets {
        separator.write(out)?;
        write_block(out, set::keyword(&set.spec), name, |out| set::write_body(out, &set.spec, &set.elements, |_| {}))?;
    }
    // Base chains last, in the order in which they are first installed: what packets meet stands where it is complete.
    let (base, regular): (Vec<_>, Vec<_>) = chains.iter().partition(|(_, chain)| chain.base.is_some());
    for (name, chain) in regular.into_iter().chain(base) {
        separator.write(out)?;
        write_block(out, "chain", name, |out| write_chain(out, key.family, chain))?;
    }
    out.write_str("}\n")
}

fn write_block(
    out: &mut String,
    keyword: &str,
    name: &Name,
    body: impl FnOnce(&mut String) -> fmt::Result,
) -> fmt::Result {
    writeln!(out, "\t{keyword} {} {{", quote::Identifier(name))?;
    body(out)?;
    out.write_str("\t}\n")
}

fn write_chain(out: &mut String, family: Family, chain: &Chain) -> fmt::Result {
    let Chain { base, comment, rules } = chain;
    write_comment_line(out, "\t\t", comment.as_ref())?;
    if let Some(base) = base {
        out.write_str("\t\t")?;
        write_base(out, family, *base)?;
        out.write_char('\n')?;
    }
    for rule in rules {
        out.write_str("\t\t")?;
        write_rule(out, family, rule)?;
        out.write_char('\n')?;
    }
    Ok(())
}

fn write_base(out: &mut String, family: Family, base: BaseChain) -> fmt::Result {
    let BaseChain { chain_type, hook, priority } = base;
    write!(out, "type {chain_type} hook {hook} priority ")?;
    match symbol::priority_names(family, hook).iter().find(|(_, named)| named.abs_diff(priority.0) <= 10) {
        Some((name, named)) if *named == priority.0 => out.write_str(name)?,
        Some((name, named)) if *named < priority.0 => write!(out, "{name} + {}", named.abs_diff(priority.0))?,
        Some((name, named)) => write!(out, "{name} - {}", named.abs_diff(priority.0))?,
        None => write!(out, "{priority}")?,
    }
    out.write_str("; policy accept;")
}

fn write_rule(out: &mut String, family: Family, rule: &Rule) -> fmt::Result {
    let Rule { exprs, comment } = rule;
    // nft has no word for a rule without expressions, which the kernel takes as one that does nothing.
    if exprs.is_empty() {
        out.write_str("continue")?;
    }
    for (index, expr) in exprs.iter().enumerate() {
        if index > 0 {
            out.write_char(' ')?;
        }
        expr::write(out, family, expr)?;
    }
    comment.as_ref().map_or(Ok(()), |comment| write!(out, " comment {}", quote::Text(comment.as_str())))
}

fn write_comment_line(out: &mut String, indent: &str, comment: Option<&Comment>) -> fmt::Result {
    comment.map_or(Ok(()), |comment| writeln!(out, "{indent}comment {}", quote::Text(comment.as_str())))
}

fn text(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut out = String::new();
    write(&mut out).expect("writing to a String cannot fail");
    out
}

/// An empty line between objects, none before the first.
#[derive(Default)]
struct Separator {
    wanted: bool,
}

impl Separator {
    fn write(&mut self, out: &mut String) -> fmt::Result {
        if std::mem::replace(&mut self.wanted, true) { out.write_char('\n') } else { Ok(()) }
    }
}
