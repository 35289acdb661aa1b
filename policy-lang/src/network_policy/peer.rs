//! One item of `from` or `to` (sem-24 to sem-32, sem-40 to sem-46).

use std::sync::Arc;

use ipnet::IpNet;

use crate::diagnostic::Diagnostic;
use crate::manifest::cidr::{self, Cidr, CidrError};
use crate::manifest::code;
use crate::manifest::reader::{Reader, Schema, field};
use crate::manifest::tree::{Spanned, Value};
use crate::network_policy::{Strictness, selector};
use crate::peer::{Namespaces, Peer, PodSelector};
use crate::selector::Selector;
use crate::source::Span;

const PEER: Schema = Schema {
    what: "a peer",
    fields: &["podSelector", "namespaceSelector", "ipBlock"],
    elsewhere: &[
        ("ports", "beside `from` or `to`"),
        ("port", "in an item of `ports`"),
        ("cidr", "in `ipBlock`"),
        ("except", "in `ipBlock`"),
        ("matchLabels", "in `podSelector` or `namespaceSelector`"),
        ("matchExpressions", "in `podSelector` or `namespaceSelector`"),
    ],
};

const IP_BLOCK: Schema = Schema { what: "an ipBlock", fields: &["cidr", "except"], elsewhere: &[] };

/// Reads a peer of a policy in `namespace`.
pub(crate) fn read(
    value: &Value,
    namespace: &Arc<str>,
    strictness: Strictness,
    reader: &mut Reader<'_>,
) -> Option<Spanned<Peer>> {
    if value.is_null() {
        reader.error(code::EMPTY_PEER, value.span, "this peer is empty").help = Some(EMPTY_PEER_HELP.into());
        return None;
    }
    let entries = reader.mapping(value, &PEER)?;
    let (pods, namespaces) = (field(entries, "podSelector"), field(entries, "namespaceSelector"));
    let peer = match (pods, namespaces, field(entries, "ipBlock")) {
        (None, None, None) => {
            // A misspelt field has had its finding.
            if entries.iter().all(|entry| PEER.fields.contains(&entry.key.value.as_ref())) {
                reader.error(code::EMPTY_PEER, value.span, "this peer is empty").help = Some(EMPTY_PEER_HELP.into());
            }
            return None;
        }
        (None, None, Some(block)) => read_ip_block(block, strictness, reader)?,
        (Some(pods), None, None) => {
            let pods = selector::read(pods, strictness, reader)?;
            Peer::Pods(PodSelector { namespaces: Namespaces::Named(Arc::clone(namespace)), pods })
        }
        (pods, Some(namespaces), None) => {
            let pods = match pods {
                Some(pods) => selector::read(pods, strictness, reader),
                None => Some(Selector::everything()),
            };
            let namespaces = selector::read(namespaces, strictness, reader);
            Peer::Pods(PodSelector { namespaces: Namespaces::Matching(namespaces?), pods: pods? })
        }
        (Some(other), _, Some(block)) | (None, Some(other), Some(block)) => {
            let finding = reader.error(code::MIXED_PEER, block.span, "ipBlock beside a selector in one peer");
            finding.help = Some("put it in an item of its own, with a dash".into());
            let label = crate::diagnostic::Label { span: other.span, text: "the selector".into() };
            finding.labels.push(label);
            return None;
        }
    };
    Some(Spanned::new(peer, value.span))
}

const EMPTY_PEER_HELP: &str = "say `podSelector: {}` for the pods of this namespace, `namespaceSelector: {}` for all pods; \
                               leave `from` or `to` out for everything";

fn read_ip_block(value: &Value, strictness: Strictness, reader: &mut Reader<'_>) -> Option<Peer> {
    let entries = reader.mapping(value, &IP_BLOCK)?;
    let Some(cidr) = field(entries, "cidr") else {
        reader.error(code::BAD_CIDR, value.span, "this ipBlock has no `cidr`");
        return None;
    };
    let cidr = read_cidr(cidr, strictness, reader);
    let except = field(entries, "except").map_or(Some(&[][..]), |value| reader.list(value, "a list of CIDRs"))?;
    let mut holes = Vec::new();
    for value in except {
        holes.push(read_cidr(value, strictness, reader)?);
    }
    let cidr = cidr?;
    let mut except = Vec::new();
    for hole in holes {
        let inside = hole.value.prefix_len() > cidr.value.prefix_len() && cidr.value.contains(&hole.value);
        if !inside {
            let message = format!("{} is not a part of {}", hole.value, cidr.value);
            let finding = reader.error(code::BAD_EXCEPT, hole.span, message);
            finding.labels.push(crate::diagnostic::Label { span: cidr.span, text: "the cidr".into() });
            return None;
        }
        except.push(hole.value);
    }
    except.sort_unstable();
    except.dedup();
    Some(Peer::Addresses { cidr: cidr.value, except: except.into() })
}

fn read_cidr(value: &Value, strictness: Strictness, reader: &mut Reader<'_>) -> Option<Spanned<IpNet>> {
    let text = reader.text(value, "a CIDR such as 10.9.8.0/24")?;
    let span = text.span;
    match cidr::parse(&text.value) {
        Ok(Cidr { net, doubt: None }) => Some(Spanned::new(net, span)),
        Ok(Cidr { net, doubt: Some(doubt) }) => {
            let message = format!("`{}` {}", text.value, doubt.describe());
            let fix = reader.replacement(span, &text.value, &net.to_string());
            report_doubt(message, net, span, strictness, reader).fix = fix;
            match strictness {
                Strictness::Lenient => Some(Spanned::new(net, span)),
                Strictness::Strict => None,
            }
        }
        Err(error) => {
            let fix = match &error {
                CidrError::NoPrefix(net) => reader.replacement(span, &text.value, &net.to_string()),
                CidrError::Invalid => None,
            };
            let finding = reader.error(code::BAD_CIDR, span, format!("`{}` is {error}", text.value));
            finding.fix = fix;
            finding.help = match error {
                CidrError::NoPrefix(net) => Some(format!("write {net}")),
                CidrError::Invalid => {
                    Some("write an address and a prefix length, such as 10.9.8.0/24 or 2001:db8::/64".into())
                }
            };
            None
        }
    }
}

fn report_doubt<'r>(
    message: String,
    net: IpNet,
    span: Span,
    strictness: Strictness,
    reader: &'r mut Reader<'_>,
) -> &'r mut Diagnostic {
    let finding = match strictness {
        Strictness::Lenient => reader.warning(code::SLOPPY_CIDR, span, format!("{message}: read as {net}")),
        Strictness::Strict => reader.error(code::SLOPPY_CIDR, span, message),
    };
    finding.help = Some(format!("write {net}"));
    finding
}
