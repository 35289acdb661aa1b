//! Across the layers: `PAL7`.

pub(crate) mod cuts_api_server;
pub(crate) mod cuts_cni;
pub(crate) mod cuts_dns_node_local;
pub(crate) mod cuts_etcd;
pub(crate) mod cuts_kubelet;
pub(crate) mod cuts_node_port;
pub(crate) mod cuts_pod_forwarding;
pub(crate) mod hook_order_surprise;
pub(crate) mod host_denies_pod_allow;
pub(crate) mod host_rule_targets_pod;
pub(crate) mod node;
pub(crate) mod ruleset_too_large;
