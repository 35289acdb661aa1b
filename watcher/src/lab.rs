//! A laboratory of network namespaces: nodes, pods, hosts outside, and a prober that sends real packets between them.
//!
//! What is absent: a file system name, a program left running, a table outside the laboratory's own namespaces. When the
//! process ends, in whatever way, the laboratory is gone.

use std::io;
use std::process::ExitStatus;

pub use self::build::Lab;
pub use self::capture::Capture;
pub use self::crafted::{Body, Crafted, Segment, flags};
pub use self::kube_proxy::{KubeProxy, Layout, Proxied, TrafficPolicy};
pub use self::matrix::{Cell, Matrix, Mismatch};
pub use self::namespace::Namespace;
pub use self::probe::{Answer, Outcome, Patience, Probe};
pub use self::responder::Responder;
pub use self::service::Service;
pub use self::topology::{BridgeCalls, Host, Node, Plumbing, Topology, VirtualService};

mod build;
mod capture;
mod crafted;
mod errors;
mod kube_proxy;
mod links;
mod matrix;
mod namespace;
mod packet;
mod probe;
mod raw;
mod responder;
mod service;
mod topology;
mod translation;

/// Why a laboratory could not be built or used.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Making network namespaces takes root, or `CAP_SYS_ADMIN` and `CAP_NET_ADMIN`.
    #[error("not permitted to make network namespaces: run as root")]
    NotPermitted,
    /// A line of a description cannot be read.
    #[error("line {line}: {message}")]
    Description {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        message: Box<str>,
    },
    /// No host or process has this name.
    #[error("nothing in the laboratory is called `{0}`")]
    Unknown(Box<str>),
    /// A program that the laboratory needs failed.
    #[error("{program} in {namespace}: {status}: {stderr}")]
    Program {
        /// Its name.
        program: Box<str>,
        /// Where it ran.
        namespace: Box<str>,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        stderr: Box<str>,
    },
    /// Packets do not flow although nothing filters them.
    #[error("{0} cannot be reached although nothing filters it")]
    Silent(Box<str>),
    /// The system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: Box<str>,
        /// The system's answer.
        source: io::Error,
    },
}

impl LabError {
    fn io(what: impl Into<Box<str>>, source: impl Into<io::Error>) -> Self {
        Self::Io { what: what.into(), source: source.into() }
    }
}
