//! `@def`: variables and functions, and the calls of functions.
//!
//! A function is a token macro: its body replaces the call, with the arguments in the place of the parameters.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::scope::{bound_word, split_name};
use super::values::plain;
use super::{Evaluator, Flow, Step, error, joined};
use crate::host::code;
use crate::host::draft::Draft;
use crate::host::stream::Stream;
use crate::host::tree::{self, Brackets, Group, Node, Token, TokenKind};
use crate::host::value::Value;
use crate::source::Span;
use crate::suggest::nearest;

/// A function: parameters and body.
#[derive(Debug)]
pub(super) struct Function {
    parameters: Vec<Arc<str>>,
    body: Arc<[Node]>,
    form: Body,
    /// Its name in the definition.
    span: Span,
}

/// What may follow a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Body {
    /// Part of a rule: the rule goes on.
    Fragment,
    /// Whole statements: a semicolon.
    Statements,
}

impl Evaluator<'_> {
    /// A definition of the command line: `$name=value`.
    pub(super) fn define_from_outside(&mut self, text: &str) {
        let source = self.sources.add("--def", text);
        let nodes = tree::parse(source, self.sources, &mut self.diagnostics);
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let mut stream = Stream::new(nodes, Span { source, start: end, end }, None);
        if let Err(diagnostic) = self.outside_variable(&mut stream) {
            self.report(*diagnostic);
        }
    }

    fn outside_variable(&mut self, stream: &mut Stream) -> Step<()> {
        let position = stream.position();
        if stream.take_mark("$").is_none() {
            return Err(error(code::SYNTAX, position, "a definition has the form $name=value").into());
        }
        let (name, value) = self.assignment(stream)?;
        if stream.peek().is_some() {
            let message = "one value is expected; several words need parentheses around them";
            return Err(error(code::SYNTAX, stream.position(), message).into());
        }
        if let Some(frame) = self.frames.first_mut() {
            frame.variables.insert(name, Arc::new(value));
        }
        Ok(())
    }

    /// What follows `@def`.
    pub(super) fn define(&mut self, stream: &mut Stream, draft: &Draft, span: Span) -> Step<Flow> {
        if draft.started.or(draft.located).is_some() {
            return Err(error(code::SYNTAX, span, "`@def` must be the first word of its statement").into());
        }
        let position = stream.position();
        if stream.take_mark("&").is_some() {
            return self.define_function(stream);
        }
        if stream.take_mark("$").is_none() {
            return Err(error(code::SYNTAX, position, "`$name` or `&name` is missing after `@def`").into());
        }
        let (name, value) = self.assignment(stream)?;
        Self::semicolon(stream)?;
        let from_outside = self.frames.first().is_some_and(|frame| frame.variables.contains_key(&name));
        if let Some(frame) = self.frames.last_mut().filter(|_| !from_outside) {
            frame.variables.insert(name, Arc::new(value));
        }
        Ok(Flow::Done)
    }

    fn assignment(&mut self, stream: &mut Stream) -> Step<(Arc<str>, Value)> {
        let (name, span) = Self::name(stream, "a variable")?;
        let (letters, rest) = split_name(&name);
        if !rest.is_empty() || letters.is_empty() {
            let diagnostic = error(code::SYNTAX, span, format!("`{name}` cannot be a variable's name"));
            return Err(diagnostic.help("names are made of letters, digits and underscores").into());
        }
        let position = stream.position();
        if stream.take_mark("=").is_none() {
            return Err(error(code::SYNTAX, position, format!("`=` is missing after `${name}`")).into());
        }
        let bang = stream.take_mark("!");
        let mut value = self.value(stream)?;
        if let Some(bang) = bang {
            plain(&value)?;
            if value.items.len() != 1 {
                return Err(error(code::OPERAND, bang, "an array cannot be negated").into());
            }
            value.negated = Some(bang);
        }
        Ok((name, value))
    }

    fn define_function(&mut self, stream: &mut Stream) -> Step<Flow> {
        let (name, span) = Self::name(stream, "a function")?;
        let position = stream.position();
        let parameters = match stream.next() {
            Some(Node::Group(Group { brackets: Brackets::Parens, nodes, closing, .. })) => parameters(&nodes, closing)?,
            _ => return Err(error(code::SYNTAX, position, format!("`(` is missing after `&{name}`")).into()),
        };
        let position = stream.position();
        if stream.take_mark("=").is_none() {
            return Err(error(code::SYNTAX, position, format!("`=` is missing after `&{name}(…)`")).into());
        }
        let mut body = stream.statement();
        match body.last() {
            Some(last) if last.is_mark(";") => {
                body.pop();
            }
            Some(last) if last.is_block() => {}
            _ => return Err(error(code::SYNTAX, span, format!("the body of `&{name}` has no end")).into()),
        }
        let form = if body.iter().any(Node::is_block) { Body::Statements } else { Body::Fragment };
        let function = Function { parameters, body: body.into(), form, span };
        if let Some(frame) = self.frames.last_mut() {
            frame.functions.insert(name, Rc::new(function));
        }
        Ok(Flow::Done)
    }

    /// What follows `&` in a rule: the body takes the place of the call.
    pub(super) fn call(&mut self, stream: &mut Stream, span: Span) -> Step<Flow> {
        let parent = stream.calls();
        let (name, name_span) = Self::name(stream, "a function")?;
        let whole = joined(span, name_span);
        let Some(function) = self.function(&name) else {
            let known = self.frames.iter().flat_map(|frame| frame.functions.keys());
            let known: Vec<&str> = known.map(|known| &**known).collect();
            let diagnostic = error(code::UNKNOWN_WORD, whole, format!("there is no function `&{name}` here"));
            let help = nearest(&name, &known).map(|near| format!("did you mean `&{near}`?"));
            return Err(diagnostic.help(help.unwrap_or_else(|| "define it before its first use".into())).into());
        };
        let position = stream.position();
        let calls = stream.calls();
        let Some(Node::Group(Group { brackets: Brackets::Parens, nodes, closing, .. })) = stream.next() else {
            return Err(error(code::SYNTAX, position, format!("`(` is missing after `&{name}`")).into());
        };
        let arguments = self.arguments(&mut Stream::new(nodes, closing, calls))?;
        if arguments.len() != function.parameters.len() {
            let (given, wanted) = (arguments.len(), function.parameters.len());
            let message = format!("`&{name}` takes {wanted} arguments, here are {given}");
            return Err(error(code::OPERAND, whole, message).label(function.span, "defined here").into());
        }
        arguments.iter().try_for_each(plain)?;
        if function.form == Body::Statements {
            let position = stream.position();
            if stream.take_mark(";").is_none() {
                let message = format!("`;` is missing: the body of `&{name}` has a block, so nothing can follow");
                return Err(error(code::SYNTAX, position, message).label(function.span, "defined here").into());
            }
        }
        let call = Self::enter_call(format!("&{name}").into(), whole, parent)?;
        let arguments: BTreeMap<&str, Arc<Value>> =
            function.parameters.iter().map(|parameter| &**parameter).zip(arguments.into_iter().map(Arc::new)).collect();
        let body = self.substitute(&function.body, &arguments)?;
        stream.splice(body, call);
        Ok(Flow::More)
    }

    /// A copy of a body with the arguments in the place of the parameters.
    fn substitute(&mut self, body: &Arc<[Node]>, arguments: &BTreeMap<&str, Arc<Value>>) -> Step<Arc<[Node]>> {
        if arguments.is_empty() {
            return Ok(Arc::clone(body));
        }
        let mut result = Vec::with_capacity(body.len());
        let mut nodes = body.iter().peekable();
        while let Some(node) = nodes.next() {
            self.charge(1, node.span())?;
            match node {
                Node::Token(Token { kind: TokenKind::Mark, text, span }) if &**text == "$" => {
                    let argument = nodes.peek().and_then(|next| match next {
                        Node::Token(Token { kind: TokenKind::Word, text, span }) => {
                            arguments.get(&**text).map(|argument| (argument, *span))
                        }
                        Node::Token(_) | Node::Group(_) | Node::Value(..) => None,
                    });
                    if let Some((argument, end)) = argument {
                        result.push(Node::Value(Arc::clone(argument), joined(*span, end)));
                        nodes.next();
                    } else {
                        result.push(node.clone());
                    }
                }
                Node::Token(Token { kind: TokenKind::Double, text, span }) => {
                    let text = substitute_text(text, *span, arguments)?.into();
                    result.push(Node::Token(Token { kind: TokenKind::Double, text, span: *span }));
                }
                Node::Group(group) => {
                    let nodes = self.substitute(&group.nodes, arguments)?;
                    result.push(Node::Group(Group { nodes, ..group.clone() }));
                }
                Node::Token(_) | Node::Value(..) => result.push(node.clone()),
            }
        }
        Ok(result.into())
    }

    /// The semicolon that ends a directive.
    pub(super) fn semicolon(stream: &mut Stream) -> Step<()> {
        let position = stream.position();
        if stream.take_mark(";").is_some() {
            return Ok(());
        }
        Err(error(code::SYNTAX, position, "`;` is missing").into())
    }
}

/// `$a, $b`.
fn parameters(nodes: &Arc<[Node]>, end: Span) -> Step<Vec<Arc<str>>> {
    let mut stream = Stream::new(Arc::clone(nodes), end, None);
    let mut parameters = Vec::new();
    while stream.peek().is_some() {
        let position = stream.position();
        let is_variable = stream.take_mark("$").is_some();
        match stream.next().filter(|_| is_variable) {
            Some(Node::Token(Token { kind: TokenKind::Word, text, .. })) => parameters.push(text),
            _ => return Err(error(code::SYNTAX, position, "a parameter has the form $name").into()),
        }
        let position = stream.position();
        if stream.take_mark(",").is_none() && stream.peek().is_some() {
            return Err(error(code::SYNTAX, position, "`,` is missing between two parameters").into());
        }
    }
    Ok(parameters)
}

/// A double-quoted string with the arguments' texts in the place of the parameters.
fn substitute_text(text: &str, span: Span, arguments: &BTreeMap<&str, Arc<Value>>) -> Step<String> {
    let mut parts = text.split('$');
    let mut result = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let (name, rest) = split_name(part);
        match arguments.get(name) {
            Some(argument) => {
                let Some(word) = argument.scalar() else {
                    let message = format!("`${name}` is an array and cannot stand inside a string");
                    return Err(error(code::OPERAND, span, message).label(argument.span, "the array").into());
                };
                result.push_str(&word.text);
            }
            None => {
                result.push('$');
                result.push_str(name);
            }
        }
        result.push_str(rest);
        bound_word(&result, span)?;
    }
    Ok(result)
}
