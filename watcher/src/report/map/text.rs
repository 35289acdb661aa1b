//! A line for each connection.

use std::fmt;

use policy_lang::policy::Direction;

use super::words;
use crate::map::{Certainty, Exposure, Map, Stranger};
use crate::visible;

pub(super) fn write(map: &Map, out: &mut impl fmt::Write) -> fmt::Result {
    for connection in &map.connections {
        let line = format!("{} -> {}: {}", map.peer(connection.from), map.peer(connection.to), words(map, connection));
        writeln!(out, "{}", visible::line(&line))?;
    }
    if !map.routes.is_empty() {
        writeln!(out, "\nled to from outside:")?;
    }
    for led in &map.routes {
        let to = led.to.map(|to| format!("{}: ", map.peer(to))).unwrap_or_default();
        writeln!(out, "{}", visible::line(&format!("{} -> {to}{}", led.name(), led.words())))?;
    }
    let Some(exposure) = &map.exposure else { return Ok(()) };
    writeln!(out, "\nopen to pods that the input does not define:")?;
    for Exposure { workload, direction, stranger, certainty, set: _, shown } in exposure {
        let Stranger { namespaces, pods } = stranger;
        let arrow = match direction {
            Direction::Ingress => "<-",
            Direction::Egress => "->",
        };
        let hangs = match certainty {
            Certainty::Certain => "",
            Certainty::DependsOnPodAddress => " (depends on pod address)",
        };
        let line = format!("{workload} {arrow} pods {pods} in namespaces {namespaces}: {shown}{hangs}");
        writeln!(out, "{}", visible::line(&line))?;
    }
    Ok(())
}
