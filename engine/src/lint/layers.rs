//! Across the layers: `PAL7`.

pub(crate) mod cuts_api_server;
pub(crate) mod cuts_cni;
pub(crate) mod cuts_kubelet;
pub(crate) mod node;
