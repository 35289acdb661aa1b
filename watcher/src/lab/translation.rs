//! What kube-proxy would do, as a table of the laboratory's own: the kernel gets it as text, the simulator as it is.

use std::net::IpAddr;

use engine::ruleset::{
    BaseChain, Chain, ChainType, CtField, Datum, Expr, Family, Field, Hook, Interval, Match, Name, Nat, NatKind,
    Priority, Rule, Ruleset, Table, TableKey,
};

use super::service::Service;
use super::topology::{Topology, VirtualService};

/// `IPS_DST_NAT`.
const IPS_DST_NAT: u32 = 32;
/// kube-proxy's own priorities.
const DESTINATION: i32 = -100;
const SOURCE: i32 = 100;

impl Topology {
    /// The table that translates the virtual services on every node; no table where there are none.
    pub fn translation(&self) -> Ruleset {
        let mut to_backends = Vec::new();
        let mut hairpins = Vec::new();
        for (service, virtual_address, backend) in self.translated() {
            to_backends.extend(to_backend(service, virtual_address, backend));
            hairpins.push(hairpin(backend));
        }
        let (Some(key), false) = (key(), to_backends.is_empty()) else { return Ruleset::default() };
        let chains = [
            chain(Hook::Prerouting, DESTINATION, to_backends.clone()),
            chain(Hook::Output, DESTINATION, to_backends),
            chain(Hook::Postrouting, SOURCE, hairpins),
        ];
        let table = Table { chains: chains.into_iter().flatten().collect(), ..Table::default() };
        Ruleset { tables: [(key, table)].into() }
    }

    /// Every virtual address with the address of the same family that it stands for.
    fn translated(&self) -> Vec<(&VirtualService, IpAddr, IpAddr)> {
        let mut pairs = Vec::new();
        for service in &self.services {
            let backend = self.hosts().find(|host| host.name == service.backend);
            for address in backend.iter().flat_map(|host| &host.addresses) {
                let of_family = service.addresses.iter().find(|ip| ip.is_ipv4() == address.is_ipv4());
                pairs.extend(of_family.map(|virtual_address| (service, *virtual_address, *address)));
            }
        }
        pairs
    }
}

fn key() -> Option<TableKey> {
    let name: Name = "lab_services".parse().ok()?;
    Some(TableKey { family: Family::Inet, name })
}

fn chain(hook: Hook, priority: i32, rules: Vec<Rule>) -> Option<(Name, Chain)> {
    let base = BaseChain { chain_type: ChainType::Nat, hook, priority: Priority(priority) };
    let name = hook.to_string().parse().ok()?;
    Some((name, Chain { base: Some(base), rules, ..Chain::default() }))
}

/// `ip daddr VIRTUAL tcp dport PORT dnat ip to BACKEND:PORT`; an echo is not translated.
fn to_backend(service: &VirtualService, virtual_address: IpAddr, backend: IpAddr) -> Option<Rule> {
    let (field, port) = match service.service {
        Service::Tcp(port) => (Field::TcpDport, port),
        Service::Udp(port) => (Field::UdpDport, port),
        Service::Sctp(port) => (Field::SctpDport, port),
        Service::Echo => return None,
    };
    let nat = Nat {
        kind: NatKind::Destination,
        addresses: Some(Interval::single(Datum::address(backend))),
        ports: Some(Interval::single(Datum::port(service.port))),
        flags: 0,
    };
    let daddr = Match::eq(destination(virtual_address), Datum::address(virtual_address));
    Some(Rule { exprs: vec![daddr, Match::eq(field, Datum::port(port)), Expr::Nat(nat)], comment: None })
}

/// What a backend sends to itself by a virtual address comes back from the node: otherwise it would answer itself.
fn hairpin(backend: IpAddr) -> Rule {
    let nat = Nat { kind: NatKind::Masquerade, addresses: None, ports: None, flags: 0 };
    let exprs = vec![
        Match::any_bit(Field::Ct(CtField::Status), IPS_DST_NAT),
        Match::eq(source(backend), Datum::address(backend)),
        Match::eq(destination(backend), Datum::address(backend)),
        Expr::Nat(nat),
    ];
    Rule { exprs, comment: None }
}

fn source(address: IpAddr) -> Field {
    if address.is_ipv4() { Field::IpSaddr } else { Field::Ip6Saddr }
}

fn destination(address: IpAddr) -> Field {
    if address.is_ipv4() { Field::IpDaddr } else { Field::Ip6Daddr }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_service_is_a_rule_in_each_family_that_its_backend_has() {
        let text = "node n 192.168.0.11\npod a n 10.244.1.2 2001:db8:244:1::2\npod b n 10.244.1.3\n\
                    service 10.96.0.1 2001:db8:96::1 80/TCP a:8080\nservice 10.96.0.2 2001:db8:96::2 53/UDP b:53\n";
        let topology: Topology = text.parse().unwrap();
        let rendered = engine::render::ruleset(&topology.translation());
        assert!(rendered.contains("ip daddr 10.96.0.1 tcp dport 80 dnat ip to 10.244.1.2:8080"), "{rendered}");
        assert!(rendered.contains("ip6 daddr 2001:db8:96::1 tcp dport 80 dnat ip6 to [2001:db8:244:1::2]:8080"));
        assert_eq!(rendered.matches("udp dport 53 dnat").count(), 2, "prerouting and output, IPv4 only: {rendered}");
        assert_eq!(Topology::default().translation(), Ruleset::default());
    }
}
