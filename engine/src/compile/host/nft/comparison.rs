//! A field, or several, against values.

use super::super::emit::list_expr;
use super::super::names::Names;
use super::value;
use super::words::{Fault, Words};
use crate::interval;
use crate::render::{self, symbol};
use crate::ruleset::{
    CtField, DataType, Datum, Element, ElementKey, Elements, Expr, Field, Interval, Lookup, Match, Operator, SetRef,
    SetSpec, Value,
};

/// Other spellings that nft takes.
const ALIASES: &[(&str, Field)] = &[
    ("meta iifname", Field::Iifname),
    ("meta oifname", Field::Oifname),
    ("meta iifgroup", Field::Iifgroup),
    ("meta oifgroup", Field::Oifgroup),
    ("mark", Field::Mark),
    ("pkttype", Field::PktType),
    ("skuid", Field::SkUid),
    ("skgid", Field::SkGid),
    ("cpu", Field::Cpu),
    ("cgroup", Field::Cgroup),
    ("rtclassid", Field::Realm),
];

/// Longest key of a concatenation, in bytes (`NFT_DATA_VALUE_MAXLEN`).
const KEY_MAX: usize = 64;

/// Most elements of a list of several fields: each is compared with every other.
const ELEMENTS_MAX: usize = 4_096;

/// The sign between a field and its values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sign {
    Implied,
    Equal,
    Unequal,
    Below,
    Above,
    AtMost,
    AtLeast,
}

/// The fields that texts may ask for.
pub(super) fn fields() -> impl Iterator<Item = Field> {
    // No chain of IP meets tags, or messages of ARP.
    let of_frames = |field: &Field| {
        matches!(field, Field::EtherType | Field::VlanId | Field::VlanPcp | Field::VlanType | Field::Arp(_))
    };
    // ferm has a word for it, whose names are no interfaces'.
    let is_read = move |field: &Field| !of_frames(field) && *field != Field::Ct(CtField::Helper);
    Field::ALL.iter().copied().filter(is_read)
}

/// The field that comes next, by its longest name; nothing if none does.
pub(super) fn field(words: &mut Words<'_>) -> Option<Field> {
    let named = fields().map(|field| (render::field(field), field));
    let found = named.chain(ALIASES.iter().copied()).filter_map(|(name, field)| Some((words.follows(name)?, field)));
    let (n_words, field) = found.max_by_key(|(n_words, _)| *n_words)?;
    words.skip(n_words);
    Some(field)
}

/// What follows a field.
pub(super) fn read(first: Field, words: &mut Words<'_>, names: &Names) -> Result<Expr, Fault> {
    let mut key = vec![first];
    while words.take_if(".") {
        let next = field(words);
        let Some(next) = next else {
            let word = words.take("a field")?;
            return Err(word.fault(format!("`{}` is no field", word.text), "write one of docs/host/nft.md"));
        };
        key.push(next);
    }
    if key.len() > 1 {
        return several(key, words, names);
    }
    if symbol::bits(first.data_type()).is_some() {
        return flags(first, words, names);
    }
    let mask = if words.take_if("&") { Some(value::single(&words.take("a mask")?, first, names)?) } else { None };
    let sign = sign(words);
    let operator = operator(sign);
    if words.take_if("{") {
        if mask.is_some() {
            let word = words.take("a value")?;
            return Err(word.fault("a list cannot follow a mask", "compare with one value"));
        }
        return list(first, operator, words, names);
    }
    let word = words.take("a value")?;
    let interval = value::interval(&word, first, names)?;
    if let Some(stem) = word.text.strip_suffix('*').filter(|_| first.data_type() == DataType::Ifname) {
        let bits = u8::try_from(stem.len() * 8).unwrap_or(u8::MAX);
        return Ok(Expr::Match(Match {
            field: first,
            mask: None,
            operator,
            value: Value::Prefix(interval.low(), bits),
        }));
    }
    let value = match sign {
        Sign::Implied | Sign::Equal | Sign::Unequal => interval::value(interval),
        Sign::Below | Sign::Above | Sign::AtMost | Sign::AtLeast => {
            let bounded = bounded(sign, value::single(&word, first, names)?);
            let bounded =
                bounded.ok_or_else(|| word.fault("no value is beyond this one", "compare with another value"))?;
            interval::value(bounded)
        }
    };
    let value = match (mask, value) {
        (Some(_), Value::Prefix(..)) => {
            return Err(word.fault("a network cannot follow a mask", "compare with one value"));
        }
        (_, value) => value,
    };
    Ok(Expr::Match(Match { field: first, mask, operator, value }))
}

/// The values that a sign leaves of a type, if any.
fn bounded(sign: Sign, value: Datum) -> Option<Interval> {
    let (low, high) = (Datum::min(value.data_type()), Datum::max(value.data_type()));
    match sign {
        Sign::Below => Interval::new(low, value.predecessor()?),
        Sign::Above => Interval::new(value.successor()?, high),
        Sign::AtMost => Interval::new(low, value),
        Sign::AtLeast => Interval::new(value, high),
        Sign::Implied | Sign::Equal | Sign::Unequal => None,
    }
}

/// `ct state new,established`, `ct status ! dnat`, `tcp flags syn / syn,ack`, `tcp flags & (syn | ack) == syn`.
fn flags(field: Field, words: &mut Words<'_>, names: &Names) -> Result<Expr, Fault> {
    let zero = Datum::number(field.data_type(), 0);
    let masked = |mask: Datum, operator, value| {
        Expr::Match(Match { field, mask: Some(mask), operator, value: Value::One(value) })
    };
    if words.take_if("!") {
        return Ok(masked(value::bits(words, field, ",")?, Operator::Eq, zero));
    }
    if words.take_if("&") {
        let mask = value::bits(words, field, "|")?;
        let operator = explicit(words)?;
        return Ok(masked(mask, operator, value::bits(words, field, "|")?));
    }
    let sign = sign(words);
    if matches!(sign, Sign::Below | Sign::Above | Sign::AtMost | Sign::AtLeast) {
        let word = words.take("a value")?;
        return Err(word.fault("bits have no order", "compare with == or !="));
    }
    if words.take_if("{") {
        return list(field, operator(sign), words, names);
    }
    if sign == Sign::Implied {
        let value = value::bits(words, field, ",")?;
        if let Some(word) = words.peek().filter(|word| word.text == "|" && !word.is_string) {
            let help = "write A,B for one of them, == A | B for all of them and no other";
            return Err(word.fault("it is not clear whether one of these or all of them are meant", help));
        }
        if words.take_if("/") {
            return Ok(masked(value::bits(words, field, ",")?, Operator::Eq, value));
        }
        return Ok(masked(value, Operator::Ne, zero));
    }
    let value = value::bits(words, field, "|")?;
    if words.take_if("/") {
        return Ok(masked(value::bits(words, field, ",")?, operator(sign), value));
    }
    if let Some(word) = words.peek().filter(|word| word.text == "," && !word.is_string) {
        return Err(word.fault("it is not clear what this list is compared for", "write & (A | B) == 0, or { A, B }"));
    }
    Ok(Expr::Match(Match { field, mask: None, operator: operator(sign), value: Value::One(value) }))
}

/// `==` or `!=`, which must be there.
fn explicit(words: &mut Words<'_>) -> Result<Operator, Fault> {
    let sign = sign(words);
    if matches!(sign, Sign::Equal | Sign::Unequal) {
        return Ok(operator(sign));
    }
    let word = words.take("`==`")?;
    Err(word.fault("`==` or `!=` is expected after a mask", "write ==, or != 0 for any of the bits"))
}

/// `{ 22, 80-90 }` of one field.
fn list(field: Field, operator: Operator, words: &mut Words<'_>, names: &Names) -> Result<Expr, Fault> {
    let mut intervals = Vec::new();
    loop {
        if symbol::bits(field.data_type()).is_some() {
            intervals.push(Interval::single(value::bits(words, field, "|")?));
        } else {
            intervals.push(element(words, field, names)?);
        }
        if ends(words)? {
            return Ok(list_expr(field, operator, &intervals));
        }
    }
}

/// `{ 10.0.0.1 . 22, 10.0.0.0/8 . 80-90 }` of several fields.
fn several(key: Vec<Field>, words: &mut Words<'_>, names: &Names) -> Result<Expr, Fault> {
    let sign = sign(words);
    let opening = words.take("`{`")?;
    let bytes: usize = key.iter().map(|field| field.data_type().width().next_multiple_of(4)).sum();
    if bytes > KEY_MAX {
        return Err(
            opening.fault(format!("these fields have {bytes} bytes"), format!("the kernel compares {KEY_MAX} at once"))
        );
    }
    if !matches!(sign, Sign::Implied | Sign::Equal | Sign::Unequal) || opening.text != "{" || opening.is_string {
        return Err(opening.fault("several fields are compared with a list", "write { A . B, C . D }"));
    }
    let mut keys: Vec<ElementKey> = Vec::new();
    loop {
        let mut parts = Vec::with_capacity(key.len());
        for (at, field) in key.iter().enumerate() {
            if at > 0 {
                words.expect(".")?;
            }
            if symbol::bits(field.data_type()).is_some() {
                parts.push(Interval::single(value::bits(words, *field, "|")?));
            } else {
                parts.push(element(words, *field, names)?);
            }
        }
        keys.push(ElementKey::intervals(parts));
        if keys.len() > ELEMENTS_MAX {
            let help = format!("at most {ELEMENTS_MAX} have room; write further ones in a rule of their own");
            return Err(opening.fault("this list is too long", help));
        }
        if ends(words)? {
            break;
        }
    }
    keys.sort_unstable();
    keys.dedup();
    let has_ranges = keys.iter().flat_map(ElementKey::parts).any(|part| !part.is_single());
    let overlaps = |at: usize, key: &ElementKey| keys.iter().skip(at + 1).any(|other| key.overlaps(other));
    if has_ranges && keys.iter().enumerate().any(|(at, key)| overlaps(at, key)) {
        return Err(
            opening.fault("two elements of this list have packets in common", "write them in rules of their own")
        );
    }
    let types: Vec<_> = key.iter().map(|field| field.data_type()).collect();
    let spec = if has_ranges { SetSpec::intervals(types) } else { SetSpec::hash(types) };
    let elements: Elements = keys.into_iter().map(|key| (key, Element::PLAIN)).collect();
    Ok(Expr::Lookup(Lookup { key, operator: operator(sign), set: SetRef::Anonymous { spec, elements } }))
}

/// A value of a list. Beginnings of names are compared, not looked up.
fn element(words: &mut Words<'_>, field: Field, names: &Names) -> Result<Interval, Fault> {
    let word = words.take("a value")?;
    let interval = value::interval(&word, field, names)?;
    if field.data_type() == DataType::Ifname && !interval.is_single() {
        return Err(word.fault("the beginning of a name cannot stand in a list", "write it in a rule of its own"));
    }
    Ok(interval)
}

/// Whether a list ends after an element; a comma may stand before its `}`.
fn ends(words: &mut Words<'_>) -> Result<bool, Fault> {
    let goes_on = words.take_if(",");
    if words.take_if("}") {
        return Ok(true);
    }
    if goes_on {
        return Ok(false);
    }
    let word = words.take("`}`")?;
    Err(word
        .fault(format!("`{}` cannot stand in this list", word.text), "write `,` between elements and `}` at the end"))
}

fn sign(words: &mut Words<'_>) -> Sign {
    const SIGNS: [(&str, Sign); 12] = [
        ("==", Sign::Equal),
        ("eq", Sign::Equal),
        ("!=", Sign::Unequal),
        ("ne", Sign::Unequal),
        ("<", Sign::Below),
        ("lt", Sign::Below),
        (">", Sign::Above),
        ("gt", Sign::Above),
        ("<=", Sign::AtMost),
        ("le", Sign::AtMost),
        (">=", Sign::AtLeast),
        ("ge", Sign::AtLeast),
    ];
    SIGNS.into_iter().find(|(text, _)| words.take_if(text)).map_or(Sign::Implied, |(_, sign)| sign)
}

fn operator(sign: Sign) -> Operator {
    if sign == Sign::Unequal { Operator::Ne } else { Operator::Eq }
}
