//! The words for who is at an end of a connection, and for ports.

use std::net::IpAddr;
use std::sync::Arc;

use glob::Pattern;
use ipnet::IpNet;
use policy_lang::name::{Labels, NamespacedName};
use policy_lang::port::Protocol;
use policy_lang::source::Span;

/// Somebody at one end, with the ports that are written behind it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Term {
    /// Who.
    pub who: Who,
    /// The ports there; none if none are written.
    pub ports: Vec<PortTerm>,
    /// As it was written.
    pub text: Arc<str>,
    /// Where.
    pub span: Span,
}

/// Who is at an end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Who {
    /// Every pod, node and address.
    Any,
    /// Addresses that are no pod's, no node's and no Service's.
    Internet,
    /// The pods that answer DNS.
    Dns,
    /// What stands behind the Service `default/kubernetes`.
    ApiServer,
    /// Nodes by name.
    Nodes(Pattern),
    /// Workloads.
    Workloads(Box<Wanted>),
    /// The pods behind a Service.
    Service(NamespacedName),
    /// Addresses by number.
    Addresses(IpNet),
    /// A name of the file for several of these.
    Group(Arc<str>),
}

/// Which workloads are meant: those that satisfy everything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Wanted {
    /// Their kind; any if none is written.
    pub kind: Option<Arc<str>>,
    /// Their namespace.
    pub namespace: Option<Pattern>,
    /// Their name.
    pub name: Option<Pattern>,
    /// Labels of their pods, all of them.
    pub labels: Labels,
}

/// Ports of a protocol.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum PortTerm {
    /// By number, both included.
    Numbers(Protocol, u16, u16),
    /// By the name that the pods give to a number, or a Service to a port of its own.
    Name(Arc<str>, Option<Protocol>),
}

/// The words that mean somebody.
pub const KEYWORDS: [&str; 5] = ["any", "apiserver", "dns", "internet", "node"];

impl Who {
    /// Reads a word, and what stands behind its colon.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<(Self, Vec<PortTerm>), String> {
        if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or_else(|| format!("`{text}` has no closing bracket"))?;
            let who = addresses(address)?.ok_or_else(|| format!("`{address}` is no address"))?;
            return Ok((who, behind(rest)?));
        }
        if let Some(who) = addresses(text)? {
            return Ok((who, Vec::new()));
        }
        if let Some(rest) = text.strip_prefix("host:") {
            let (name, ports) = rest.split_once(':').map_or((rest, Vec::new()), |(name, ports)| (name, vec![ports]));
            return Ok((Self::Nodes(pattern(name)?), PortTerm::parse_all(&ports)?));
        }
        if let Some(rest) = text.strip_prefix("svc:") {
            let (name, ports) = rest.split_once(':').map_or((rest, Vec::new()), |(name, ports)| (name, vec![ports]));
            let (namespace, name) = name.split_once('/').ok_or_else(|| format!("`{text}` is no svc:NAMESPACE/NAME"))?;
            return Ok((Self::Service(NamespacedName::new(namespace, name)), PortTerm::parse_all(&ports)?));
        }
        let (word, ports) = text.split_once(':').map_or((text, Vec::new()), |(word, ports)| (word, vec![ports]));
        Ok((Self::of_word(word)?, PortTerm::parse_all(&ports)?))
    }

    fn of_word(word: &str) -> Result<Self, String> {
        Ok(match word {
            "any" => Self::Any,
            "internet" => Self::Internet,
            "dns" => Self::Dns,
            "apiserver" => Self::ApiServer,
            "node" => Self::Nodes(pattern("*")?),
            "" => return Err("nobody is named".to_owned()),
            _ => match addresses(word)? {
                Some(addresses) => addresses,
                None => match word.split('/').collect::<Vec<_>>().as_slice() {
                    [group] => Self::Group(Arc::from(*group)),
                    [namespace, name] => Self::workloads(None, namespace, name)?,
                    [kind, namespace, name] => Self::workloads(Some(kind), namespace, name)?,
                    _ => return Err(format!("`{word}` is no NAMESPACE/NAME and no KIND/NAMESPACE/NAME")),
                },
            },
        })
    }

    fn workloads(kind: Option<&str>, namespace: &str, name: &str) -> Result<Self, String> {
        Ok(Self::Workloads(Box::new(Wanted {
            kind: kind.map(Arc::from),
            namespace: Some(pattern(namespace)?),
            name: Some(pattern(name)?),
            labels: Labels::default(),
        })))
    }
}

/// A name with `*` and `?`.
///
/// # Errors
/// If it is none.
pub(super) fn pattern(word: &str) -> Result<Pattern, String> {
    if word.is_empty() {
        return Err("a name is missing".to_owned());
    }
    Pattern::new(word).map_err(|error| format!("`{word}` is no pattern: {}", error.msg))
}

/// An address or a CIDR; nothing for any other word.
fn addresses(word: &str) -> Result<Option<Who>, String> {
    if let Ok(address) = word.parse::<IpAddr>() {
        return Ok(Some(Who::Addresses(address.into())));
    }
    let Ok(network) = word.parse::<IpNet>() else { return Ok(None) };
    if network != network.trunc() {
        return Err(format!("`{word}` has bits beyond its prefix: write {} or {}", network.trunc(), network.addr()));
    }
    Ok(Some(Who::Addresses(network)))
}

fn behind(rest: &str) -> Result<Vec<PortTerm>, String> {
    match rest.strip_prefix(':') {
        Some(port) => PortTerm::parse_all(&[port]),
        None if rest.is_empty() => Ok(Vec::new()),
        None => Err(format!("`{rest}` is no port: write `:443/tcp`")),
    }
}

impl PortTerm {
    /// Reads `443`, `443/tcp`, `8000-8080/udp`, `https` or `dns/udp`. TCP where no protocol is written, but for names.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no port: write 443/tcp, 8000-8080/udp, 3868/sctp or the name of a port");
        let (port, protocol) = match text.split_once('/') {
            None => (text, None),
            Some((port, word)) => {
                let known = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp]
                    .into_iter()
                    .find(|known| known.to_string().eq_ignore_ascii_case(word));
                (port, Some(known.ok_or_else(wrong)?))
            }
        };
        let of_number = protocol.unwrap_or(Protocol::Tcp);
        let is_name = |text: &str| {
            let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            text.bytes().all(is_letter) && text.bytes().any(|byte| byte.is_ascii_lowercase()) && text.len() <= 15
        };
        if is_name(port) {
            return Ok(Self::Name(Arc::from(port), protocol));
        }
        let (first, last) = port.split_once('-').unwrap_or((port, port));
        match (first.parse::<u16>(), last.parse::<u16>()) {
            (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(Self::Numbers(of_number, first, last)),
            _ => Err(wrong()),
        }
    }

    fn parse_all(texts: &[&str]) -> Result<Vec<Self>, String> {
        texts.iter().map(|text| Self::parse(text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        match Who::parse(text) {
            Ok((who, ports)) => {
                let who = match who {
                    Who::Any => "any".to_owned(),
                    Who::Internet => "internet".to_owned(),
                    Who::Dns => "dns".to_owned(),
                    Who::ApiServer => "apiserver".to_owned(),
                    Who::Nodes(pattern) => format!("nodes {pattern}"),
                    Who::Workloads(wanted) => {
                        let part = |pattern: Option<Pattern>| pattern.unwrap().to_string();
                        let kind = wanted.kind.as_deref().unwrap_or("-");
                        format!("{kind} {} {}", part(wanted.namespace), part(wanted.name))
                    }
                    Who::Service(name) => format!("service {name}"),
                    Who::Addresses(network) => network.to_string(),
                    Who::Group(name) => format!("group {name}"),
                };
                format!("{who} {ports:?}").replace(" []", "")
            }
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn every_word_for_somebody_is_read_with_its_ports() {
        assert_eq!(check("internet"), "internet");
        assert_eq!(check("frontends"), "group frontends");
        assert_eq!(check("*/*"), "- * *");
        assert_eq!(check("Deployment/payments/gateway"), "Deployment payments gateway");
        assert_eq!(check("payments/gateway:8080/tcp"), "- payments gateway [Numbers(Tcp, 8080, 8080)]");
        assert_eq!(check("shop/cart:http"), "- shop cart [Name(\"http\", None)]");
        assert_eq!(check("host:worker-*:22"), "nodes worker-* [Numbers(Tcp, 22, 22)]");
        assert_eq!(check("node"), "nodes *");
        assert_eq!(check("svc:payments/gw:80"), "service payments/gw [Numbers(Tcp, 80, 80)]");
        assert_eq!(check("169.254.169.254:80/tcp"), "169.254.169.254/32 [Numbers(Tcp, 80, 80)]");
        assert_eq!(check("10.0.0.0/8:443"), "10.0.0.0/8 [Numbers(Tcp, 443, 443)]");
        assert_eq!(check("2001:db8::/32"), "2001:db8::/32");
        assert_eq!(check("[2001:db8::1]:53-54/udp"), "2001:db8::1/128 [Numbers(Udp, 53, 54)]");
    }

    #[test]
    fn what_is_no_word_is_refused() {
        for text in ["", "a/b/c/d", "a/", "[::1", "[::1]x", "10.0.0.1/8", "svc:web", "a/b:0", "a/b:80/icmp", "a/b:9-8"]
        {
            assert!(check(text).starts_with("error: "), "{text} is read as {}", check(text));
        }
    }
}
