//! Reading our tables: several dumps that must be of one generation.

use std::collections::{BTreeMap, BTreeSet};

use super::KernelError;
use super::attribute::Attributes;
use super::decode::{self, DecodedObject, DecodedSet};
use super::element::{self, WireElement};
use super::lower::Surroundings;
use super::message::{self, DUMP, family, family_number, kind, request, request_of};
use super::socket::{Socket, Wholeness};
use crate::observed::{Counted, KernelGeneration, Observed, ObservedCounter, ObservedTable, RuleHandle, UnknownObject};
use crate::ruleset::{Comment, Elements, MapData, Name, Ruleset, Set, SetRef, SetSpec, TableKey};

/// How often a read starts again because others committed meanwhile. Each attempt takes milliseconds.
const ATTEMPTS_MAX: u32 = 20;

/// From how many elements on a hash set is read twice. A smaller one is dumped in one go, before it could be rehashed.
const REHASHED_MIN: usize = 128;

/// `NFTA_GEN_ID`.
pub(super) const GENERATION_ID: u16 = 1;

/// The generation that the last commit left.
///
/// # Errors
/// [`KernelError::Io`], [`KernelError::Denied`], [`KernelError::Malformed`].
pub(super) fn generation(socket: &mut Socket) -> Result<KernelGeneration, KernelError> {
    let seq = socket.number(1);
    let mut generation = None;
    // Asked with an acknowledgement, so that the answer has an end.
    socket.ask(seq, &request(kind::GET_GENERATION, message::ACK, 0, seq, &[]), |_, _, attributes| {
        generation = attributes.u32(GENERATION_ID);
    })?;
    generation.map(KernelGeneration).ok_or(KernelError::Malformed("a generation without a number"))
}

/// What is known of the elements of a named set without reading them.
pub(super) type Known<'a> = &'a dyn Fn(&TableKey, &Name, &SetSpec) -> Option<Elements>;

/// Reads those of these tables that exist.
///
/// # Errors
/// [`KernelError::Moving`] if others committed during every attempt; [`KernelError::Io`], [`KernelError::Denied`].
pub(super) fn observe(socket: &mut Socket, tables: &[TableKey]) -> Result<Observed, KernelError> {
    observe_but(socket, tables, &|_, _, _| None)
}

/// The same, with the elements of the named sets of `left`, which nobody else can have changed.
///
/// # Errors
/// As [`observe`].
pub(super) fn observe_left(socket: &mut Socket, tables: &[TableKey], left: &Ruleset) -> Result<Observed, KernelError> {
    observe_but(socket, tables, &|table, name, spec| {
        let set = left.tables.get(table)?.sets.get(name)?;
        (set.spec == *spec).then(|| set.elements.clone())
    })
}

/// The same, without the elements of sets that are to go and lead nowhere.
///
/// # Errors
/// As [`observe`].
pub(super) fn observe_for(
    socket: &mut Socket,
    tables: &[TableKey],
    desired: &Ruleset,
) -> Result<Observed, KernelError> {
    observe_but(socket, tables, &|table, name, spec| {
        let stays = desired.tables.get(table).is_some_and(|table| table.sets.contains_key(name));
        (!stays && spec.data == MapData::Nothing).then(Elements::new)
    })
}

fn observe_but(socket: &mut Socket, tables: &[TableKey], known: Known<'_>) -> Result<Observed, KernelError> {
    for _ in 0..ATTEMPTS_MAX {
        let generation = generation(socket)?;
        let mut reading = Reading { socket, wholeness: Wholeness::Whole };
        let read = reading.tables(tables, known);
        let wholeness = reading.wholeness;
        match read {
            Ok(tables) if wholeness == Wholeness::Whole && self::generation(socket)? == generation => {
                return Ok(Observed { generation, tables });
            }
            Ok(_) => {}
            // A table, or a set, was deleted between two dumps.
            Err(KernelError::Io(error)) if error.raw_os_error() == Some(libc::ENOENT) => {}
            Err(error) => return Err(error),
        }
    }
    Err(KernelError::Moving { attempts: ATTEMPTS_MAX })
}

/// Whether the named sets of a table hold ranges.
///
/// # Errors
/// [`KernelError::Io`], [`KernelError::Denied`].
pub(super) fn intervals(socket: &mut Socket, table: &TableKey) -> Result<BTreeMap<Name, bool>, KernelError> {
    let mut reading = Reading { socket, wholeness: Wholeness::Whole };
    let mut sets = BTreeMap::new();
    let read = reading.dump_of(kind::GET_SET, table, None, |attributes| {
        if let Some(name) = attributes.get(message::OBJECT_NAME) {
            let flags = attributes.u32(3).unwrap_or(0);
            sets.insert(decode::name(name), flags & super::set_object::flag::INTERVAL != 0);
        }
    });
    match read {
        Ok(()) => Ok(sets),
        Err(KernelError::Io(error)) if error.raw_os_error() == Some(libc::ENOENT) => Ok(sets),
        Err(error) => Err(error),
    }
}

/// The named counters of a table, as of one generation of its objects.
///
/// # Errors
/// [`KernelError::Moving`] if others committed during every attempt; [`KernelError::Io`], [`KernelError::Denied`].
pub(super) fn counters(socket: &mut Socket, table: &TableKey) -> Result<BTreeMap<Name, ObservedCounter>, KernelError> {
    dump_whole(socket, table, kind::GET_OBJECT, None, |counters, attributes| {
        if let Some((name, DecodedObject::Counter(counter))) = decode::object(attributes) {
            counters.insert(name, counter);
        }
    })
}

/// The comments of the rules of a table that count by a named counter.
///
/// # Errors
/// As [`counters`].
pub(super) fn counting_rules(socket: &mut Socket, table: &TableKey) -> Result<BTreeMap<Name, Comment>, KernelError> {
    dump_whole(socket, table, kind::GET_RULE, None, |comments, attributes| {
        if let Some((comment, counters)) = decode::counting_rule(attributes) {
            for counter in counters {
                comments.entry(counter).or_insert_with(|| comment.clone());
            }
        }
    })
}

/// The comments of the rules of a table.
///
/// # Errors
/// As [`counters`].
pub(super) fn rule_comments(
    socket: &mut Socket,
    table: &TableKey,
) -> Result<BTreeMap<RuleHandle, Comment>, KernelError> {
    dump_whole(socket, table, kind::GET_RULE, None, |comments, attributes| {
        comments.extend(decode::rule_comment(attributes));
    })
}

/// What rules and elements that count for themselves have counted, by comment.
///
/// # Errors
/// As [`counters`].
pub(super) fn counted(socket: &mut Socket, table: &TableKey) -> Result<BTreeMap<Comment, Counted>, KernelError> {
    let counting = dump_whole(socket, table, kind::GET_SET, None, |sets, attributes| {
        if let Some((name, Ok(DecodedSet { spec, .. }))) = decode::set(attributes)
            && spec.counters
        {
            sets.insert(name, ());
        }
    })?;
    let mut sums = dump_whole(socket, table, kind::GET_RULE, None, |sums: &mut BTreeMap<_, Counted>, attributes| {
        // What a rule counts that asks such a set is the sum of the elements', each with a line of its own.
        let is_counted_there = |set: &Name| counting.contains_key(set);
        if let Some((comment, counted)) = decode::counted_rule(attributes, &is_counted_there) {
            *sums.entry(comment).or_default() += counted;
        }
    })?;
    for name in counting.into_keys() {
        // By key: a dump that runs into a rehash has some elements twice.
        let elements = dump_whole(socket, table, kind::GET_ELEMENTS, Some(name.as_str()), |elements, attributes| {
            elements.extend(decode::counted_elements(attributes));
        })?;
        for (comment, counted) in elements.into_values() {
            *sums.entry(comment).or_default() += counted;
        }
    }
    Ok(sums)
}

/// Dumps what one table has of a kind of object, or one set of it, until a dump is of one piece; nothing if there is no such
/// table or set.
fn dump_whole<K: Ord, T>(
    socket: &mut Socket,
    table: &TableKey,
    kind: u16,
    set: Option<&str>,
    mut each: impl FnMut(&mut BTreeMap<K, T>, Attributes<'_>),
) -> Result<BTreeMap<K, T>, KernelError> {
    for _ in 0..ATTEMPTS_MAX {
        let mut reading = Reading { socket, wholeness: Wholeness::Whole };
        let mut found = BTreeMap::new();
        let read = reading.dump_of(kind, table, set, |attributes| each(&mut found, attributes));
        match read {
            Ok(()) if reading.wholeness == Wholeness::Whole => return Ok(found),
            Ok(()) => {}
            Err(KernelError::Io(error)) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(BTreeMap::new()),
            Err(error) => return Err(error),
        }
    }
    Err(KernelError::Moving { attempts: ATTEMPTS_MAX })
}

struct Reading<'a> {
    socket: &'a mut Socket,
    wholeness: Wholeness,
}

/// The sets of a table: those with names of their own, and those of rules.
#[derive(Default)]
struct Sets {
    named: BTreeMap<Name, Set>,
    anonymous: BTreeMap<Name, Set>,
    /// Anonymous sets that could not be read.
    unreadable: BTreeSet<Name>,
}

impl Reading<'_> {
    fn tables(
        &mut self,
        wanted: &[TableKey],
        known: Known<'_>,
    ) -> Result<BTreeMap<TableKey, ObservedTable>, KernelError> {
        let mut tables = BTreeMap::new();
        self.dump(kind::GET_TABLE, 0, |number, attributes| {
            let Some(family) = family(number) else { return };
            let Some((name, decoded)) = decode::table(attributes) else { return };
            let key = TableKey { family, name };
            if wanted.contains(&key) {
                let mut table =
                    ObservedTable { flags: decoded.flags, comment: decoded.comment, ..ObservedTable::default() };
                if decoded.is_dormant {
                    let reason = "it is dormant: nothing in it is in force".into();
                    table.unknown.insert(UnknownObject { kind: "table", name: key.name.clone(), reason });
                }
                tables.insert(key, table);
            }
        })?;
        for (key, table) in &mut tables {
            self.objects(key, table)?;
            let sets = self.sets(key, table, known)?;
            self.chains(key, table)?;
            self.rules(key, table, &sets)?;
            table.sets = sets.named;
        }
        Ok(tables)
    }

    fn objects(&mut self, key: &TableKey, table: &mut ObservedTable) -> Result<(), KernelError> {
        self.dump_of(kind::GET_OBJECT, key, None, |attributes| match decode::object(attributes) {
            Some((name, DecodedObject::Counter(counter))) => {
                table.counters.insert(name, counter);
            }
            Some((name, DecodedObject::Quota(quota))) => {
                table.quotas.insert(name, quota);
            }
            Some((name, DecodedObject::Helper(helper))) => {
                table.helpers.insert(name, helper);
            }
            Some((_, DecodedObject::Unknown(unknown))) => {
                table.unknown.insert(unknown);
            }
            None => {}
        })?;
        let flowtables = self.dump_of(kind::GET_FLOWTABLE, key, None, |attributes| {
            table.unknown.extend(decode::flowtable(attributes));
        });
        match flowtables {
            // A kernel without flowtables has none.
            Err(KernelError::Io(error)) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EINVAL)) => {
                Ok(())
            }
            other => other,
        }
    }

    fn sets(&mut self, key: &TableKey, table: &mut ObservedTable, known: Known<'_>) -> Result<Sets, KernelError> {
        let mut decoded = Vec::new();
        self.dump_of(kind::GET_SET, key, None, |attributes| decoded.extend(decode::set(attributes)))?;
        let mut sets = Sets::default();
        for (name, set) in decoded {
            match set {
                Ok(DecodedSet { spec, layout, is_anonymous }) => {
                    // What a dynamic set holds comes and goes by itself.
                    let elements = if spec.dynamic {
                        Some(Elements::new())
                    } else if let Some(elements) = known(key, &name, &spec).filter(|_| !is_anonymous) {
                        Some(elements)
                    } else {
                        let wire = self.elements(key, &name, &spec)?;
                        wire.and_then(|wire| element::decode(&spec, &layout, &wire))
                    };
                    match (elements, is_anonymous) {
                        (Some(elements), true) => drop(sets.anonymous.insert(name, Set { spec, elements })),
                        (Some(elements), false) => drop(sets.named.insert(name, Set { spec, elements })),
                        (None, true) => drop(sets.unreadable.insert(name)),
                        (None, false) => {
                            let reason = "it has an element that palisade never makes".into();
                            table.unknown.insert(UnknownObject { kind: "set", name, reason });
                        }
                    }
                }
                // One of a rule's is named with its rule.
                Err(unknown) if unknown.name.as_str().starts_with("__") => drop(sets.unreadable.insert(name)),
                Err(unknown) => drop(table.unknown.insert(unknown)),
            }
        }
        Ok(sets)
    }

    /// Every element of a set; nothing if one of them cannot be read.
    ///
    /// A hash set without a size is rehashed behind the commits that make it grow, and a dump that runs into that passes
    /// over elements without a word, in an unchanged generation. Such a set is read until two readings agree.
    fn elements(
        &mut self,
        key: &TableKey,
        set: &Name,
        spec: &SetSpec,
    ) -> Result<Option<Vec<WireElement>>, KernelError> {
        let mut last = self.elements_once(key, set, spec)?;
        let is_rehashed = !spec.intervals && spec.size.is_none();
        if !is_rehashed || last.as_ref().is_none_or(|elements| elements.len() < REHASHED_MIN) {
            return Ok(last);
        }
        for _ in 0..ATTEMPTS_MAX {
            let again = self.elements_once(key, set, spec)?;
            if again == last {
                return Ok(again);
            }
            last = again;
        }
        Err(KernelError::Moving { attempts: ATTEMPTS_MAX })
    }

    /// One dump of a set, in the order of its keys.
    fn elements_once(
        &mut self,
        key: &TableKey,
        set: &Name,
        spec: &SetSpec,
    ) -> Result<Option<Vec<WireElement>>, KernelError> {
        let mut elements = Some(Vec::new());
        self.dump_of(kind::GET_ELEMENTS, key, Some(set.as_str()), |attributes| {
            elements = elements.take().and_then(|mut elements| {
                decode::elements(attributes, spec, &mut elements)?;
                Some(elements)
            });
        })?;
        if let Some(elements) = elements.as_mut().filter(|_| !spec.intervals) {
            elements.sort_by_key(|element| element.key);
            elements.dedup();
        }
        Ok(elements)
    }

    fn chains(&mut self, key: &TableKey, table: &mut ObservedTable) -> Result<(), KernelError> {
        self.dump(kind::GET_CHAIN, family_number(key.family), |_, attributes| {
            if attributes.get(message::OBJECT_TABLE).map(decode::name).as_ref() != Some(&key.name) {
                return;
            }
            match decode::chain(key.family, attributes) {
                Some(Ok((name, chain))) => drop(table.chains.insert(name, chain)),
                Some(Err(unknown)) => drop(table.unknown.insert(unknown)),
                None => {}
            }
        })
    }

    fn rules(&mut self, key: &TableKey, table: &mut ObservedTable, sets: &Sets) -> Result<(), KernelError> {
        let has_intervals = |name: &Name| sets.named.get(name).is_some_and(|set| set.spec.intervals);
        let surroundings = Surroundings { family: key.family, has_intervals: &has_intervals };
        let find_set = |name: &str| {
            let name: Name = name.parse().ok()?;
            match sets.anonymous.get(&name) {
                Some(Set { spec, elements }) => {
                    Some(SetRef::Anonymous { spec: spec.clone(), elements: elements.clone() })
                }
                None if sets.unreadable.contains(&name) => None,
                None => Some(SetRef::Named(name)),
            }
        };
        self.dump_of(kind::GET_RULE, key, None, |attributes| {
            if let Some((chain, rule)) = decode::rule(attributes, surroundings, &find_set)
                && let Some(chain) = table.chains.get_mut(&chain)
            {
                chain.rules.push(rule);
            }
        })
    }

    /// Dumps what one table has of a kind of object.
    fn dump_of(
        &mut self,
        kind: u16,
        table: &TableKey,
        name: Option<&str>,
        mut each: impl FnMut(Attributes<'_>),
    ) -> Result<(), KernelError> {
        let seq = self.socket.number(1);
        let request = request_of(kind, DUMP, table, seq, name);
        let family = family_number(table.family);
        let wholeness = self.socket.ask(seq, &request, |_, answer_family, attributes| {
            // Old kernels pass over the filter for some kinds of objects.
            let is_of_table = attributes.get(message::OBJECT_TABLE).map(decode::name).as_ref() == Some(&table.name);
            if is_of_table && answer_family == family {
                each(attributes);
            }
        })?;
        self.note(wholeness);
        Ok(())
    }

    /// Dumps a kind of object of all tables of a family; 0 is every family.
    fn dump(&mut self, kind: u16, family: u8, mut each: impl FnMut(u8, Attributes<'_>)) -> Result<(), KernelError> {
        let seq = self.socket.number(1);
        let wholeness = self.socket.ask(seq, &request(kind, DUMP, family, seq, &[]), |_, family, attributes| {
            each(family, attributes);
        })?;
        self.note(wholeness);
        Ok(())
    }

    fn note(&mut self, wholeness: Wholeness) {
        if wholeness == Wholeness::Interrupted {
            self.wholeness = wholeness;
        }
    }
}
