//! Where the forms of findings go, and what fixes look like.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum as _;
use similar::TextDiff;

use crate::report::findings::Format;

/// One form, and its file; without one, standard output.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Output {
    pub(super) format: Format,
    pub(super) file: Option<PathBuf>,
}

/// `sarif`, or `sarif=findings.sarif`.
pub(super) fn parse(text: &str) -> Result<Output, String> {
    let (word, file) = match text.split_once('=') {
        Some((_, "")) => return Err("a file belongs behind the `=`".to_owned()),
        Some((word, file)) => (word, Some(PathBuf::from(file))),
        None => (text, None),
    };
    let format = Format::from_str(word, false).map_err(|_| {
        let words = Format::value_variants().iter().filter_map(clap::ValueEnum::to_possible_value);
        let words: Vec<String> = words.map(|value| value.get_name().to_owned()).collect();
        format!("the forms are {}", words.join(", "))
    })?;
    Ok(Output { format, file })
}

/// What changed in texts, as a unified diff.
pub(super) fn difference(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (path, new) in after {
        let old = before.get(path).map_or("", String::as_str);
        let diff = TextDiff::from_lines(old, new);
        text.push_str(&diff.unified_diff().header(&format!("a/{path}"), &format!("b/{path}")).to_string());
    }
    text
}
