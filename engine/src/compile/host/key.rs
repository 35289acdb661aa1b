//! What a dynamic set tells packets apart by: fields, and which of their bits count.

use std::collections::BTreeMap;

use policy_lang::host::rule::Word;

use super::code::Refusal;
use super::operand::bounded;
use crate::ruleset::{DataType, Datum, Field, SetSpec};

/// The fields of a key, and the masks of those of which only the first bits count.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Key {
    pub(super) fields: Vec<Field>,
    pub(super) masks: BTreeMap<Field, Datum>,
}

impl Key {
    pub(super) fn new(fields: Vec<Field>) -> Self {
        Self { fields, masks: BTreeMap::new() }
    }

    /// Lets only so many bits of an address count, from the first on: with none, it is no part of the key. Says nothing
    /// of a field that the key does not have.
    pub(super) fn narrow(&mut self, field: Field, word: &Word) -> Result<(), Refusal> {
        let width = u32::try_from(field.data_type().width() * 8).unwrap_or(u32::MAX);
        let bits = bounded(word, "number of bits", width)?;
        if bits == 0 {
            self.fields.retain(|other| *other != field);
        } else if bits < width && self.fields.contains(&field) {
            let all = Datum::max(field.data_type()).to_u128();
            let mask = all & !all.checked_shr(bits).unwrap_or(0);
            self.masks.insert(field, Datum::from_u128(field.data_type(), mask));
        }
        Ok(())
    }

    /// A key that is the same of every packet has to be something: of a rule of one family, every packet has this.
    pub(super) fn or_one_for_all(mut self) -> Self {
        if self.fields.is_empty() {
            self.fields.push(Field::NfProto);
        }
        self
    }

    /// A dynamic set of such keys, yet without a size.
    pub(super) fn spec(&self) -> SetSpec {
        let types: Vec<DataType> = self.fields.iter().map(|field| field.data_type()).collect();
        SetSpec { dynamic: true, ..SetSpec::hash(types) }
    }
}
