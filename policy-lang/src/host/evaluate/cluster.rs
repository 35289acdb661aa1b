//! Addresses that the cluster knows: `@nodes`, `@pods`, `@namespace` and `@service`.
//!
//! They stay what they are until the rules are lowered: there they become sets that follow the cluster.

use std::sync::Arc;

use super::{Evaluator, Step, error};
use crate::host::code;
use crate::host::rule::Word;
use crate::host::stream::Stream;
use crate::host::value::{Form, Item, Value};
use crate::manifest::syntax::label_fault;
use crate::name::NamespacedName;
use crate::peer::{Namespaces, Peer, PodSelector, ServicePart};
use crate::selector::Selector;
use crate::source::Span;

/// The built-ins, each with how it is written.
const FORMS: [(&str, &str); 4] = [
    ("nodes", "@nodes(), @nodes(LABEL=VALUE)"),
    ("pods", "@pods(NAMESPACE), @pods(NAMESPACE, LABEL=VALUE), @pods(LABEL=VALUE)"),
    ("namespace", "@namespace(NAME), @namespace(LABEL=VALUE)"),
    ("service", "@service(NAMESPACE/NAME), @service(NAMESPACE/NAME, addresses)"),
];

/// How one of these built-ins is written, if it is one.
pub(super) fn form(name: &str) -> Option<&'static str> {
    FORMS.iter().find(|(known, _)| *known == name).map(|(_, form)| *form)
}

/// The names of the built-ins.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FORMS.iter().map(|(name, _)| *name)
}

/// Refuses a word that stands for somebody of the cluster.
pub(super) fn refuse(word: &Word) -> Step<()> {
    match word.peer {
        None => Ok(()),
        Some(_) => Err(error(code::OPERAND, word.span, format!("`{}` cannot stand here", word.text))
            .help("it stands for the addresses of saddr and daddr in domain ip and ip6")
            .into()),
    }
}

impl Evaluator<'_> {
    /// The value of one of these built-ins, whose arguments are in `stream`.
    pub(super) fn cluster_addresses(
        &mut self,
        stream: &mut Stream,
        name: &str,
        form: &'static str,
        span: Span,
    ) -> Step<Value> {
        let arguments = self.written_arguments(stream)?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let peer = match peer(name, &arguments) {
            Ok(peer) => peer,
            Err(reason) => {
                return Err(error(code::OPERAND, span, reason).help(format!("it is written {form}")).into());
            }
        };
        let text = format!("@{name}({})", arguments.join(","));
        let word = Word { peer: Some(Arc::new(peer)), ..Word::new(text, span) };
        Ok(Value { items: vec![Item::Word(word)], negated: None, form: Form::Plain, span })
    }

    /// What is between commas, `=` and `!` as they are written: a selector is more than words.
    fn written_arguments(&mut self, stream: &mut Stream) -> Step<Vec<String>> {
        let (mut arguments, mut parts) = (Vec::new(), Vec::new());
        while stream.peek().is_some() {
            if stream.take_mark(",").is_some() {
                arguments.push(std::mem::take(&mut parts));
            } else {
                parts.push(self.written_part(stream)?);
            }
        }
        // As for other built-ins, a comma may be last.
        arguments.extend((!parts.is_empty()).then_some(parts));
        Ok(arguments.into_iter().map(|parts| parts.join(" ").replace(" = ", "=").replace("! ", "!")).collect())
    }

    fn written_part(&mut self, stream: &mut Stream) -> Step<String> {
        for mark in ["=", "!"] {
            if stream.take_mark(mark).is_some() {
                return Ok(mark.to_owned());
            }
        }
        let value = self.value(stream)?;
        super::values::plain(&value)?;
        if value.is_deferred() {
            return Err(super::values::deferred_refused(value.span));
        }
        let words: Vec<&str> = value
            .items
            .iter()
            .filter_map(|item| match item {
                Item::Word(word) => Some(&*word.text),
                Item::Deferred(_) => None,
            })
            .collect();
        Ok(match (value.form, words.as_slice()) {
            (Form::Plain, [word]) => (*word).to_owned(),
            (Form::Plain | Form::Array, words) => format!("({})", words.join(",")),
        })
    }
}

/// Whom a built-in stands for; the reason if the arguments make no sense.
fn peer(name: &str, arguments: &[&str]) -> Result<Peer, String> {
    match (name, arguments) {
        ("nodes", requirements) => Ok(Peer::Nodes(selector(requirements)?)),
        ("namespace", [one]) if label_fault(one).is_none() => Ok(pods(named(one), Selector::everything())),
        ("namespace", requirements) if !requirements.is_empty() => {
            Ok(pods(Namespaces::Matching(selector(requirements)?), Selector::everything()))
        }
        ("pods", [namespace, requirements @ ..]) if label_fault(namespace).is_none() => {
            Ok(pods(named(namespace), selector(requirements)?))
        }
        ("pods", requirements) => Ok(pods(Namespaces::Matching(Selector::everything()), selector(requirements)?)),
        ("service", [name]) => service(name, ServicePart::Endpoints),
        ("service", [name, "addresses"]) => service(name, ServicePart::Addresses),
        ("service", [_, part]) => Err(format!("a Service has no `{part}`")),
        _ => Err(format!("`@{name}` cannot take {} arguments", arguments.len())),
    }
}

fn pods(namespaces: Namespaces, pods: Selector) -> Peer {
    Peer::Pods(PodSelector { namespaces, pods })
}

fn named(namespace: &str) -> Namespaces {
    Namespaces::Named(namespace.into())
}

/// An argument that is empty, such as a variable's, would select everything.
fn selector(requirements: &[&str]) -> Result<Selector, String> {
    if requirements.iter().any(|requirement| requirement.trim().is_empty()) {
        return Err("an argument is empty".to_owned());
    }
    requirements.join(",").parse().map_err(|reason: crate::selector::SelectorError| reason.to_string())
}

fn service(name: &str, part: ServicePart) -> Result<Peer, String> {
    let both = name
        .split_once('/')
        .filter(|(namespace, name)| [namespace, name].iter().all(|part| label_fault(part).is_none()));
    let (namespace, name) = both.ok_or_else(|| format!("`{name}` is not the namespace and the name of a Service"))?;
    Ok(Peer::Service { name: NamespacedName::new(namespace, name), part })
}
