//! Policy against the rest of the manifests: `PAL4`.

pub(crate) mod one_sided_allow;
pub(crate) mod route_backend_blocked;
pub(crate) mod service_selects_nothing;
pub(crate) mod service_unreachable;
pub(crate) mod targets;
