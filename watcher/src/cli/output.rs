//! Several forms of one result at once, each for a place of its own.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;

use super::Failure;

/// One form, and its file; without one, standard output.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Output<F> {
    pub(super) format: F,
    pub(super) file: Option<PathBuf>,
}

/// What becomes of a form that has no file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standard {
    /// It is printed.
    Printed,
    /// Nobody wants to see it.
    Quiet,
}

/// `sarif`, or `sarif=findings.sarif`.
pub(super) fn parse<F: ValueEnum>(text: &str) -> Result<Output<F>, String> {
    let (word, file) = match text.split_once('=') {
        Some((_, "")) => return Err("a file belongs behind the `=`".to_owned()),
        Some((word, file)) => (word, Some(PathBuf::from(file))),
        None => (text, None),
    };
    let format = F::from_str(word, false).map_err(|_| {
        let words = F::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let words: Vec<String> = words.map(|value| value.get_name().to_owned()).collect();
        format!("the forms are {}", words.join(", "))
    })?;
    Ok(Output { format, file })
}

/// Refuses outputs of which one would overwrite another.
pub(super) fn check<F>(outputs: &[Output<F>]) -> Result<(), Failure> {
    if outputs.iter().filter(|output| output.file.is_none()).count() > 1 {
        return Err(Failure::Input(anyhow!("one form at most goes to standard output: name files for the others")));
    }
    let files: BTreeSet<_> = outputs.iter().filter_map(|output| output.file.as_ref()).collect();
    if files.len() < outputs.iter().filter(|output| output.file.is_some()).count() {
        return Err(Failure::Input(anyhow!("two forms cannot go to one file")));
    }
    Ok(())
}

/// Writes all of them; `usual` goes to standard output if none is named.
pub(super) fn write<F: Copy>(
    outputs: &[Output<F>],
    usual: F,
    standard: Standard,
    render: impl Fn(F) -> String,
) -> Result<(), Failure> {
    let on_terminal = [Output { format: usual, file: None }];
    let outputs = if outputs.is_empty() { &on_terminal[..] } else { outputs };
    check(outputs)?;
    for Output { format, file } in outputs {
        let text = render(*format);
        match (file, standard) {
            (Some(path), _) => std::fs::write(path, text)
                .with_context(|| format!("writing {}", path.display()))
                .map_err(Failure::Input)?,
            (None, Standard::Quiet) => {}
            (None, Standard::Printed) => super::print(&text)?,
        }
    }
    Ok(())
}
