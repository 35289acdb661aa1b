//! What is asked: who connects to whom, and at which port.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use engine::eval::policy;
use engine::eval::ruleset::{Ports, Transport};
use policy_lang::port::Protocol;

/// The port that simulated questions come from: above all that anybody listens on.
const ASKING_PORT: u16 = 40_000;
/// Types of echo requests.
const ECHO: u8 = 8;
const ECHO_V6: u8 = 128;

/// `FROM TO[:PORT[/PROTOCOL]]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// A pod, a node or an address.
    pub from: Box<str>,
    /// The same, or a Service.
    pub to: Box<str>,
    /// The port; without one, whatever is worth asking.
    pub about: Option<Wanted>,
}

/// What is asked for at the destination.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// A port by its number.
    Number(u16, Protocol),
    /// A port by its name.
    Name(Box<str>, Protocol),
    /// `icmp`: an echo request.
    Echo,
}

/// What a connection is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum About {
    /// A port.
    Port(Protocol, u16),
    /// An echo request.
    Echo,
}

/// Why a question has no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum QuestionError {
    /// What stands behind the colon is no port.
    #[error("`{0}` is no port: use PORT, PORT/TCP, PORT/UDP, PORT/SCTP with a number or a name, or icmp")]
    Port(Box<str>),
    /// No object has this name.
    #[error("{what} {name} is not in the manifests{help}")]
    Unknown {
        /// `pod or Service`, `node`.
        what: &'static str,
        /// As it was asked.
        name: Box<str>,
        /// `: did you mean …?`, or nothing.
        help: String,
    },
    /// It is there, and has no address.
    #[error("{0} has no address yet: until then no rule is about it by its address")]
    NoAddress(Box<str>),
    /// A name of more than one workload.
    #[error("{name} is {n_workloads} workloads, by kinds or labels: name one of their pods, or KIND/NAMESPACE/NAME")]
    Several {
        /// As it was asked.
        name: Box<str>,
        /// How many.
        n_workloads: usize,
    },
    /// A pod that has ended.
    #[error("pod {0} has ended: it counts for no policy, and its address may be another pod's")]
    Ended(Box<str>),
    /// A Service cannot connect.
    #[error("{0} is a Service: it connects to nobody")]
    FromService(Box<str>),
    /// A Service without such a port.
    #[error("Service {name} has no port {port}{has}")]
    NoServicePort {
        /// The Service.
        name: Box<str>,
        /// As it was asked.
        port: Box<str>,
        /// `: it has …`.
        has: String,
    },
    /// Nothing stands behind a Service.
    #[error("Service {0} has no backend: nothing is reached through it")]
    NoBackend(Box<str>),
    /// Nobody at the destination calls a port so.
    #[error("{to} has no port that is called {name}")]
    NoNamedPort {
        /// The destination.
        to: Box<str>,
        /// The name.
        name: Box<str>,
    },
    /// One end has IPv4 only, the other IPv6 only.
    #[error("{from} and {to} have no address family in common")]
    NoFamily {
        /// Who connects.
        from: Box<str>,
        /// To whom.
        to: Box<str>,
    },
}

impl Question {
    /// Reads the two words of the command line.
    ///
    /// # Errors
    /// [`QuestionError::Port`].
    pub fn parse(from: &str, to: &str) -> Result<Self, QuestionError> {
        let (to, about) = split(to);
        let about = about.map(str::parse).transpose()?;
        Ok(Self { from: unbracketed(from).into(), to: to.into(), about })
    }
}

/// The destination and what stands behind its colon. An IPv6 address with a port stands in brackets.
fn split(to: &str) -> (&str, Option<&str>) {
    if let Some((address, rest)) = to.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address, rest.strip_prefix(':'));
    }
    if to.parse::<Ipv6Addr>().is_ok() {
        return (to, None);
    }
    match to.split_once(':') {
        Some((name, about)) => (name, Some(about)),
        None => (to, None),
    }
}

fn unbracketed(word: &str) -> &str {
    word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(word)
}

impl FromStr for Wanted {
    type Err = QuestionError;

    fn from_str(text: &str) -> Result<Self, QuestionError> {
        let wrong = || QuestionError::Port(text.into());
        if text.eq_ignore_ascii_case("icmp") {
            return Ok(Self::Echo);
        }
        let (port, protocol) = text.split_once('/').unwrap_or((text, "TCP"));
        let protocol = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp]
            .into_iter()
            .find(|known| known.to_string().eq_ignore_ascii_case(protocol))
            .ok_or_else(wrong)?;
        match port.parse::<u16>() {
            Ok(0) => Err(wrong()),
            Ok(number) => Ok(Self::Number(number, protocol)),
            Err(_) if port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit()) => Err(wrong()),
            Err(_) => Ok(Self::Name(port.into(), protocol)),
        }
    }
}

impl About {
    /// As the oracle is asked.
    pub(super) fn judged(self, destination: IpAddr) -> policy::Transport {
        match self {
            Self::Port(protocol, destination) => policy::Transport::Port { protocol, destination },
            Self::Echo => policy::Transport::Icmp { icmp_type: echo(destination), code: 0, hop_limit: 64 },
        }
    }

    /// As the simulator is asked.
    pub(super) fn simulated(self, destination: IpAddr) -> Transport {
        match self {
            Self::Port(Protocol::Tcp, port) => Transport::syn(ASKING_PORT, port),
            Self::Port(Protocol::Udp, port) => Transport::udp(ASKING_PORT, port),
            Self::Port(Protocol::Sctp, port) => Transport::Sctp(Ports { source: ASKING_PORT, destination: port }),
            Self::Echo => Transport::Icmp { icmp_type: echo(destination), code: 0 },
        }
    }

    /// The first answer.
    pub(super) fn answered(self, destination: IpAddr) -> Transport {
        const ECHO_REPLY: u8 = 0;
        const ECHO_REPLY_V6: u8 = 129;
        const SYN_ACK: u8 = 18;
        let swapped = |port| Ports { source: port, destination: ASKING_PORT };
        match self {
            Self::Port(Protocol::Tcp, port) => Transport::Tcp { ports: swapped(port), flags: SYN_ACK },
            Self::Port(Protocol::Udp, port) => Transport::Udp(swapped(port)),
            Self::Port(Protocol::Sctp, port) => Transport::Sctp(swapped(port)),
            Self::Echo => {
                let icmp_type = if destination.is_ipv4() { ECHO_REPLY } else { ECHO_REPLY_V6 };
                Transport::Icmp { icmp_type, code: 0 }
            }
        }
    }
}

fn echo(destination: IpAddr) -> u8 {
    if destination.is_ipv4() { ECHO } else { ECHO_V6 }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(protocol, port) => write!(f, "{port}/{protocol}"),
            Self::Echo => f.write_str("icmp"),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(port, protocol) => write!(f, "{port}/{protocol}"),
            Self::Name(port, protocol) => write!(f, "{port}/{protocol}"),
            Self::Echo => f.write_str("icmp"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_destination_is_read() {
        let parsed = |to: &str| {
            let question = Question::parse("shop/web-1", to).unwrap();
            (question.to.to_string(), question.about.map(|about| about.to_string()))
        };
        for (to, name, about) in [
            ("shop/db-1", "shop/db-1", None),
            ("shop/db-1:5432", "shop/db-1", Some("5432/TCP")),
            ("shop/db-1:53/udp", "shop/db-1", Some("53/UDP")),
            ("shop/db-1:http", "shop/db-1", Some("http/TCP")),
            ("shop/db-1:ICMP", "shop/db-1", Some("icmp")),
            ("10.0.0.1:80", "10.0.0.1", Some("80/TCP")),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:9/SCTP", "2001:db8::1", Some("9/SCTP")),
            ("node-a:22", "node-a", Some("22/TCP")),
        ] {
            assert_eq!(parsed(to), (name.to_owned(), about.map(ToOwned::to_owned)), "{to}");
        }
        for to in ["a:", "a:0", "a:65536", "a:80/ICMP", "a:80/", "a:/TCP"] {
            assert!(Question::parse("a", to).is_err(), "{to}");
        }
    }
}
