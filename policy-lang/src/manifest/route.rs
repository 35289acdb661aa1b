//! What leads from outside to Services: Ingresses and HTTPRoutes.

use std::num::NonZeroU16;
use std::sync::Arc;

use crate::manifest::core::{at, items, port_number};
use crate::manifest::object::{Metadata, TargetPort};
use crate::manifest::reader::Reader;
use crate::manifest::tree::Value;
use crate::name::NamespacedName;
use crate::source::Span;

/// What leads requests to Services.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Name, namespace and labels.
    pub metadata: Metadata,
    /// Its kind.
    pub kind: RouteKind,
    /// Where it leads, in the order of the text. Backends of other kinds than Service are left out.
    pub backends: Vec<RouteBackend>,
}

/// A kind that leads requests to Services.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RouteKind {
    /// networking.k8s.io/v1.
    Ingress,
    /// gateway.networking.k8s.io/v1.
    HttpRoute,
}

/// A Service that a route leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteBackend {
    /// Which.
    pub service: NamespacedName,
    /// The Service's port, where one is written.
    pub port: Option<TargetPort>,
    /// Where it is written.
    pub span: Span,
}

impl RouteKind {
    /// The `kind` of such objects.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::HttpRoute => "HTTPRoute",
        }
    }
}

/// An Ingress.
pub(super) fn ingress(document: &Value, metadata: Metadata, reader: &mut Reader<'_>) -> Route {
    let mut written: Vec<&Value> = at(document, &["spec", "defaultBackend", "service"]).into_iter().collect();
    for rule in items(document, &["spec", "rules"], reader) {
        let paths = items(rule, &["http", "paths"], reader);
        written.extend(paths.iter().filter_map(|path| at(path, &["backend", "service"])));
    }
    let mut backends = Vec::new();
    for service in written {
        let Some(name) = service.field("name").and_then(Value::text) else { continue };
        let port = match (at(service, &["port", "number"]), at(service, &["port", "name"]).and_then(Value::text)) {
            (Some(number), _) => port_number(number, reader).map(TargetPort::Number),
            (None, name) => name.map(|name| TargetPort::Name(Arc::clone(name))),
        };
        let namespace = Arc::clone(&metadata.name.namespace);
        backends.push(RouteBackend {
            service: NamespacedName::new(namespace, Arc::clone(name)),
            port,
            span: service.span,
        });
    }
    Route { metadata, kind: RouteKind::Ingress, backends }
}

/// An HTTPRoute.
pub(super) fn http_route(document: &Value, metadata: Metadata, reader: &mut Reader<'_>) -> Route {
    let mut backends = Vec::new();
    for rule in items(document, &["spec", "rules"], reader) {
        for reference in items(rule, &["backendRefs"], reader) {
            let text = |field| reference.field(field).and_then(Value::text);
            let is_service = text("kind").is_none_or(|kind| kind.as_ref() == "Service")
                && text("group").is_none_or(|group| group.is_empty());
            let Some(name) = text("name").filter(|_| is_service) else { continue };
            let namespace = text("namespace").unwrap_or(&metadata.name.namespace);
            let port: Option<NonZeroU16> = reference.field("port").and_then(|port| port_number(port, reader));
            backends.push(RouteBackend {
                service: NamespacedName::new(Arc::clone(namespace), Arc::clone(name)),
                port: port.map(TargetPort::Number),
                span: reference.span,
            });
        }
    }
    Route { metadata, kind: RouteKind::HttpRoute, backends }
}
