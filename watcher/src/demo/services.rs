//! What is asked for: the ports that policies and pods name, and what every node has.

use std::collections::BTreeSet;

use engine::inventory::Inventory;
use policy_lang::policy::{Direction, Policy, PortMatches, Tier};
use policy_lang::port::{Ports, Protocol};

use crate::lab::Service;

/// Most services that are asked for.
const SERVICES_MAX: usize = 16;

/// What is asked for in every cluster: pods' usual port, a node's own, names, and an echo.
const ALWAYS: [Service; 5] =
    [Service::Tcp(8080), Service::Tcp(22), Service::Tcp(9100), Service::Udp(53), Service::Echo];

/// The services of a cluster: TCP, UDP, SCTP, echo; each by its port.
pub(super) fn services(policies: &[Policy], inventory: &Inventory) -> Vec<Service> {
    let mut chosen = BTreeSet::from(ALWAYS);
    // What tenants name says more about their pods than what is demanded of everybody.
    let (tenants, others): (Vec<_>, Vec<_>) = policies.iter().partition(|policy| policy.tier == Tier::NetworkPolicy);
    let wanted = tenants.into_iter().chain(others).flat_map(|policy| {
        let of = |direction| policy.rules(direction).unwrap_or_default();
        of(Direction::Ingress).iter().chain(of(Direction::Egress))
    });
    for rule in wanted {
        let PortMatches::AnyOf(ports) = &rule.ports else { continue };
        for port in ports {
            match &port.ports {
                Ports::All => {}
                Ports::Range(range) => add(&mut chosen, port.protocol, range.first()),
                Ports::Named(name) => {
                    let declared = inventory.pods.values().flat_map(|pod| &pod.ports);
                    for named in declared.filter(|found| found.name == *name && found.protocol == port.protocol) {
                        add(&mut chosen, port.protocol, named.port);
                    }
                }
            }
        }
    }
    chosen.into_iter().collect()
}

fn add(chosen: &mut BTreeSet<Service>, protocol: Protocol, port: u16) {
    if chosen.len() < SERVICES_MAX {
        chosen.insert(match protocol {
            Protocol::Tcp => Service::Tcp(port),
            Protocol::Udp => Service::Udp(port),
            Protocol::Sctp => Service::Sctp(port),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::examples;
    use crate::source::load_from;

    #[test]
    fn the_examples_ask_for_every_protocol_and_the_ports_that_their_policies_name() {
        let loaded = load_from(&examples::config(), &examples::Examples::default()).unwrap();
        let services = services(&loaded.policies, &loaded.inventory);
        for text in ["8080/TCP", "5432/TCP", "8443/TCP", "443/TCP", "22/TCP", "53/UDP", "3868/SCTP", "echo"] {
            assert!(services.contains(&text.parse().unwrap()), "{text}: {services:?}");
        }
        assert!(services.len() <= SERVICES_MAX);
    }
}
