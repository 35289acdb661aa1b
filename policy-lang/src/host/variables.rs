//! Variables as they are written, whether or not anything comes by them.
//!
//! Invariant: nothing here evaluates anything; a text that cannot be read has no definition.

use std::sync::Arc;

use crate::host::tree::{self, Node, Token, TokenKind};
use crate::source::{SourceId, Sources, Span};

/// `@def $name = …;`, wherever it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Definition {
    /// The name, without its `$`.
    pub name: Arc<str>,
    /// Where the name stands.
    pub span: Span,
    /// From the `@` to the semicolon.
    pub statement: Span,
    /// Whether its value is what a shell command prints.
    pub has_command: bool,
}

/// Every definition of a variable in a text, in its order.
pub fn definitions(source: SourceId, sources: &Sources) -> Vec<Definition> {
    let nodes = tree::parse(source, sources, &mut Vec::new());
    let mut found = Vec::new();
    collect(&nodes, &mut found);
    found.sort_by_key(|definition| definition.span);
    found
}

fn collect(nodes: &[Node], found: &mut Vec<Definition>) {
    for (at, node) in nodes.iter().enumerate() {
        if let Node::Group(group) = node {
            collect(&group.nodes, found);
        }
        if node.is_directive("def") {
            found.extend(nodes.get(at..).and_then(definition));
        }
    }
}

/// What begins with `@def`; nothing for a function, or without an end.
fn definition(nodes: &[Node]) -> Option<Definition> {
    let [def, dollar, Node::Token(Token { kind: TokenKind::Word, text, span }), equals, value @ ..] = nodes else {
        return None;
    };
    if !dollar.is_mark("$") || !equals.is_mark("=") {
        return None;
    }
    let end = value.iter().position(|node| node.is_mark(";"))?;
    let has_command = value.iter().take(end).any(has_command);
    let statement = Span { end: value.get(end)?.span().end, ..def.span() };
    Some(Definition { name: Arc::clone(text), span: *span, statement, has_command })
}

fn has_command(node: &Node) -> bool {
    match node {
        Node::Token(token) => token.kind == TokenKind::Shell,
        Node::Group(group) => group.nodes.iter().any(has_command),
        Node::Value(..) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_found_where_they_stand_and_functions_are_none() {
        let mut sources = Sources::default();
        let text = "@def $a = 1;\n# @def $no = 1;\nchain INPUT { @def $b = (`ls` c); @def &f($x) = $x; }\n@def $c = 2";
        let source = sources.add("a", text);
        let found = definitions(source, &sources);
        let shown = |span: Span| text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let lines: Vec<_> =
            found.iter().map(|found| (&*found.name, shown(found.statement), found.has_command)).collect();
        assert_eq!(lines, [("a", "@def $a = 1;", false), ("b", "@def $b = (`ls` c);", true)]);
    }
}
