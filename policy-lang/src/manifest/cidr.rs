//! Addresses and CIDRs as API servers store them: stricter notations are newer than the objects (sem-43, sem-44).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A CIDR, and what is doubtful about its notation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cidr {
    /// Host bits are zero.
    pub net: IpNet,
    /// Why newer servers refuse it.
    pub doubt: Option<Doubt>,
}

/// A notation that is read in more than one way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Doubt {
    /// `10.0.0.5/24`
    HostBits,
    /// `010.0.0.0/8`: decimal here, octal elsewhere.
    LeadingZeros,
    /// `::ffff:10.0.0.0/104`
    MappedIpv4,
}

/// Why a text is no CIDR.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CidrError {
    /// An address alone; the CIDR of just that address.
    #[error("an address without a prefix length")]
    NoPrefix(IpNet),
    /// Anything else.
    #[error("not a CIDR")]
    Invalid,
}

/// Reads a CIDR the way that API servers read stored ones.
///
/// # Errors
/// [`CidrError::NoPrefix`] for a bare address, [`CidrError::Invalid`] for anything else that is no CIDR.
pub fn parse(text: &str) -> Result<Cidr, CidrError> {
    let Some((address, prefix)) = text.split_once('/') else {
        return Err(text.parse().map_or(CidrError::Invalid, |address: IpAddr| CidrError::NoPrefix(address.into())));
    };
    if prefix.is_empty() || prefix.len() > 3 || !prefix.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(CidrError::Invalid);
    }
    let (address, leading_zeros) = lenient_address(address).ok_or(CidrError::Invalid)?;
    let length: u8 = prefix.parse().map_err(|_| CidrError::Invalid)?;
    let padded = leading_zeros || (prefix.len() > 1 && prefix.starts_with('0'));
    let (address, length, mapped) = match address {
        IpAddr::V6(mapped) => match (mapped.to_ipv4_mapped(), length.checked_sub(96)) {
            (Some(address), Some(length)) => (IpAddr::V4(address), length, true),
            (Some(_) | None, _) => (address, length, false),
        },
        IpAddr::V4(_) => (address, length, false),
    };
    let written = IpNet::new(address, length).map_err(|_| CidrError::Invalid)?;
    let net = written.trunc();
    let doubt = if mapped {
        Some(Doubt::MappedIpv4)
    } else if padded {
        Some(Doubt::LeadingZeros)
    } else {
        (net != written).then_some(Doubt::HostBits)
    };
    Ok(Cidr { net, doubt })
}

/// Reads an address; IPv4-mapped ones are the IPv4 address.
pub fn parse_address(text: &str) -> Option<IpAddr> {
    lenient_address(text).map(|(address, _)| address.to_canonical())
}

/// Whether an address can be one that a pod's network gave it: of one host, and of more than its link. Loopback, link-local
/// and multicast addresses mean something else on every node, and the metadata services of clouds are link-local.
pub fn can_be_a_pods(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, ..] = address.octets();
            // 0.0.0.0/8 is this host, 224.0.0.0/4 multicast, and the rest reserved.
            (1..224).contains(&first) && !address.is_loopback() && !address.is_link_local()
        }
        IpAddr::V6(address) => {
            !(address.is_unspecified()
                || address.is_loopback()
                || address.is_multicast()
                || address.is_unicast_link_local())
        }
    }
}

/// The address, and whether it has leading zeros in an IPv4 part.
fn lenient_address(text: &str) -> Option<(IpAddr, bool)> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(|address| (address.into(), false));
    }
    let mut octets = [0_u8; 4];
    let mut zeros = false;
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || part.len() > 4 || !part.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        zeros |= part.len() > 1 && part.starts_with('0');
        *octet = part.parse().ok()?;
    }
    parts.next().is_none().then(|| (Ipv4Addr::from(octets).into(), zeros))
}

impl Doubt {
    /// What it says, for a message.
    pub fn describe(self) -> &'static str {
        match self {
            Self::HostBits => "has bits set to the right of its prefix",
            Self::LeadingZeros => "has leading zeros, which some programs read as octal",
            Self::MappedIpv4 => "is an IPv4 range in IPv6 notation",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, net: &str, doubt: Option<Doubt>) {
        let cidr = parse(text).unwrap();
        assert_eq!((cidr.net.to_string().as_str(), cidr.doubt), (net, doubt), "{text}");
    }

    #[test]
    fn sem_43_host_bits_are_masked() {
        check("10.0.0.0/8", "10.0.0.0/8", None);
        check("192.168.1.1/24", "192.168.1.0/24", Some(Doubt::HostBits));
        check("2001:db8::1/64", "2001:db8::/64", Some(Doubt::HostBits));
    }

    #[test]
    fn sem_44_old_notations_are_read_as_the_server_reads_them() {
        check("010.0.0.0/8", "10.0.0.0/8", Some(Doubt::LeadingZeros));
        check("10.0.0.0/08", "10.0.0.0/8", Some(Doubt::LeadingZeros));
        check("::ffff:10.1.2.0/120", "10.1.2.0/24", Some(Doubt::MappedIpv4));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "/", "/8", "10/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "::/129", "1.2.3.4.5/8", "a/8"] {
            assert_eq!(parse(text), Err(CidrError::Invalid), "{text}");
        }
        assert_eq!(parse("10.0.0.1"), Err(CidrError::NoPrefix("10.0.0.1/32".parse().unwrap())));
    }
}
