//! What Ingresses and HTTPRoutes lead to, and whether anybody may follow: a route opens nothing by itself.

use std::collections::BTreeSet;

use engine::workloads::Workload;
use policy_lang::manifest::route::{Route, RouteBackend};
use policy_lang::manifest::{Object, Service, ServicePort, TargetPort};
use policy_lang::name::NamespacedName;
use policy_lang::port::Protocol;

use super::Map;

/// One port of a workload that a route leads to.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Led {
    /// `Ingress` or `HTTPRoute`.
    pub kind: &'static str,
    /// The route.
    pub route: NamespacedName,
    /// The Service behind it.
    pub service: NamespacedName,
    /// The workload behind that, among the peers; none where the input has none.
    pub to: Option<usize>,
    /// The port of its pods; none where nothing is known of it.
    pub port: Option<(Protocol, u16)>,
    /// How many peers of the map may connect to that port: nobody can follow the route where there are none.
    pub n_admitted: usize,
}

/// What every route of the input leads to, sorted. The map is the whole one: what a filter leaves out admits nobody.
pub fn routes(objects: &[Object], workloads: &[Workload], map: &Map) -> Vec<Led> {
    let routes = objects.iter().filter_map(|object| if let Object::Route(route) = object { Some(route) } else { None });
    let mut led: Vec<Led> = routes.flat_map(|route| of_route(route, objects, workloads)).collect();
    led.sort_unstable();
    led.dedup();
    for found in &mut led {
        if let (Some(to), Some((protocol, port))) = (found.to, found.port) {
            let admits = map
                .connections
                .iter()
                .filter(|connection| connection.to == to && map.permitted(connection).set.contains(protocol, port));
            found.n_admitted = admits.map(|connection| connection.from).collect::<BTreeSet<_>>().len();
        }
    }
    led
}

fn of_route(route: &Route, objects: &[Object], workloads: &[Workload]) -> Vec<Led> {
    let mut led = Vec::new();
    for backend in &route.backends {
        let found = |to, port| Led {
            kind: route.kind.name(),
            route: route.metadata.name.clone(),
            service: backend.service.clone(),
            to,
            port,
            n_admitted: 0,
        };
        let before = led.len();
        for (port, service) in meant(backend, objects) {
            let behind = workloads.iter().enumerate().filter(|(_, workload)| is_behind(service, workload));
            for (number, workload) in behind {
                led.extend(
                    numbers(port, workload).into_iter().map(|own| found(Some(number), Some((port.protocol, own)))),
                );
            }
        }
        if led.len() == before {
            led.push(found(None, None));
        }
    }
    led
}

/// The ports of a Service that a backend means.
fn meant<'o>(backend: &RouteBackend, objects: &'o [Object]) -> Vec<(&'o ServicePort, &'o Service)> {
    let services =
        objects.iter().filter_map(|object| if let Object::Service(service) = object { Some(service) } else { None });
    let services = services.filter(|service| service.metadata.name == backend.service);
    let ports = services.flat_map(|service| service.ports.iter().map(move |port| (port, service)));
    let is_meant = |port: &ServicePort| match &backend.port {
        Some(TargetPort::Number(number)) => port.port == *number,
        Some(TargetPort::Name(name)) => port.name.as_ref() == Some(name),
        None => true,
    };
    ports.filter(|(port, _)| is_meant(port)).collect()
}

fn is_behind(service: &Service, workload: &Workload) -> bool {
    let mut wanted = service.selector.iter();
    !service.selector.is_empty()
        && workload.name.namespace == service.metadata.name.namespace
        && wanted.all(|(key, value)| workload.labels.get(key) == Some(value))
}

/// The numbers that a port of a Service is on the pods of a workload.
fn numbers(port: &ServicePort, workload: &Workload) -> BTreeSet<u16> {
    match &port.target {
        TargetPort::Number(number) => BTreeSet::from([number.get()]),
        TargetPort::Name(name) => {
            let own = workload.members.iter().flat_map(|member| &member.ports);
            let own = own.filter(|own| own.name == *name && own.protocol == port.protocol);
            own.map(|own| own.port).collect()
        }
    }
}

impl Led {
    /// `Ingress shop/web`.
    pub fn name(&self) -> String {
        format!("{} {}", self.kind, self.route)
    }

    /// What for, and whether anybody may: `TCP 8080, by Service shop/web; 2 peers may connect there`.
    pub fn words(&self) -> String {
        let Self { service, port, n_admitted, .. } = self;
        let Some((protocol, port)) = port else { return format!("Service {service}, behind which no workload is") };
        let who = match n_admitted {
            0 => "nobody may connect there".to_owned(),
            1 => "1 peer may connect there".to_owned(),
            n => format!("{n} peers may connect there"),
        };
        format!("{protocol} {port}, by Service {service}; {who}")
    }
}
