//! What changes between two configurations of host rules, rule by rule, in every table.
//!
//! Packets that are asked for show what a change means, but only what they have can be told by them: marks, known
//! connections, translation, ARP and frames are none of it. A rule that stands on one side only is always told.

use std::collections::{BTreeMap, BTreeSet};

use engine::render;
use engine::ruleset::{
    BaseChain, ChainType, Element, Expr, Family, Field, Hook, Lookup, Match, Name, Operator, Rule, Ruleset, Set,
    SetSpec, Table, TableKey, Value, VerdictMap,
};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::Side;
use super::host::CHAINS;

/// How names of our own begin.
const OURS: &str = "pl_";

/// Letters of the hash in a name.
const HASH: usize = 12;

/// What differs, rule by rule.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rules {
    /// By tables.
    pub parts: Vec<Part>,
    /// Whether packets were asked for, too.
    pub is_asked: bool,
}

/// A chain or a set that is not the same on both sides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// `arp palisade`.
    pub table: String,
    /// `pl_input (filter input 0)`.
    pub place: String,
    /// What stands on one side only, in order.
    pub lines: Vec<Line>,
}

/// A rule or an element that one side has and the other has not, or has in another place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// Which side has it.
    pub side: Side,
    /// As nft writes it, without its comment.
    pub text: String,
    /// Where it is written.
    pub origin: Option<String>,
    /// What it may change.
    pub weight: Weight,
}

/// What a rule that differs may change.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Weight {
    /// What packets that were asked for show.
    Told,
    /// What is logged and counted.
    Record,
    /// Anything.
    Unknown,
}

/// A text with numbers in place of names for contents: the same on both sides if it says the same.
type Key = String;

/// Numbers of contents, of both sides.
type Numbers = BTreeMap<String, usize>;

/// A rule or an element, and what it is compared by.
#[derive(Clone, Debug)]
struct Entry {
    key: Key,
    line: Line,
    /// It names nothing but chains, which are compared by themselves.
    names_chains: bool,
}

/// A chain or a set that another one refers to.
#[derive(Clone, Debug)]
struct Named {
    label: String,
    number: usize,
    entries: Vec<Entry>,
    weight: Weight,
}

/// One table of one side.
struct Reader<'a, 'n> {
    side: Side,
    family: Family,
    table: &'a Table,
    numbers: &'n mut Numbers,
    /// Nothing of a chain that is being read: it calls itself, which the kernel refuses.
    named: BTreeMap<&'a Name, Option<Named>>,
}

/// Everything that differs. `is_asked`: packets were asked for.
pub fn compare(old: &Ruleset, new: &Ruleset, is_asked: bool) -> Rules {
    let nothing = Table::default();
    let keys: BTreeSet<&TableKey> = old.tables.keys().chain(new.tables.keys()).collect();
    let mut parts = Vec::new();
    for key in keys {
        let mut numbers = Numbers::new();
        let sides = [(Side::Old, old), (Side::New, new)].map(|(side, ruleset)| {
            let table = ruleset.tables.get(key).unwrap_or(&nothing);
            let mut reader = Reader { side, family: key.family, table, numbers: &mut numbers, named: BTreeMap::new() };
            let hooked = reader.hooked(is_asked);
            (hooked, reader.named.into_values().flatten().collect::<Vec<_>>())
        });
        let [(old_hooked, old_named), (new_hooked, new_named)] = sides;
        let places: BTreeSet<&String> = old_hooked.keys().chain(new_hooked.keys()).collect();
        let of = |hooked: &BTreeMap<String, Vec<Entry>>, place| hooked.get(place).cloned().unwrap_or_default();
        let hooked = places.into_iter().map(|place| (place.clone(), of(&old_hooked, place), of(&new_hooked, place)));
        let named = pairs(old_named, new_named).map(|(place, old, new)| (place, differing(&old, &new)));
        let named: Vec<(String, Vec<Entry>)> = named.filter(|(_, entries)| !entries.is_empty()).collect();
        let is_told_there = !named.is_empty();
        let found = hooked.map(|(place, old, new)| (place, differing(&old, &new))).chain(named);
        parts.extend(found.filter(|(_, entries)| !entries.is_empty()).map(|(place, mut entries)| {
            if is_told_there {
                settle(&mut entries);
            }
            Part { table: key.to_string(), place, lines: entries.into_iter().map(|entry| entry.line).collect() }
        }));
    }
    Rules { parts, is_asked }
}

/// What both sides call alike and differs, in the order in which they have it.
fn pairs(old: Vec<Named>, new: Vec<Named>) -> impl Iterator<Item = (String, Vec<Entry>, Vec<Entry>)> {
    let numbers = |side: &[Named]| -> BTreeSet<usize> { side.iter().map(|named| named.number).collect() };
    let both: BTreeSet<usize> = numbers(&old).intersection(&numbers(&new)).copied().collect();
    let mut groups: BTreeMap<String, [Vec<Vec<Entry>>; 2]> = BTreeMap::new();
    for (index, side) in [old, new].into_iter().enumerate() {
        for named in side.into_iter().filter(|named| !both.contains(&named.number)) {
            if let Some(slot) = groups.entry(named.label).or_default().get_mut(index) {
                slot.push(named.entries);
            }
        }
    }
    groups.into_iter().flat_map(|(label, [old, new])| {
        let n_pairs = old.len().max(new.len());
        let (mut old, mut new) = (old.into_iter(), new.into_iter());
        let pair = move |_| (label.clone(), old.next().unwrap_or_default(), new.next().unwrap_or_default());
        (0..n_pairs).map(pair).collect::<Vec<_>>()
    })
}

/// Calls that differ only by what they call, which is told by itself.
fn settle(entries: &mut [Entry]) {
    let mut by_text: BTreeMap<String, Vec<(Side, Key)>> = BTreeMap::new();
    for Entry { key, line, .. } in entries.iter() {
        by_text.entry(line.text.clone()).or_default().push((line.side, key.clone()));
    }
    for Entry { key, line, .. } in entries.iter_mut().filter(|entry| entry.names_chains) {
        let others = by_text.get(&line.text).into_iter().flatten();
        if others.filter(|(side, _)| *side != line.side).any(|(_, other)| other != key) {
            line.weight = Weight::Told;
        }
    }
}

/// What one side has and the other has not, or has in another place.
fn differing(old: &[Entry], new: &[Entry]) -> Vec<Entry> {
    let (stay_in_old, stay_in_new) = staying(old, new);
    let mut found = Vec::new();
    let (mut old, mut new) = (old.iter().zip(stay_in_old), new.iter().zip(stay_in_new));
    // Both sides have as many that stay, in one order.
    loop {
        let is_over = take_to_next(&mut old, &mut found);
        if take_to_next(&mut new, &mut found) && is_over {
            return found;
        }
    }
}

/// Takes what does not stay, up to and without the next one that does. Returns whether there is none.
fn take_to_next<'a>(entries: &mut impl Iterator<Item = (&'a Entry, bool)>, found: &mut Vec<Entry>) -> bool {
    for (entry, stays) in entries {
        if stays {
            return false;
        }
        found.push(entry.clone());
    }
    true
}

/// Which entries of either side stay where they are.
///
/// What only one side has is left out before the two are aligned, which takes as long as they are long times as much as
/// they differ.
fn staying(old: &[Entry], new: &[Entry]) -> (Vec<bool>, Vec<bool>) {
    let common = |side: &[Entry], other: &[Entry]| -> Vec<usize> {
        let others: BTreeSet<&str> = other.iter().map(|entry| entry.key.as_str()).collect();
        let numbered = side.iter().enumerate().filter(|(_, entry)| others.contains(entry.key.as_str()));
        numbered.map(|(at, _)| at).collect()
    };
    let (in_old, in_new) = (common(old, new), common(new, old));
    let (mut stay_in_old, mut stay_in_new) = (vec![false; old.len()], vec![false; new.len()]);
    let note = |stay: &mut [bool], common: &[usize], start: usize, length: usize| {
        for at in common.iter().skip(start).take(length) {
            if let Some(stays) = stay.get_mut(*at) {
                *stays = true;
            }
        }
    };
    for op in capture_diff_slices(Algorithm::Myers, &keys(old, &in_old), &keys(new, &in_new)) {
        if let DiffOp::Equal { old_index, new_index, len } = op {
            note(&mut stay_in_old, &in_old, old_index, len);
            note(&mut stay_in_new, &in_new, new_index, len);
        }
    }
    (stay_in_old, stay_in_new)
}

fn keys<'a>(side: &'a [Entry], numbers: &[usize]) -> Vec<&'a str> {
    numbers.iter().filter_map(|at| side.get(*at)).map(|entry| entry.key.as_str()).collect()
}

impl Rules {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Everything that stands on one side only, with where.
    pub fn lines(&self) -> impl Iterator<Item = (&Part, &Line)> {
        self.parts.iter().flat_map(|part| part.lines.iter().map(move |line| (part, line)))
    }
}

impl<'a> Reader<'a, '_> {
    /// The chains at hooks, by what is said of their place.
    fn hooked(&mut self, is_asked: bool) -> BTreeMap<String, Vec<Entry>> {
        let based = self.table.chains.iter().filter_map(|(name, chain)| Some((name, chain, chain.base?)));
        let interface = |base| if is_asked { interface(self.family, base) } else { None };
        let mut chains: Vec<_> = based.map(|(name, chain, base)| (interface(base), name, chain, base)).collect();
        // What several call is read for the one that sees least.
        chains.sort_by_key(|(interface, name, ..)| (*interface, *name));
        chains
            .into_iter()
            .map(|(interface, name, chain, base)| {
                let place = format!("{name} ({} {} {})", base.chain_type, base.hook, base.priority);
                (place, chain.rules.iter().map(|rule| self.rule(rule, interface)).collect())
            })
            .collect()
    }

    fn rule(&mut self, rule: &'a Rule, interface: Option<Field>) -> Entry {
        let exprs: Vec<Expr> = rule.exprs.iter().filter(|expr| **expr != Expr::Counter).cloned().collect();
        let mut weight = weight(&exprs, interface);
        let text = render::rule_of(self.family, &Rule { exprs, comment: None });
        let chains = &self.table.chains;
        let mut names = text.split(|letter| !is_of_name(letter)).filter(|word| word.starts_with(OURS));
        let names_chains = names.all(|word| chains.contains_key(word));
        let (key, text) = self.named(&text, interface, &mut weight);
        let origin = rule.comment.as_ref().map(ToString::to_string);
        Entry { key, line: Line { side: self.side, text, origin, weight }, names_chains }
    }

    /// A text with contents in place of names, and one with names that do not change with them.
    fn named(&mut self, text: &str, interface: Option<Field>, weight: &mut Weight) -> (Key, String) {
        let (mut key, mut shown) = (String::new(), String::new());
        let mut rest = text;
        while !rest.is_empty() {
            let length = rest.find(|letter| !is_of_name(letter)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(length);
            match self.refer(word, interface) {
                Some((label, number, referred)) => {
                    *weight = referred.map_or(*weight, |referred| referred.max(*weight));
                    shown.push_str(&label);
                    key.extend([&*label, "#", &*number.to_string()]);
                }
                None => {
                    shown.push_str(word);
                    key.push_str(word);
                }
            }
            let length = after.find(is_of_name).unwrap_or(after.len());
            let (between, next) = after.split_at(length);
            shown.push_str(between);
            key.push_str(between);
            rest = next;
        }
        (key, shown)
    }

    /// What a word refers to: what it is called, the number of its content, and what a difference in it may change.
    fn refer(&mut self, word: &str, interface: Option<Field>) -> Option<(String, usize, Option<Weight>)> {
        if !word.starts_with(OURS) {
            return None;
        }
        let table = self.table;
        if let Some((name, chain)) = table.chains.get_key_value(word) {
            return Some(
                self.once(name, |reader| chain.rules.iter().map(|rule| reader.rule(rule, interface)).collect()),
            );
        }
        if let Some((name, set)) = table.sets.get_key_value(word) {
            return Some(self.once(name, |reader| reader.set(set, interface)));
        }
        let quota = table.quotas.get(word).map(|quota| format!("quota {}", render::quota(quota)));
        let content = quota.unwrap_or_default();
        Some((word.to_owned(), self.number(content), None))
    }

    fn once(&mut self, name: &'a Name, read: impl FnOnce(&mut Self) -> Vec<Entry>) -> (String, usize, Option<Weight>) {
        let label = label(name.as_str());
        match self.named.get(name) {
            Some(Some(known)) => return (label, known.number, Some(known.weight)),
            Some(None) => return (label, usize::MAX, Some(Weight::Unknown)),
            None => {}
        }
        self.named.insert(name, None);
        let entries = read(self);
        let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        let number = self.number(format!("{label}\n{}", keys.join("\n")));
        let weight = entries.iter().map(|entry| entry.line.weight).max().unwrap_or(Weight::Told);
        self.named.insert(name, Some(Named { label: label.clone(), number, entries, weight }));
        (label, number, Some(weight))
    }

    fn number(&mut self, content: String) -> usize {
        let next = self.numbers.len();
        *self.numbers.entry(content).or_insert(next)
    }

    /// What a set is, and its elements. What these may change is a matter of the rules that look things up.
    fn set(&mut self, set: &'a Set, interface: Option<Field>) -> Vec<Entry> {
        let Set { spec, elements } = set;
        // Room is made for as many elements as there are.
        let size = spec.size.filter(|_| spec.dynamic);
        let spec = SetSpec { comment: None, size, ..spec.clone() };
        let is_kept = spec.dynamic || spec.timeout.is_some();
        let described = render::set_spec(&spec).split_whitespace().collect::<Vec<_>>().join(" ");
        let weight = if is_kept { Weight::Unknown } else { Weight::Told };
        let line = Line { side: self.side, text: described.clone(), origin: None, weight };
        let mut entries = vec![Entry { key: described, line, names_chains: false }];
        for (key, element) in elements {
            let text = render::element(&spec, key, &Element { comment: None, ..element.clone() });
            let origin = element.comment.as_ref().map(ToString::to_string);
            let mut weight = weight;
            let (key, text) = self.named(&text, interface, &mut weight);
            let line = Line { side: self.side, text, origin, weight };
            entries.push(Entry { key, line, names_chains: false });
        }
        entries
    }
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// The interface that packets are asked for with, in chains in which they are.
fn interface(family: Family, base: BaseChain) -> Option<Field> {
    let is_asked = CHAINS.iter().any(|(asked, _, _)| asked.definition().1 == base);
    match base.hook {
        Hook::Input | Hook::Forward => Some(Field::Iifname),
        Hook::Output => Some(Field::Oifname),
        Hook::Prerouting | Hook::Postrouting => None,
    }
    .filter(|_| is_asked && family == Family::Inet && base.chain_type == ChainType::Filter)
}

/// What a rule may change, in a chain in which packets with this interface were asked for.
fn weight(exprs: &[Expr], interface: Option<Field>) -> Weight {
    let kinds = || exprs.iter().map(|expr| kind(expr, interface));
    if kinds().all(|kind| matches!(kind, Kind::Asks { .. } | Kind::Records)) {
        return Weight::Record;
    }
    let is_told = interface.is_some()
        && kinds().all(|kind| match kind {
            Kind::Asks { is_told } => is_told,
            Kind::Records | Kind::Decides => true,
            Kind::Does => false,
        });
    if is_told { Weight::Told } else { Weight::Unknown }
}

/// What an expression is to its rule.
enum Kind {
    /// A condition, and whether packets were asked for that tell it.
    Asks { is_told: bool },
    /// It logs or counts.
    Records,
    /// A verdict.
    Decides,
    /// Anything else.
    Does,
}

fn kind(expr: &Expr, interface: Option<Field>) -> Kind {
    let is_told = |field: &Field| is_varied(*field) || Some(*field) == interface;
    match expr {
        Expr::Match(found) => {
            let is_told = found.mask.is_none() && (is_told(&found.field) || is_one_of_several(found));
            Kind::Asks { is_told }
        }
        Expr::Lookup(Lookup { key, .. }) => Kind::Asks { is_told: key.iter().all(is_told) },
        Expr::Exists(_) | Expr::Bytes(_) | Expr::Clock(_) | Expr::Limit(_) | Expr::Quota(_) | Expr::Sample(_) => {
            Kind::Asks { is_told: false }
        }
        Expr::VerdictMap(VerdictMap { key, .. }) if key.iter().all(is_told) => Kind::Decides,
        Expr::Log(_) | Expr::Counter | Expr::NamedCounter(_) => Kind::Records,
        Expr::Verdict(_) | Expr::Reject(_) => Kind::Decides,
        Expr::VerdictMap(_)
        | Expr::NamedQuota(_)
        | Expr::DynamicSet(_)
        | Expr::Nat(_)
        | Expr::Notrack
        | Expr::Assign(_)
        | Expr::SegmentSize(_)
        | Expr::StripOption(_)
        | Expr::Tproxy(_)
        | Expr::Synproxy(_)
        | Expr::Queue(_)
        | Expr::Duplicate(_)
        | Expr::SetHeader(_)
        | Expr::SetCt(_)
        | Expr::SetMeta(_) => Kind::Does,
    }
}

/// Whether packets were asked for with every value of a field that the rules tell apart.
fn is_varied(field: Field) -> bool {
    use Field::{Ip6Daddr, Ip6Saddr, IpDaddr, IpSaddr, NfProto, SctpDport, TcpDport, ThDport, UdpDport};
    matches!(field, NfProto | IpSaddr | IpDaddr | Ip6Saddr | Ip6Daddr | ThDport | TcpDport | UdpDport | SctpDport)
}

/// Whether a comparison is with a protocol, or with the kind of ICMP, that was asked for.
fn is_one_of_several(found: &Match) -> bool {
    let asked: [(Field, &[u128]); 3] =
        [(Field::L4Proto, &[1, 6, 17, 58, 132]), (Field::IcmpType, &[8]), (Field::Icmpv6Type, &[128])];
    let is_asked = |value: u128| asked.iter().any(|(field, values)| *field == found.field && values.contains(&value));
    match &found.value {
        Value::One(value) => found.operator == Operator::Eq && is_asked(value.to_u128()),
        Value::Range(_) | Value::Prefix(..) => false,
    }
}

/// A name without the hash of what bears it: `pl_KIND_TAIL`.
fn label(name: &str) -> String {
    // Where two contents share a hash, `xN` follows it.
    let is_hash = |part: &str| {
        part.split_at_checked(HASH).is_some_and(|(hash, more)| {
            let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            hash.bytes().all(is_letter) && (more.is_empty() || more.starts_with('x'))
        })
    };
    let mut parts: Vec<&str> = name.split('_').collect();
    if let Some(at) = parts.iter().position(|part| is_hash(part)) {
        parts.remove(at);
    }
    parts.join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(side: Side, texts: &[&str]) -> Vec<Entry> {
        let entry = |text: &&str| Entry {
            key: (*text).to_owned(),
            line: Line { side, text: (*text).to_owned(), origin: None, weight: Weight::Unknown },
            names_chains: false,
        };
        texts.iter().map(entry).collect()
    }

    #[test]
    fn what_stays_is_left_out_and_the_rest_stands_where_it_was() {
        let told = |old: &[&str], new: &[&str]| -> Vec<String> {
            let found = differing(&entries(Side::Old, old), &entries(Side::New, new));
            found.iter().map(|entry| format!("{} {}", entry.line.side.word(), entry.line.text)).collect()
        };
        assert_eq!(told(&["a", "b", "c"], &["a", "b", "c"]), [""; 0]);
        assert_eq!(told(&[], &["a"]), ["new a"]);
        assert_eq!(told(&["a", "b", "c"], &["a", "x", "c", "y"]), ["old b", "new x", "new y"]);
        // One of two that change places has moved, and is told on both sides.
        assert_eq!(told(&["a", "b", "z"], &["b", "a", "z"]).len(), 2);
        // Of three that are equal, one is gone.
        assert_eq!(told(&["a", "a", "a"], &["a", "a"]), ["old a"]);
    }
}
