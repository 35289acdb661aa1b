//! What a probe asks for: a port of a protocol, or an echo.

use std::fmt;
use std::str::FromStr;

/// What is asked for at an address.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Service {
    /// A TCP connection, and a word from the other side.
    Tcp(u16),
    /// A UDP datagram and its answer.
    Udp(u16),
    /// An SCTP INIT and its INIT ACK.
    Sctp(u16),
    /// ICMP or ICMPv6 echo.
    Echo,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(port) => write!(f, "{port}/TCP"),
            Self::Udp(port) => write!(f, "{port}/UDP"),
            Self::Sctp(port) => write!(f, "{port}/SCTP"),
            Self::Echo => f.write_str("echo"),
        }
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "echo" {
            return Ok(Self::Echo);
        }
        let bad = || format!("`{text}` is neither PORT/TCP, PORT/UDP, PORT/SCTP nor `echo`");
        let (port, protocol) = text.split_once('/').ok_or_else(bad)?;
        let port = port.parse().map_err(|_| bad())?;
        match protocol {
            "TCP" => Ok(Self::Tcp(port)),
            "UDP" => Ok(Self::Udp(port)),
            "SCTP" => Ok(Self::Sctp(port)),
            _ => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_value_agree() {
        for text in ["80/TCP", "53/UDP", "3868/SCTP", "echo"] {
            assert_eq!(text.parse::<Service>().unwrap().to_string(), text);
        }
        for text in ["80", "80/tcp", "65536/TCP", "/TCP", "ping"] {
            assert!(text.parse::<Service>().is_err(), "{text}");
        }
    }
}
