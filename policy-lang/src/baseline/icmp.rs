//! One item of `icmp`: a word, or `{version: …, type: …, code: …}`.
//!
//! A type's number means other things in ICMP than in ICMPv6, so numbers need the version; words stand for both.

use crate::manifest::code;
use crate::manifest::reader::{Reader, Schema, field, integer};
use crate::manifest::tree::{Content, ScalarKind, Value};
use crate::port::{IcmpMatch, IcmpVersion};
use crate::suggest::nearest;

/// Echo requests, by their types in ICMP and ICMPv6.
const ECHO: [IcmpMatch; 2] = [
    IcmpMatch { version: IcmpVersion::V4, icmp_type: Some(8), code: None },
    IcmpMatch { version: IcmpVersion::V6, icmp_type: Some(128), code: None },
];

/// Every ICMP and ICMPv6 packet.
const ANY: [IcmpMatch; 2] = [
    IcmpMatch { version: IcmpVersion::V4, icmp_type: None, code: None },
    IcmpMatch { version: IcmpVersion::V6, icmp_type: None, code: None },
];

const WORDS: &[&str] = &["any", "echo", "echo-request"];

const ICMP: Schema = Schema { what: "a kind of ICMP", fields: &["version", "type", "code"], elsewhere: &[] };

/// Reads an item; a word stands for several kinds.
pub(super) fn read(value: &Value, reader: &mut Reader<'_>) -> Option<Vec<IcmpMatch>> {
    match &value.content {
        Content::Mapping(_) => read_numbers(value, reader).map(|kind| vec![kind]),
        Content::Scalar(scalar) if scalar.kind() == ScalarKind::Number => {
            let message = format!("type {} of which version?", scalar.text);
            reader.error(code::BASELINE_ENTRY, value.span, message).help =
                Some(format!("write {{version: 4, type: {0}}} or {{version: 6, type: {0}}}", scalar.text));
            None
        }
        Content::Scalar(_) | Content::Null | Content::Sequence(_) => {
            let word = reader.text(value, "a word such as `echo`, or {version: 4, type: 8}")?;
            match word.value.as_ref() {
                "echo" | "echo-request" => Some(ECHO.into()),
                "any" => Some(ANY.into()),
                other => {
                    let help = match nearest(other, WORDS) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "the words are echo and any; for other types write {version: 4, type: 13}".to_owned(),
                    };
                    reader.error(code::BASELINE_ENTRY, word.span, format!("unknown kind of ICMP `{other}`")).help =
                        Some(help);
                    None
                }
            }
        }
    }
}

fn read_numbers(value: &Value, reader: &mut Reader<'_>) -> Option<IcmpMatch> {
    let fields = reader.mapping(value, &ICMP)?;
    let version = match field(fields, "version") {
        Some(written) => match number(written, reader)? {
            4 => Some(IcmpVersion::V4),
            6 => Some(IcmpVersion::V6),
            other => {
                reader.error(code::BASELINE_ENTRY, written.span, format!("version {other} is neither 4 nor 6"));
                None
            }
        },
        None => {
            let message = "this kind of ICMP has no `version`: 4 or 6";
            reader.error(code::BASELINE_ENTRY, value.span, message);
            None
        }
    };
    let icmp_type = match field(fields, "type") {
        Some(written) => Some(number(written, reader)?),
        None => None,
    };
    let code = match field(fields, "code") {
        Some(written) => Some(number(written, reader)?),
        None => None,
    };
    if let (Some(written), None) = (field(fields, "code"), icmp_type) {
        reader.error(code::BASELINE_ENTRY, written.span, "a `code` means nothing without its `type`");
        return None;
    }
    // A field without a value would be every type, which is more than somebody began to write.
    if let Some(empty) = fields.iter().find(|entry| entry.value.is_null()) {
        reader.error(code::BASELINE_ENTRY, empty.key.span, format!("`{}` has no value", empty.key.value));
        return None;
    }
    Some(IcmpMatch { version: version?, icmp_type, code })
}

/// A number from 0 to 255.
fn number(value: &Value, reader: &mut Reader<'_>) -> Option<u8> {
    let scalar = value.scalar().filter(|scalar| scalar.kind() == ScalarKind::Number);
    let number = scalar.and_then(|scalar| integer(&scalar.text)).and_then(|number| u8::try_from(number).ok());
    if number.is_none() {
        reader.wrong_type(value, "a number from 0 to 255");
    }
    number
}
