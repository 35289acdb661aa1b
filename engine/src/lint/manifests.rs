//! Policy against the rest of the manifests: `PAL4`.

pub(crate) mod api_server_egress_blocked;
pub(crate) mod barrier;
pub(crate) mod dependency_blocked;
pub(crate) mod lb_source_ranges;
pub(crate) mod one_sided_allow;
pub(crate) mod opening;
pub(crate) mod probe_blocked;
pub(crate) mod route_backend_blocked;
pub(crate) mod scrape_blocked;
pub(crate) mod service_selects_nothing;
pub(crate) mod service_unreachable;
pub(crate) mod targets;
pub(crate) mod templates;
pub(crate) mod webhook_blocked;
