//! The agent as a program: in a node's network namespace, with a folder of manifests, real packets and real enemies.

mod clock;
mod connections;
mod doctor;
mod drift;
mod host;
mod hostile;
mod link;
mod metrics;
mod names;
mod node;
mod operators;
mod pause;
mod plugin;
mod policy;
mod ready;
mod restart;
mod trial;
