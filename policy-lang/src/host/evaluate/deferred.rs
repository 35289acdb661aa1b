//! Values that wait for the domain: `@ipfilter`, `@resolve`, and `@cat` of either.

use std::sync::Arc;

use super::{Evaluator, Step, cluster, error};
use crate::host::code;
use crate::host::limits::{ARRAY, LOOKUPS, SET_NAME};
use crate::host::rule::{Domain, Word};
use crate::host::surroundings::Record;
use crate::host::value::{Computation, Deferred, Item, belongs};
use crate::source::Span;

impl Evaluator<'_> {
    /// The words of a list in one domain. None of them may stand for somebody of the cluster.
    pub(super) fn force(&mut self, items: Vec<Item>, domain: Domain) -> Step<Vec<Word>> {
        let words = self.addresses(items, domain)?;
        words.iter().try_for_each(cluster::refuse)?;
        Ok(words)
    }

    /// The same where addresses are expected, which may be somebody's of the cluster.
    pub(super) fn addresses(&mut self, items: Vec<Item>, domain: Domain) -> Step<Vec<Word>> {
        if items.iter().all(|item| matches!(item, Item::Word(_))) {
            // The vector stays where it is: most operands are plain words.
            let words: Vec<Word> = items.into_iter().filter_map(Item::into_word).collect();
            return bounded(&words).map(|()| words);
        }
        let mut words = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Item::Word(word) => words.push(word),
                Item::Deferred(deferred) => self.compute_deferred(&deferred, domain, &mut words)?,
            }
            bounded(&words)?;
        }
        Ok(words)
    }

    fn compute_deferred(&mut self, deferred: &Deferred, domain: Domain, words: &mut Vec<Word>) -> Step<()> {
        let Deferred { kind, items, span, .. } = deferred;
        let inner = self.addresses(items.clone(), domain)?;
        match kind {
            Computation::IpFilter => {
                family_record(domain, "@ipfilter", *span)?;
                words.extend(inner.into_iter().filter(|word| belongs(&word.text, domain)));
            }
            Computation::Cat => {
                let text: String = inner.iter().map(|word| &*word.text).collect();
                words.push(Word::new(text, *span));
            }
            Computation::Resolve(record) => {
                let default = family_record(domain, "@resolve", *span)?;
                let first = words.len();
                for word in &inner {
                    self.resolve(word, record.unwrap_or(default), default, domain, words)?;
                }
                // As the words of a list variable: other answers are other elements of one set, and no other rule.
                let name = set_name(&inner);
                words.iter_mut().skip(first).for_each(|word| word.variable = Some(Arc::clone(&name)));
            }
        }
        Ok(())
    }

    /// The addresses that one name has. An address stands for itself, in its own family.
    fn resolve(
        &mut self,
        word: &Word,
        record: Record,
        family: Record,
        domain: Domain,
        words: &mut Vec<Word>,
    ) -> Step<()> {
        if word.peer.is_some() || is_address(&word.text) {
            words.extend(belongs(&word.text, domain).then(|| word.clone()));
            return Ok(());
        }
        let answers = self.look_up(&word.text, record, word.span)?;
        let found = match record {
            Record::A | Record::Aaaa => answers,
            // The names of servers are looked up in their turn.
            Record::Ns | Record::Mx => {
                let mut addresses = Vec::new();
                for name in answers {
                    addresses.extend(self.look_up(&name, family, word.span)?);
                }
                addresses
            }
        };
        words.extend(found.into_iter().map(|text| Word::new(text, word.span)));
        Ok(())
    }

    fn look_up(&mut self, name: &str, record: Record, span: Span) -> Step<Vec<String>> {
        let key = (name.to_owned(), record);
        if let Some(known) = self.resolved_names.get(&key) {
            return Ok(known.clone());
        }
        let Some(resolver) = self.surroundings.resolver else {
            return Err(error(code::UNSUPPORTED, span, format!("`{name}` is not looked up here"))
                .help("names are looked up with --resolve; or write the addresses into an array")
                .into());
        };
        if self.resolved_names.len() >= LOOKUPS {
            self.exhausted = true;
            return Err(error(code::LIMIT, span, format!("more than {LOOKUPS} names are looked up")).into());
        }
        let answers = resolver.look_up(name, record).map_err(|reason| {
            Box::new(error(code::INCLUDE, span, format!("`{name}` cannot be looked up: {reason}")))
        })?;
        self.charge(answers.len(), span)?;
        self.resolved_names.insert(key, answers.clone());
        Ok(answers)
    }
}

/// Refuses an array that grew beyond all measure.
fn bounded(words: &[Word]) -> Step<()> {
    match words.first().filter(|_| words.len() > ARRAY) {
        Some(first) => Err(error(code::LIMIT, first.span, format!("an array has more than {ARRAY} words")).into()),
        None => Ok(()),
    }
}

/// What the set of these names' addresses is called.
fn set_name(names: &[Word]) -> Arc<str> {
    let names: Vec<&str> = names.iter().map(|word| &*word.text).collect();
    format!("resolve_{}", names.join("_")).chars().take(SET_NAME).collect::<String>().into()
}

/// The record that has addresses of a domain's family.
fn family_record(domain: Domain, what: &str, span: Span) -> Step<Record> {
    match domain {
        Domain::Ip => Ok(Record::A),
        Domain::Ip6 => Ok(Record::Aaaa),
        Domain::Arp | Domain::Eb => {
            let message = format!("`{what}` has no meaning in domain {domain}");
            Err(error(code::OPERAND, span, message).help("it chooses between the addresses of ip and ip6").into())
        }
    }
}

/// Whether a word is an address or a network rather than a name, by ferm's test of an address's family.
fn is_address(text: &str) -> bool {
    !belongs(text, Domain::Ip) || !belongs(text, Domain::Ip6)
}
