//! Address translation of first packets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::packet::{Conntrack, Host};
use super::{Flow, Manipulation};
use crate::ruleset::{DataType, Datum, Hook, Interval, Nat, NatKind, Verdict};

const IPS_SRC_NAT: u32 = 16;
const IPS_DST_NAT: u32 = 32;

/// Translates the packet and gives the verdict; nothing where the rule is about the other family.
pub(super) fn apply(nat: &Nat, flow: &mut Flow, host: &Host, hook: Hook) -> Option<Verdict> {
    let Nat { kind, addresses, ports, flags } = nat;
    let manipulation = match kind {
        NatKind::Source | NatKind::Masquerade => Manipulation::Source,
        NatKind::Destination | NatKind::Redirect => Manipulation::Destination,
    };
    let old = match manipulation {
        Manipulation::Source => flow.packet.source,
        Manipulation::Destination => flow.packet.destination,
    };
    let new = match kind {
        NatKind::Source | NatKind::Destination => match addresses {
            Some(network) if flags & Nat::PREFIX != 0 => in_network(network, old)?,
            Some(addresses) => chosen_address(addresses, old)?,
            None => old,
        },
        // A host without an address to take drops the packet.
        NatKind::Masquerade => {
            let output = flow.packet.output.as_deref().unwrap_or("");
            match host.masquerading_address(output, old) {
                Some(address) => address,
                None => return Some(Verdict::Drop),
            }
        }
        NatKind::Redirect => match redirected(flow, host, hook, old) {
            Some(address) => address,
            None => return Some(Verdict::Drop),
        },
    };
    rewrite(flow, manipulation, new, ports.as_ref());
    Some(Verdict::Accept)
}

/// The host's own address that a redirected packet goes to.
fn redirected(flow: &Flow, host: &Host, hook: Hook, like: IpAddr) -> Option<IpAddr> {
    match (hook, like) {
        (Hook::Output, IpAddr::V4(_)) => Some(Ipv4Addr::LOCALHOST.into()),
        (Hook::Output, IpAddr::V6(_)) => Some(Ipv6Addr::LOCALHOST.into()),
        (Hook::Prerouting | Hook::Input | Hook::Forward | Hook::Postrouting, _) => {
            host.first_address(flow.packet.input.as_deref().unwrap_or(""), like)
        }
    }
}

fn rewrite(flow: &mut Flow, manipulation: Manipulation, address: IpAddr, ports: Option<&Interval>) {
    flow.translated.insert(manipulation);
    let packet = &mut flow.packet;
    let before = (packet.source, packet.destination, packet.transport);
    match manipulation {
        Manipulation::Source => packet.source = address,
        Manipulation::Destination => packet.destination = address,
    }
    if let (Some(wanted), Some(own)) = (ports, packet.transport.ports_mut()) {
        let port = match manipulation {
            Manipulation::Source => &mut own.source,
            Manipulation::Destination => &mut own.destination,
        };
        if !wanted.contains(&Datum::port(*port)) {
            *port = u16::try_from(wanted.low().to_u128()).unwrap_or(*port);
        }
    }
    let has_changed = before != (packet.source, packet.destination, packet.transport);
    if let Conntrack::Tracked(entry) = &mut packet.conntrack
        && has_changed
    {
        entry.status |= match manipulation {
            Manipulation::Source => IPS_SRC_NAT,
            Manipulation::Destination => IPS_DST_NAT,
        };
    }
}

/// The address of a range: the old one if it lies in it, else the lowest; nothing for the other family.
fn chosen_address(addresses: &Interval, old: IpAddr) -> Option<IpAddr> {
    let low = addresses.low();
    let is_v4 = low.data_type() == DataType::Ipv4Addr;
    if is_v4 != old.is_ipv4() {
        return None;
    }
    if addresses.contains(&Datum::address(old)) {
        return Some(old);
    }
    Some(address(low.to_u128(), is_v4))
}

/// The old address with the first bits of a network; nothing for the other family.
fn in_network(network: &Interval, old: IpAddr) -> Option<IpAddr> {
    let (low, high) = (network.low().to_u128(), network.high().to_u128());
    let is_v4 = network.data_type() == DataType::Ipv4Addr;
    (is_v4 == old.is_ipv4()).then(|| address(low | Datum::address(old).to_u128() & (low ^ high), is_v4))
}

fn address(number: u128, is_v4: bool) -> IpAddr {
    match u32::try_from(number) {
        Ok(number) if is_v4 => Ipv4Addr::from(number).into(),
        Ok(_) | Err(_) => Ipv6Addr::from(number).into(),
    }
}
