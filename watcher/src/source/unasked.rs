//! Names in host rules where nobody may be asked about them, as in a check of a repository.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use policy_lang::host::{LookupError, Record, Resolver};

/// The addresses of somebody of whom nothing is known, by a number: of networks that are for measuring, and so nobody's
/// (RFC 2544 and 5180).
pub(crate) fn addresses(number: u16) -> (Ipv4Addr, Ipv6Addr) {
    let [high, low] = number.to_be_bytes();
    (Ipv4Addr::new(198, 18, high, low), Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, number))
}

/// Gives each name an address of its own in either family: rules about different names are about different hosts, and
/// what else they say can be judged.
#[derive(Debug, Default)]
pub(crate) struct Unasked {
    names: RefCell<BTreeMap<String, u16>>,
}

impl Resolver for Unasked {
    fn look_up(&self, name: &str, record: Record) -> Result<Vec<String>, LookupError> {
        let mut names = self.names.borrow_mut();
        let next = u16::try_from(names.len()).unwrap_or(u16::MAX).saturating_add(1);
        let (v4, v6) = addresses(*names.entry(name.to_owned()).or_insert(next));
        Ok(vec![match record {
            Record::A => v4.to_string(),
            Record::Aaaa => v6.to_string(),
            Record::Ns | Record::Mx => format!("server.of.{name}"),
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_host_and_another_name_another() {
        let names = Unasked::default();
        let ask = |name: &str, record| names.look_up(name, record).unwrap().join(" ");
        assert_eq!((ask("a", Record::A), ask("a", Record::Aaaa)), ("198.18.0.1".to_owned(), "2001:2::1".to_owned()));
        assert_eq!((ask("b", Record::A), ask("a", Record::A)), ("198.18.0.2".to_owned(), "198.18.0.1".to_owned()));
        assert_eq!(ask(&ask("b", Record::Mx), Record::A), "198.18.0.3");
    }
}
