//! What packets see of pod policy on a node as clusters have them: beside kube-proxy and Docker, with Services,
//! NodePorts and host rules, at the beginning of a pod's life, in fragments, in the middle of connections.
//!
//! Each test names the rule that it holds: `sem_84` is rule 84 of the semantics, `dec_17` decision 17.

mod bridges;
mod denials;
pub(crate) mod enforce;
mod forged;
mod icmp;
mod neighbours;
mod own_node;
mod pre_dnat;
mod protocols;
mod services;
mod startup;
mod stateless;
