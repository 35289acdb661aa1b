//! Whether something answers: one new connection each time, on a thread of its own, so that the loop never waits.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::event::{Event, SourceName, Tell};
use crate::config::host::ProbeAddress;

/// How long one attempt may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Has attempts made on threads of their own, whose ends are told by their numbers.
pub fn asking(tell: Tell, attempt: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Box<dyn Fn(u64) + Send> {
    let attempt = Arc::new(attempt);
    Box::new(move |number| {
        let (tell, attempt) = (tell.clone(), Arc::clone(&attempt));
        thread::spawn(move || {
            let answer = attempt();
            // Whether the loop still listens is its own business.
            let _: ControlFlow<()> = tell.tell(&SourceName::new("probe"), Event::Probed { number, answer });
        });
    })
}

/// Whether a connection is accepted, at any of the addresses that a name stands for.
///
/// # Errors
/// Why none is.
pub fn connect(address: &ProbeAddress) -> Result<(), String> {
    let ProbeAddress { host, port } = address;
    let found = (host.as_str(), *port).to_socket_addrs().map_err(|error| format!("{host}: {error}"))?;
    let mut why = format!("{host}: it has no address");
    for socket in found {
        match TcpStream::connect_timeout(&socket, PATIENCE) {
            Ok(_) => return Ok(()),
            Err(error) => why = format!("{socket}: {error}"),
        }
    }
    Err(why)
}
