//! Posture, for those who ask: `PAL3`.

pub(crate) mod all_ports;
pub(crate) mod allow_all_egress;
pub(crate) mod allow_all_ingress;
pub(crate) mod namespaces;
pub(crate) mod no_default_deny_egress;
pub(crate) mod no_default_deny_ingress;
pub(crate) mod open_to_all_namespaces;
pub(crate) mod open_to_internet;
pub(crate) mod openness;
pub(crate) mod permissiveness_budget;
pub(crate) mod sensitive_port_exposed;
pub(crate) mod solved;
pub(crate) mod wide_port_range;
pub(crate) mod workload_not_isolated;
pub(crate) mod zone_violation;
