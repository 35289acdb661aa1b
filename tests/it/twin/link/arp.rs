//! Messages of ARP for a host.

use super::frames::{SENDERS, message};

/// Each with its number in the sender's address of the frame, which no rule of ARP looks at.
pub(super) fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let mut frames = Vec::new();
    let group = [3, 0, 0x5e, 0, 0x53, 0x11];
    for interface in ["eth0", "eth1"] {
        for operation in [1, 2, 3, 8] {
            for (hardware_type, protocol) in [(1, 0x0800_u16), (6, 0x0800), (1, 0x1234)] {
                for hardware in [SENDERS[0], SENDERS[1], SENDERS[2], group] {
                    for sender in [[10, 0, 0, 1], [10, 0, 1, 1], [192, 0, 2, 1]] {
                        for (asked, other) in
                            [([10, 0, 0, 9], [0; 6]), ([10, 0, 0, 10], SENDERS[2]), ([10, 0, 0, 77], [0; 6])]
                        {
                            let mut payload = message(operation, hardware, sender, other, asked);
                            payload[1] = hardware_type;
                            payload[2..4].copy_from_slice(&protocol.to_be_bytes());
                            let number = u32::try_from(frames.len()).unwrap().to_be_bytes();
                            let header = [&[0xff; 6][..], &[2, 1], &number, &[8, 6]].concat();
                            frames.push((interface, [&header[..], &payload, &[0; 18]].concat()));
                        }
                    }
                }
            }
        }
    }
    frames
}
