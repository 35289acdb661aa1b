//! What rtnetlink tells of interfaces, and of eBPF programs that see their packets ahead of netfilter.
//!
//! Reading takes no capability. Programs that are attached by a link of their own (tcx, netkit) or to a cgroup are not
//! told of here.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd as _;
use std::time::Duration;

use super::KernelError;
use super::attribute::Attributes;
use super::ffi;
use super::message::{DUMP, NLMSG_DONE, NLMSG_ERROR, errno, frames, u32_at};
use super::socket::{denied_or_io, receive_from_kernel};

/// `RTM_GETLINK`, `RTM_GETQDISC` and `RTM_GETTFILTER`.
const GET_LINK: u16 = 18;
const GET_QDISC: u16 = 38;
const GET_FILTER: u16 = 46;

/// Lengths of `struct ifinfomsg` and `struct tcmsg` in bytes.
const LINK_HEADER: usize = 16;
const TC_HEADER: usize = 20;

/// `IFF_UP`.
const UP: u32 = 1;

/// `IFLA_IFNAME`, `IFLA_MASTER`, `IFLA_LINKINFO`, `IFLA_XDP`, and in the last two `IFLA_INFO_KIND`, `IFLA_XDP_ATTACHED`.
const NAME: u16 = 3;
const MASTER: u16 = 10;
const INFO: u16 = 18;
const INFO_KIND: u16 = 1;
const XDP: u16 = 43;
const XDP_ATTACHED: u16 = 2;

/// `TCA_KIND`, `TCA_OPTIONS`, and in the latter `TCA_BPF_NAME`, `TCA_BPF_FLAGS` with `TCA_BPF_FLAG_ACT_DIRECT`.
const KIND: u16 = 1;
const OPTIONS: u16 = 2;
const BPF_NAME: u16 = 7;
const BPF_FLAGS: u16 = 8;
const ACT_DIRECT: u32 = 1;

/// The parents of the filters of clsact: `TC_H_CLSACT` with `TC_H_MIN_INGRESS` and `TC_H_MIN_EGRESS`.
const INGRESS: u32 = 0xffff_fff2;
const EGRESS: u32 = 0xffff_fff3;

/// How much is received at once, in bytes; the kernel sends dumps in pieces of at most 32 KiB.
const PIECE: usize = 64 << 10;

/// How long the kernel may be silent within an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// An interface.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Link {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: Box<str>,
    /// What made it: `veth`, `bridge`, `netkit`; nothing of hardware.
    pub kind: Option<Box<str>>,
    /// Whether it is up.
    pub is_up: bool,
    /// The number of the bridge or bond that it is a port of.
    pub master: Option<u32>,
    /// Whether an XDP program is attached.
    pub has_xdp: bool,
}

/// Which packets of an interface.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Passing {
    /// Those that come in.
    Ingress,
    /// Those that go out.
    Egress,
}

/// A tc filter that is an eBPF program and says itself what becomes of a packet (direct action).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BpfFilter {
    /// The number of its interface.
    pub interface: u32,
    /// Which packets it sees.
    pub passing: Passing,
    /// What the program is called.
    pub name: Option<Box<str>>,
}

/// At most so many of the interfaces of the calling thread's network namespace.
///
/// # Errors
/// [`KernelError::Denied`], [`KernelError::Io`].
pub fn links(most: usize) -> Result<Vec<Link>, KernelError> {
    let mut links = Vec::new();
    dump(GET_LINK, &[0; LINK_HEADER], |payload| {
        links.extend(link(payload));
        if links.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(links)
}

/// The programs of at most so many interfaces that have any tc classifier. More than as many programs again are not read.
///
/// # Errors
/// [`KernelError::Denied`], [`KernelError::Io`].
pub fn bpf_filters(most: usize) -> Result<Vec<BpfFilter>, KernelError> {
    let mut classified = Vec::new();
    dump(GET_QDISC, &[0; TC_HEADER], |payload| {
        let kind = payload.get(TC_HEADER..).and_then(|attributes| Attributes::new(attributes).text(KIND));
        if let (Some("clsact" | "ingress"), Some(index)) = (kind, u32_at(payload, 4)) {
            classified.push(index);
        }
        if classified.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let mut filters = Vec::new();
    for index in classified {
        for (passing, parent) in [(Passing::Ingress, INGRESS), (Passing::Egress, EGRESS)] {
            let mut header = [0; 4].to_vec();
            header.extend(index.to_ne_bytes());
            header.extend(0_u32.to_ne_bytes());
            header.extend(parent.to_ne_bytes());
            header.extend(0_u32.to_ne_bytes());
            let asked = dump(GET_FILTER, &header, |payload| {
                let attributes = payload.get(TC_HEADER..).map(Attributes::new);
                filters.extend(attributes.and_then(|attributes| direct_program(index, passing, attributes)));
                if filters.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            match asked {
                // An ingress qdisc has no egress, and an interface may be gone by now.
                Err(KernelError::Io(error))
                    if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOENT | libc::ENODEV)) => {}
                asked => asked?,
            }
        }
    }
    // A filter is told of once for its chain and once for each program in it.
    filters.dedup();
    Ok(filters)
}

fn link(payload: &[u8]) -> Option<Link> {
    let attributes = Attributes::new(payload.get(LINK_HEADER..)?);
    let xdp = attributes.nest(XDP).and_then(|xdp| xdp.u8(XDP_ATTACHED));
    Some(Link {
        index: u32_at(payload, 4)?,
        name: attributes.text(NAME)?.into(),
        kind: attributes.nest(INFO).and_then(|info| info.text(INFO_KIND)).map(Box::from),
        is_up: u32_at(payload, 8)? & UP != 0,
        master: attributes.get(MASTER).and_then(|value| u32_at(value, 0)),
        has_xdp: xdp.is_some_and(|attached| attached != 0),
    })
}

/// A program that says itself what becomes of a packet; nothing if the filter is none.
fn direct_program(interface: u32, passing: Passing, attributes: Attributes<'_>) -> Option<BpfFilter> {
    let options = attributes.nest(OPTIONS).filter(|_| attributes.text(KIND) == Some("bpf"))?;
    let flags = options.get(BPF_FLAGS).and_then(|value| u32_at(value, 0)).unwrap_or(0);
    let name = options.text(BPF_NAME).map(Box::from);
    (flags & ACT_DIRECT != 0).then_some(BpfFilter { interface, passing, name })
}

/// Asks once, by a socket of its own, and hands out what is answered until `each` has enough.
fn dump(kind: u16, header: &[u8], mut each: impl FnMut(&[u8]) -> ControlFlow<()>) -> Result<(), KernelError> {
    const SEQ: u32 = 1;
    const REQUEST: u16 = 1;
    let socket = ffi::Socket::open(libc::NETLINK_ROUTE)?;
    ffi::set_receive_timeout(socket.as_fd(), PATIENCE)?;
    let mut request = Vec::new();
    request.extend(u32::try_from(16 + header.len()).unwrap_or(u32::MAX).to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend((REQUEST | DUMP).to_ne_bytes());
    request.extend(SEQ.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    request.extend(header);
    socket.send(&request).map_err(denied_or_io)?;
    let mut buffer = vec![0; PIECE];
    loop {
        let length = receive_from_kernel(socket.as_fd(), &mut buffer, 0).map_err(denied_or_io)?;
        for frame in frames(buffer.get(..length).unwrap_or(&[])).filter(|frame| frame.seq == SEQ) {
            match frame.kind {
                NLMSG_DONE => return Ok(()),
                NLMSG_ERROR => {
                    return match u32_at(frame.payload, 0).map_or(0, errno) {
                        0 => Ok(()),
                        errno => Err(denied_or_io(io::Error::from_raw_os_error(errno))),
                    };
                }
                _ if each(frame.payload).is_break() => return Ok(()),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::attribute::push;
    use super::*;

    #[test]
    fn a_link_is_read_as_the_kernel_writes_it() {
        let mut payload = vec![0; 4];
        payload.extend(7_u32.to_ne_bytes());
        payload.extend(1_u32.to_ne_bytes());
        payload.extend(0_u32.to_ne_bytes());
        push(&mut payload, NAME, b"nk0\0");
        push(&mut payload, MASTER, &3_u32.to_ne_bytes());
        let (mut info, mut xdp) = (Vec::new(), Vec::new());
        push(&mut info, INFO_KIND, b"netkit\0");
        push(&mut xdp, XDP_ATTACHED, &[2]);
        push(&mut payload, INFO, &info);
        push(&mut payload, XDP, &xdp);
        let expected = Link {
            index: 7,
            name: "nk0".into(),
            kind: Some("netkit".into()),
            is_up: true,
            master: Some(3),
            has_xdp: true,
        };
        assert_eq!(link(&payload), Some(expected));
        for length in 0..LINK_HEADER {
            assert_eq!(link(&payload[..length]), None);
        }
    }

    #[test]
    fn only_a_program_with_direct_action_counts() {
        let filter = |kind: &[u8], flags: u32| {
            let (mut attributes, mut options) = (Vec::new(), Vec::new());
            push(&mut options, BPF_NAME, b"from-container\0");
            push(&mut options, BPF_FLAGS, &flags.to_ne_bytes());
            push(&mut attributes, KIND, kind);
            push(&mut attributes, OPTIONS, &options);
            direct_program(2, Passing::Ingress, Attributes::new(&attributes)).map(|filter| filter.name)
        };
        assert_eq!(filter(b"bpf\0", 1), Some(Some("from-container".into())));
        assert_eq!(filter(b"bpf\0", 0), None);
        assert_eq!(filter(b"flower\0", 1), None);
    }
}
