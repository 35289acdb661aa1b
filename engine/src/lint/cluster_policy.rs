//! `ClusterNetworkPolicy` documents: `PAL9`.

pub(crate) mod accept_bypasses_tenants;
pub(crate) mod domain_names;
pub(crate) mod family_gap;
pub(crate) mod invalid;
pub(crate) mod limits;
pub(crate) mod named_port;
pub(crate) mod order;
pub(crate) mod same_priority;
pub(crate) mod shadowed;
