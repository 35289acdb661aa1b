//! Services and the ports of the pods behind them.

use policy_lang::manifest::{Service, ServicePort, TargetPort};
use policy_lang::port::{PortMatch, Ports, Protocol};

use crate::lint::world::{Class, World};

/// The classes behind a Service; none behind one whose endpoints are kept by hand.
pub(crate) fn backends(world: &World<'_>, service: &Service) -> Vec<u32> {
    if service.selector.is_empty() {
        return Vec::new();
    }
    let own = world.in_namespace(&service.metadata.name.namespace);
    let is_behind = |class: &Class<'_>| {
        let mut wanted = service.selector.iter();
        wanted.all(|(key, value)| class.labels.get(key) == Some(value))
    };
    own.filter(|(_, class)| is_behind(class)).map(|(index, _)| index).collect()
}

/// The numbers that a port of a Service is on the pods of a class.
pub(crate) fn numbers(port: &ServicePort, class: &Class<'_>) -> Vec<u16> {
    match &port.target {
        TargetPort::Number(number) => vec![number.get()],
        TargetPort::Name(name) => {
            let own = class.ports.iter();
            let own = own.filter(|own| own.name.as_ref() == Some(name) && own.protocol == port.protocol);
            own.map(|own| own.port.get()).collect()
        }
    }
}

/// Whether an entry of a rule has one of these numbers, on the pods of a class.
pub(crate) fn has(port: &PortMatch, class: &Class<'_>, protocol: Protocol, numbers: &[u16]) -> bool {
    port.protocol == protocol
        && match &port.ports {
            Ports::All => true,
            Ports::Range(range) => numbers.iter().any(|number| range.contains(*number)),
            Ports::Named(name) => class.ports.iter().any(|own| {
                own.name.as_ref() == Some(name) && own.protocol == protocol && numbers.contains(&own.port.get())
            }),
        }
}
