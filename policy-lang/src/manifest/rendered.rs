//! Which file a rendered document was made from: what `helm template` and `kustomize build` leave in the text about it.
//!
//! Helm writes `# Source: chart/templates/x.yaml` before each document. Kustomize, asked for it by `buildMetadata:
//! [originAnnotations]`, writes the annotation `config.kubernetes.io/origin` into each object, a text of its own with
//! the `path` of a file, or with the `configuredIn` of whatever generated the object.

use crate::source::{Sources, Span};

/// What helm's comment begins with.
const HELM: &str = "# Source:";

/// The annotation of kustomize.
const ORIGIN: &str = "config.kubernetes.io/origin";

/// The file that the document around a place was made from, if the text says so.
pub fn origin(at: Span, sources: &Sources) -> Option<String> {
    let text = sources.text(at.source);
    let document = document(text, at.start as usize)?;
    of_kustomize(document).or_else(|| of_helm(document))
}

/// The document around an offset: from the `---` before it to the one after it. No more of the text is looked at.
fn document(text: &str, offset: usize) -> Option<&str> {
    let (before, after) = text.split_at_checked(offset)?;
    let separates = |line: Option<&str>| line.is_some_and(|line| line.trim_end() == "---" || line.starts_with("--- "));
    // In the line of the offset itself a document may begin.
    let line = before.rfind('\n').map_or(0, |newline| newline + 1);
    let starts = text.get(..line)?.rmatch_indices("---").map(|(at, _)| at);
    let mut starts = starts.filter(|at| *at == 0 || text.get(..*at).is_some_and(|before| before.ends_with('\n')));
    let start = starts.find(|at| separates(text.get(*at..).and_then(|rest| rest.lines().next())));
    let mut ends = after.match_indices("\n---").map(|(at, _)| offset + at + 1);
    let end = ends.find(|at| separates(text.get(*at..).and_then(|rest| rest.lines().next())));
    let document = text.get(start.unwrap_or(0)..end.unwrap_or(text.len()))?;
    // The separator itself is no part of it.
    match start {
        Some(_) => document.split_once('\n').map(|(_, rest)| rest),
        None => Some(document),
    }
}

fn of_helm(document: &str) -> Option<String> {
    // Comments of a template itself come later.
    let mut lines = document.lines().take_while(|line| line.trim().is_empty() || line.starts_with('#'));
    let path = lines.find_map(|line| line.strip_prefix(HELM))?.trim();
    (!path.is_empty()).then(|| path.to_owned())
}

fn of_kustomize(document: &str) -> Option<String> {
    let mut lines = document.lines().skip_while(|line| !line.trim_start().starts_with(ORIGIN));
    let first = lines.next()?;
    let indent = first.len() - first.trim_start().len();
    let value = first.trim_start().strip_prefix(ORIGIN)?.strip_prefix(':')?.trim();
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let fields: Vec<String> = match quoted {
        Some(quoted) => quoted.split("\\n").map(ToOwned::to_owned).collect(),
        None => {
            let deeper = |line: &&str| line.len() - line.trim_start().len() > indent;
            lines.take_while(deeper).map(ToOwned::to_owned).collect()
        }
    };
    let field = |name: &str| {
        let found = fields.iter().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
        found.map(str::trim).filter(|text| !text.is_empty())
    };
    let path = field("path").or_else(|| field("configuredIn"))?;
    Some(match field("repo") {
        Some(repository) => format!("{repository} {path}"),
        None => path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, word: &str) -> Option<String> {
        let mut sources = Sources::default();
        let source = sources.add("a", text);
        let start = u32::try_from(text.find(word)?).ok()?;
        origin(Span { source, start, end: start + 1 }, &sources)
    }

    #[test]
    fn helm_says_it_before_each_document() {
        let text = "---\n# Source: shop/templates/a.yaml\nkind: A\nx: 1\n---\n# Source: shop/templates/b.yaml\n# more\n\
                    kind: B\n--- # and\nkind: C # Source: no\n# Source: no\n";
        assert_eq!(check(text, "kind: A").as_deref(), Some("shop/templates/a.yaml"));
        assert_eq!(check(text, "x: 1").as_deref(), Some("shop/templates/a.yaml"));
        assert_eq!(check(text, "kind: B").as_deref(), Some("shop/templates/b.yaml"));
        assert_eq!(check(text, "kind: C"), None);
        assert_eq!(check("kind: A\n", "kind"), None);
    }

    #[test]
    fn kustomize_says_it_in_each_object() {
        let text = "kind: A\nmetadata:\n  annotations:\n    config.kubernetes.io/origin: |\n      path: base/a.yaml\n    b: c\n\
                    ---\nkind: B\nmetadata:\n  annotations:\n    config.kubernetes.io/origin: |\n      path: x/b.yaml\n      \
                    repo: https://example.com/r\n      ref: v1\n---\nkind: C\nmetadata:\n  annotations:\n    \
                    config.kubernetes.io/origin: |\n      configuredIn: kustomization.yaml\n      configuredBy:\n        kind: G\n\
                    ---\nkind: D\nmetadata: {annotations: {}}\n---\nkind: E\nmetadata:\n  annotations:\n    \
                    config.kubernetes.io/origin: \"path: base/e.yaml\\n\"\n";
        assert_eq!(check(text, "kind: A").as_deref(), Some("base/a.yaml"));
        assert_eq!(check(text, "kind: B").as_deref(), Some("https://example.com/r x/b.yaml"));
        assert_eq!(check(text, "kind: C").as_deref(), Some("kustomization.yaml"));
        assert_eq!(check(text, "kind: D"), None);
        assert_eq!(check(text, "kind: E").as_deref(), Some("base/e.yaml"));
    }
}
