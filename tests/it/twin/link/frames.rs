//! Frames for a bridge: every sender to every receiver with everything that a frame may carry.

use std::net::IpAddr;

use watcher::lab::{Body, Crafted, flags};

/// The bridge's own address.
pub(super) const BRIDGE: [u8; 6] = [2, 0, 0x5e, 0, 0x53, 1];

pub(super) const SENDERS: [[u8; 6]; 3] =
    [[2, 0, 0x5e, 0, 0x53, 0x11], [2, 0, 0x5e, 0, 0x53, 0x12], [6, 0, 0x5e, 0, 0x53, 0x13]];
const RECEIVERS: [[u8; 6]; 5] =
    [[2, 0, 0x5e, 0, 0x53, 0x21], [0xff; 6], [1, 0, 0x5e, 0, 0, 1], [1, 0x80, 0xc2, 0, 0, 0], BRIDGE];

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const RARP: u16 = 0x8035;
const VLAN: u16 = 0x8100;
const IPV6: u16 = 0x86dd;
const LLDP: u16 = 0x88cc;
const LENGTH: u16 = 64;

/// By a port of the bridge.
pub(super) fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let mut frames = Vec::new();
    for port in ["p0", "p1"] {
        for source in SENDERS {
            for destination in RECEIVERS {
                for (kind, payload) in payloads() {
                    frames.push((port, frame(destination, source, kind, &payload, frames.len())));
                }
            }
        }
    }
    frames
}

/// What the bridge itself sends.
pub(super) fn own() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for destination in &RECEIVERS[..3] {
        for (kind, payload) in payloads() {
            frames.push(frame(*destination, BRIDGE, kind, &payload, 100_000 + frames.len()));
        }
    }
    frames
}

/// With its number at the end, where nothing looks.
fn frame(destination: [u8; 6], source: [u8; 6], kind: u16, payload: &[u8], number: usize) -> Vec<u8> {
    let number = u32::try_from(number).unwrap().to_be_bytes();
    [&destination[..], &source, &kind.to_be_bytes(), payload, &number].concat()
}

fn payloads() -> Vec<(u16, Vec<u8>)> {
    let mut payloads = Vec::new();
    for packet in packets() {
        payloads.push((if packet[0] >> 4 == 4 { IPV4 } else { IPV6 }, packet));
    }
    for operation in [1, 2] {
        for (sender, hardware) in [([10, 0, 0, 1], SENDERS[0]), ([192, 0, 2, 1], SENDERS[1])] {
            for (asked, other) in [([10, 0, 0, 9], [0; 6]), ([10, 0, 1, 9], SENDERS[2])] {
                payloads.push((ARP, message(operation, hardware, sender, other, asked)));
            }
        }
    }
    payloads.push((RARP, message(3, SENDERS[0], [10, 0, 0, 1], SENDERS[0], [0; 4])));
    let untagged = payloads.clone();
    for (index, tag) in [(0, 5_u16), (7, 5), (14, 6), (20, 6 | 3 << 13), (24, 7), (25, 3 << 13)] {
        let (kind, payload) = &untagged[index % untagged.len()];
        payloads.push((VLAN, [&tag.to_be_bytes()[..], &kind.to_be_bytes(), payload].concat()));
    }
    payloads.push((LLDP, vec![7; 60]));
    payloads.push((LENGTH, vec![7; 60]));
    payloads
}

fn packets() -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut push = |source: &str, destination: &str, class: u8, body: Body| {
        let (source, destination): (IpAddr, IpAddr) = (source.parse().unwrap(), destination.parse().unwrap());
        packets.push(Crafted { traffic_class: class, ..Crafted::new(source, destination, body) }.encode());
    };
    let data = || vec![0; 8];
    for (source, near, far) in [
        ("10.0.0.1", "10.0.0.9", "192.0.2.9"),
        ("10.0.0.2", "10.0.0.9", "192.0.2.9"),
        ("10.9.9.0", "10.0.0.9", "192.0.2.9"),
    ] {
        push(source, near, 0, Body::Udp(4000, 53, data()));
        push(source, far, 0, Body::Udp(4000, 54, data()));
        push(source, near, 0x10, Body::Tcp(1500, 80, flags::SYN, data()));
        push(source, far, 0, Body::Tcp(1500, 81, flags::SYN, data()));
        push(source, far, 0, Body::Tcp(2001, 81, flags::SYN, data()));
        push(source, far, 0x13, Body::Icmp(8, 0, data()));
    }
    for source in ["2001:db8::1", "2001:db8::2"] {
        push(source, "2001:db8::9", 0, Body::Udp(4000, 53, data()));
        push(source, "2001:db8:1::9", 0xb8, Body::Udp(4000, 54, data()));
        push(source, "2001:db8:1::9", 0, Body::Tcp(1500, 80, flags::SYN, data()));
        push(source, "2001:db8::9", 0, Body::Icmp(128, 0, data()));
    }
    // A later fragment has no ports, even if its bytes look like them.
    let mut fragment = packets[0].clone();
    fragment[7] = 8;
    fragment[10..12].fill(0);
    let sum = fragment[..20].chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u32>();
    let folded = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    fragment[10..12].copy_from_slice(&folded.to_be_bytes());
    packets.push(fragment);
    packets
}

/// An ARP message about IPv4 on Ethernet.
pub(super) fn message(operation: u16, hardware: [u8; 6], sender: [u8; 4], other: [u8; 6], asked: [u8; 4]) -> Vec<u8> {
    [&[0, 1, 8, 0, 6, 4][..], &operation.to_be_bytes(), &hardware, &sender, &other, &asked].concat()
}
