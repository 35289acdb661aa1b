//! Names in host rules where nobody may be asked about them, as in a check of a repository.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use policy_lang::host::{LookupError, Record, Resolver};

/// Where the addresses begin: networks for measuring (RFC 2544 and 5180), which no rule is about.
const V4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0);

/// Gives each name an address of its own in either family: rules about different names are about different hosts, and
/// what else they say can be judged.
#[derive(Debug, Default)]
pub(crate) struct Unasked {
    names: RefCell<BTreeMap<String, u32>>,
}

impl Resolver for Unasked {
    fn look_up(&self, name: &str, record: Record) -> Result<Vec<String>, LookupError> {
        let mut names = self.names.borrow_mut();
        let next = u32::try_from(names.len()).unwrap_or(u32::MAX).saturating_add(1);
        let number = *names.entry(name.to_owned()).or_insert(next);
        Ok(vec![match record {
            Record::A => Ipv4Addr::from_bits(V4.to_bits().saturating_add(number)).to_string(),
            Record::Aaaa => Ipv6Addr::from_bits(V6.to_bits() | u128::from(number)).to_string(),
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
