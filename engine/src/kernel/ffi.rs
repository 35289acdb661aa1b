//! The edge to C: libnftnl's objects as owned types, and the calls on sockets.
//!
//! Invariant: the only file of the crate with `unsafe`. An attribute can be set only through an [`Attribute`], which
//! ties its number to the object and to the width that libnftnl reads, because libnftnl trusts its caller on both.

#![expect(unsafe_code, reason = "libnftnl calls that no safe crate covers")]

use std::alloc::Layout;
use std::ffi::CStr;
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::ptr::NonNull;

use libc::{c_int, c_void, nlmsghdr, socklen_t};
use nftnl_sys as sys;

pub(super) mod attribute;

/// Most expressions in one rule (`NFT_RULE_MAXEXPRS` in the kernel's `nf_tables.h`).
pub(super) const RULE_EXPRS_MAX: usize = 128;

/// Longest value of a register, in bytes (`NFT_DATA_VALUE_MAXLEN`).
pub(super) const DATA_MAX: usize = 64;

/// Longest string that any attribute takes, in bytes, without its NUL.
const TEXT_MAX: usize = 255;

/// Room that every message is given, in bytes. A message of elements stops at 64 KiB and one element more; a rule of
/// [`RULE_EXPRS_MAX`] expressions has at most 512 bytes for each (a name of 256, or two values of 64, and headers).
const MESSAGE_MAX: usize = 128 * 1024;

/// A value that an attribute of libnftnl takes.
#[derive(Debug)]
pub(super) struct Attribute<O, V: ?Sized> {
    id: u16,
    /// The longest value, in bytes.
    max: usize,
    of: PhantomData<fn(O, &V)>,
}

/// Why an attribute was not set: its value is longer than libnftnl or the kernel can hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooLong;

/// One of libnftnl's objects, with a setter for each width. Only its own [`Attribute`]s fit.
pub(super) trait Object: Sized {
    /// Sets an attribute to a value of the width that libnftnl reads for it.
    fn set(&mut self, id: u16, value: Value<'_>);

    fn set_u8(&mut self, attribute: &Attribute<Self, u8>, value: u8) {
        self.set(attribute.id, Value::aligned(&Aligned(value)));
    }

    fn set_u16(&mut self, attribute: &Attribute<Self, u16>, value: u16) {
        self.set(attribute.id, Value::aligned(&Aligned(value)));
    }

    fn set_u32(&mut self, attribute: &Attribute<Self, u32>, value: u32) {
        self.set(attribute.id, Value::aligned(&Aligned(value)));
    }

    fn set_u64(&mut self, attribute: &Attribute<Self, u64>, value: u64) {
        self.set(attribute.id, Value::aligned(&Aligned(value)));
    }

    /// # Errors
    /// [`TooLong`] beyond 255 bytes.
    fn set_text(&mut self, attribute: &Attribute<Self, str>, text: &str) -> Result<(), TooLong> {
        let mut buffer = Aligned([0_u8; TEXT_MAX + 1]);
        let text = text.as_bytes();
        if text.len() > attribute.max || text.contains(&0) {
            return Err(TooLong);
        }
        for (to, from) in buffer.0.iter_mut().zip(text) {
            *to = *from;
        }
        let length = u32::try_from(text.len() + 1).map_err(|_| TooLong)?;
        self.set(attribute.id, Value { length, ..Value::aligned(&buffer) });
        Ok(())
    }

    /// # Errors
    /// [`TooLong`] beyond what the attribute holds.
    fn set_bytes(&mut self, attribute: &Attribute<Self, [u8]>, bytes: &[u8]) -> Result<(), TooLong> {
        if bytes.len() > attribute.max {
            return Err(TooLong);
        }
        self.set(attribute.id, Value::bytes(bytes)?);
        Ok(())
    }
}

/// Bytes, at an address aligned for any integer, with their length.
pub(super) struct Value<'a> {
    address: *const c_void,
    length: u32,
    of: PhantomData<&'a [u8]>,
}

macro_rules! object {
    ($(#[$doc:meta])* $name:ident, $raw:ident, $alloc:ident, $free:ident, $set:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name(NonNull<sys::$raw>);

        impl $name {
            /// An empty one.
            pub(super) fn new() -> Self {
                // SAFETY: allocates; takes nothing.
                let raw = unsafe { sys::$alloc() };
                Self(NonNull::new(raw).unwrap_or_else(out_of_memory))
            }
        }

        impl Object for $name {
            fn set(&mut self, id: u16, value: Value<'_>) {
                // SAFETY: the object is alive, and `value` has the width that libnftnl reads for `id` (`Attribute`).
                // libnftnl copies it. The result only says whether memory was had for the copy of a string.
                let _ = unsafe { sys::$set(self.0.as_ptr(), id, value.address, value.length) };
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the object is alive and owned by this value alone.
                unsafe { sys::$free(self.0.as_ptr()) };
            }
        }
    };
}

object!(
    /// A table.
    Table, nftnl_table, nftnl_table_alloc, nftnl_table_free, nftnl_table_set_data
);
object!(
    /// A chain.
    Chain, nftnl_chain, nftnl_chain_alloc, nftnl_chain_free, nftnl_chain_set_data
);
object!(
    /// A set, with the elements that were added to it.
    Set, nftnl_set, nftnl_set_alloc, nftnl_set_free, nftnl_set_set_data
);
object!(
    /// An element of a set.
    Element, nftnl_set_elem, nftnl_set_elem_alloc, nftnl_set_elem_free, nftnl_set_elem_set
);
object!(
    /// A counter or a quota.
    StatefulObject, nftnl_obj, nftnl_obj_alloc, nftnl_obj_free, nftnl_obj_set_data
);
object!(
    /// The bare rule; [`Rule`] counts its expressions.
    BareRule, nftnl_rule, nftnl_rule_alloc, nftnl_rule_free, nftnl_rule_set_data
);

/// A rule, with the expressions that were added to it.
#[derive(Debug)]
pub(super) struct Rule {
    rule: BareRule,
    n_exprs: usize,
}

/// An expression of a rule.
#[derive(Debug)]
pub(super) struct Expr(NonNull<sys::nftnl_expr>);

impl Object for Rule {
    fn set(&mut self, id: u16, value: Value<'_>) {
        self.rule.set(id, value);
    }
}

impl Object for Expr {
    fn set(&mut self, id: u16, value: Value<'_>) {
        // SAFETY: the expression is alive, and `value` has the width that libnftnl reads for `id` (`Attribute`).
        let _ = unsafe { sys::nftnl_expr_set(self.0.as_ptr(), id, value.address, value.length) };
    }
}

impl Drop for Expr {
    fn drop(&mut self) {
        // SAFETY: the expression is alive and owned by this value alone: `into_raw` forgets what it gives away.
        unsafe { sys::nftnl_expr_free(self.0.as_ptr()) };
    }
}

impl Rule {
    /// Without expressions.
    pub(super) fn new() -> Self {
        Self { rule: BareRule::new(), n_exprs: 0 }
    }

    /// Adds an expression at the end.
    ///
    /// # Errors
    /// [`TooLong`] beyond [`RULE_EXPRS_MAX`].
    pub(super) fn push(&mut self, expr: Expr) -> Result<(), TooLong> {
        if self.n_exprs == RULE_EXPRS_MAX {
            return Err(TooLong);
        }
        self.n_exprs += 1;
        // SAFETY: both are alive; the rule owns the expression from here on and frees it.
        unsafe { sys::nftnl_rule_add_expr(self.rule.0.as_ptr(), expr.into_raw()) };
        Ok(())
    }
}

impl Expr {
    /// An expression of the kernel module of this name.
    pub(super) fn new(name: &CStr) -> Self {
        // SAFETY: the name is a C string, and only looked at.
        let raw = unsafe { sys::nftnl_expr_alloc(name.as_ptr()) };
        Self(NonNull::new(raw).unwrap_or_else(out_of_memory))
    }

    /// Makes an expression part of this one, which must be a dynset expression.
    pub(super) fn nest(&mut self, expr: Self) {
        let id = u32::from(attribute::DYNSET_EXPR.id);
        // SAFETY: both are alive; the outer one owns the inner one from here on and frees it. Kinds of expression
        // that hold no other ignore it.
        unsafe { sys::nftnl_expr_add_expr(self.0.as_ptr(), id, expr.into_raw()) };
    }

    fn into_raw(self) -> *mut sys::nftnl_expr {
        mem::ManuallyDrop::new(self).0.as_ptr()
    }
}

impl Set {
    /// An expression that every element has; a set has at most one here.
    pub(super) fn add_expr(&mut self, expr: Expr) {
        // SAFETY: both are alive; the set owns the expression from here on and frees it.
        unsafe { sys::nftnl_set_add_expr(self.0.as_ptr(), expr.into_raw()) };
    }

    /// Adds an element.
    pub(super) fn push(&mut self, element: Element) {
        let element = mem::ManuallyDrop::new(element).0.as_ptr();
        // SAFETY: both are alive; the set owns the element from here on and frees it.
        unsafe { sys::nftnl_set_elem_add(self.0.as_ptr(), element) };
    }
}

#[repr(C, align(8))]
struct Aligned<T>(T);

impl<'a> Value<'a> {
    fn aligned<T>(value: &'a Aligned<T>) -> Self {
        let length = u32::try_from(size_of::<T>()).unwrap_or(0);
        Self { address: (&raw const value.0).cast(), length, of: PhantomData }
    }

    /// For attributes that libnftnl copies byte by byte, wherever they are.
    fn bytes(bytes: &'a [u8]) -> Result<Self, TooLong> {
        let length = u32::try_from(bytes.len()).map_err(|_| TooLong)?;
        Ok(Self { address: bytes.as_ptr().cast(), length, of: PhantomData })
    }
}

/// Messages one after the other, as the kernel wants them: each at a multiple of four bytes.
#[derive(Debug)]
pub(super) struct Buffer {
    words: Vec<u32>,
}

impl Default for Buffer {
    /// With room for a small batch: memory that is never touched costs nothing, and growing costs every processor.
    fn default() -> Self {
        Self { words: Vec::with_capacity(2 * MESSAGE_MAX / size_of::<u32>()) }
    }
}

/// What a message says about itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// `NFT_MSG_*`.
    pub(super) kind: u16,
    /// `NFPROTO_*`.
    pub(super) family: u8,
    /// `NLM_F_*`, without REQUEST.
    pub(super) flags: u16,
    /// By which an error names it.
    pub(super) seq: u32,
}

impl Buffer {
    /// What is in it.
    pub(super) fn as_bytes(&self) -> &[u8] {
        // SAFETY: the words are initialised, and bytes have no alignment and no invalid values.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast(), self.words.len() * size_of::<u32>()) }
    }

    /// Appends a message that was made elsewhere, padded to four bytes.
    pub(super) fn push_bytes(&mut self, message: &[u8]) {
        self.words.extend(message.chunks(4).map(|chunk| {
            let mut word = [0; 4];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            u32::from_ne_bytes(word)
        }));
    }

    /// Appends a message about a table.
    pub(super) fn push_table(&mut self, header: &Header, table: &Table) {
        self.push(header, |message| {
            // SAFETY: the message has room for MESSAGE_MAX bytes, and a table needs less than 1 KiB.
            unsafe { sys::nftnl_table_nlmsg_build_payload(message, table.0.as_ptr()) };
        });
    }

    /// Appends a message about a chain.
    pub(super) fn push_chain(&mut self, header: &Header, chain: &Chain) {
        self.push(header, |message| {
            // SAFETY: the message has room for MESSAGE_MAX bytes, and a chain needs less than 2 KiB.
            unsafe { sys::nftnl_chain_nlmsg_build_payload(message, chain.0.as_ptr()) };
        });
    }

    /// Appends a message about a rule.
    pub(super) fn push_rule(&mut self, header: &Header, rule: &mut Rule) {
        self.push(header, |message| {
            // SAFETY: the message has room for MESSAGE_MAX bytes, which bounds RULE_EXPRS_MAX expressions.
            unsafe { sys::nftnl_rule_nlmsg_build_payload(message, rule.rule.0.as_ptr()) };
        });
    }

    /// Appends a message about a set, without its elements.
    pub(super) fn push_set(&mut self, header: &Header, set: &mut Set) {
        self.push(header, |message| {
            // SAFETY: the message has room for MESSAGE_MAX bytes, and a set needs less than 2 KiB.
            unsafe { sys::nftnl_set_nlmsg_build_payload(message, set.0.as_ptr()) };
        });
    }

    /// Appends a message about a counter or a quota.
    pub(super) fn push_object(&mut self, header: &Header, object: &StatefulObject) {
        self.push(header, |message| {
            // SAFETY: the message has room for MESSAGE_MAX bytes, and an object needs less than 1 KiB.
            unsafe { sys::nftnl_obj_nlmsg_build_payload(message, object.0.as_ptr()) };
        });
    }

    /// Appends messages about the elements of a set, as many as it takes: a list of elements is one attribute, which
    /// ends at 64 KiB. Messages after the first have the sequence numbers that follow; returns how many there are.
    pub(super) fn push_elements(&mut self, header: &Header, set: &Set) -> u32 {
        // SAFETY: the set outlives the iterator, which is destroyed below, and does not change meanwhile.
        let iterator = unsafe { sys::nftnl_set_elems_iter_create(set.0.as_ptr()) };
        let iterator = NonNull::new(iterator).unwrap_or_else(out_of_memory).as_ptr();
        let mut n_messages = 0;
        let mut is_more = true;
        while is_more {
            let header = Header { seq: header.seq.wrapping_add(n_messages), ..*header };
            self.push(&header, |message| {
                // SAFETY: the message has room for MESSAGE_MAX bytes; libnftnl stops at 64 KiB and takes the element
                // that did not fit back, which has less than 2 KiB. The iterator is alive.
                is_more = unsafe { sys::nftnl_set_elems_nlmsg_build_payload_iter(message, iterator) } > 0;
            });
            n_messages += 1;
        }
        // SAFETY: made above, and not used any more.
        unsafe { sys::nftnl_set_elems_iter_destroy(iterator) };
        n_messages
    }

    /// Appends a message with this header; `payload` may write up to [`MESSAGE_MAX`] bytes behind it.
    fn push(&mut self, header: &Header, payload: impl FnOnce(*mut nlmsghdr)) {
        let start = self.words.len();
        self.words.reserve(MESSAGE_MAX / size_of::<u32>());
        let Header { kind, family, flags, seq } = *header;
        let room = self.words.spare_capacity_mut().as_mut_ptr();
        // SAFETY: `room` is aligned for a header and has MESSAGE_MAX bytes.
        let message = unsafe { sys::nftnl_nlmsg_build_hdr(room.cast(), kind, u16::from(family), flags, seq) };
        payload(message);
        // SAFETY: the header was written above, and the payload keeps its length up to date.
        let length = unsafe { (*message).nlmsg_len };
        let n_words = usize::try_from(length).unwrap_or(0) / size_of::<u32>();
        // SAFETY: libnftnl has written `length` bytes, a multiple of four, within the reserved room.
        unsafe { self.words.set_len(start + n_words) };
    }
}

/// Sets an integer option of a netlink socket.
///
/// # Errors
/// What setsockopt says.
pub(super) fn set_netlink_option(socket: BorrowedFd<'_>, option: c_int, value: c_int) -> io::Result<()> {
    set_option(socket, libc::SOL_NETLINK, option, &value)
}

/// Sets an option of a socket.
///
/// # Errors
/// What setsockopt says.
pub(super) fn set_socket_option(socket: BorrowedFd<'_>, option: c_int, value: c_int) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, option, &value)
}

/// Limits how long a receive waits, to whole milliseconds.
///
/// # Errors
/// What setsockopt says.
pub(super) fn set_receive_timeout(socket: BorrowedFd<'_>, timeout: std::time::Duration) -> io::Result<()> {
    let seconds = libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX);
    let value = libc::timeval { tv_sec: seconds, tv_usec: libc::suseconds_t::from(timeout.subsec_millis()) * 1_000 };
    set_option(socket, libc::SOL_SOCKET, libc::SO_RCVTIMEO, &value)
}

fn set_option<T: Copy>(socket: BorrowedFd<'_>, level: c_int, option: c_int, value: &T) -> io::Result<()> {
    let length = socklen_t::try_from(size_of::<T>()).unwrap_or(0);
    // SAFETY: the descriptor is open, and the option's value is as long as said.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const *value).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// One datagram that was received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram {
    /// Its length in bytes, as much as fitted.
    pub(super) length: usize,
    /// The port of the sender: 0 for the kernel.
    pub(super) sender: u32,
}

/// Receives one datagram.
///
/// # Errors
/// What recvfrom says.
pub(super) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8], flags: c_int) -> io::Result<Datagram> {
    let (room, length) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: all zeros is a valid address.
    let mut address: libc::sockaddr_nl = unsafe { mem::zeroed() };
    let mut address_length = socklen_t::try_from(size_of_val(&address)).unwrap_or(0);
    let to = (&raw mut address).cast();
    // SAFETY: the buffer and the address have the lengths that are given.
    let received = unsafe { libc::recvfrom(socket.as_raw_fd(), room, length, flags, to, &raw mut address_length) };
    match usize::try_from(received) {
        Ok(length) => Ok(Datagram { length, sender: address.nl_pid }),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Moves the calling thread, and no other, into a new network namespace.
///
/// # Errors
/// What unshare says; `CAP_SYS_ADMIN` is needed.
pub(super) fn enter_new_network_namespace() -> io::Result<()> {
    // SAFETY: takes a number; other threads keep their namespace.
    let result = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Waits for a grace period of RCU: until every processor has left the code that it is in now, that of packets included.
///
/// # Errors
/// What membarrier says: kernels may be built without it, and refuse it where processors are never disturbed (`nohz_full`).
pub(super) fn wait_for_readers() -> io::Result<()> {
    // SAFETY: takes numbers; this command touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL, 0, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether the kernel takes its clock for synchronised with another. Changes nothing.
///
/// # Errors
/// What adjtimex says.
pub(super) fn clock_is_synchronised() -> io::Result<bool> {
    // SAFETY: all zeros is a valid value, and its modes ask for no change.
    let mut clock: libc::timex = unsafe { mem::zeroed() };
    // SAFETY: the kernel fills in the value, which lives long enough.
    let state = unsafe { libc::adjtimex(&raw mut clock) };
    if state < 0 { Err(io::Error::last_os_error()) } else { Ok(clock.status & libc::STA_UNSYNC == 0) }
}

/// A netlink socket, bound to a port that the kernel chose.
///
/// Programs that are run do not inherit it: the kernel takes the owner of a table for alive as long as anybody has
/// the owner's socket.
#[derive(Debug)]
pub(super) struct Socket(NonNull<mnl_sys::mnl_socket>);

// SAFETY: libmnl's socket is a descriptor and an address on the heap; nothing in it belongs to a thread.
unsafe impl Send for Socket {}

impl Socket {
    /// Opens one to a part of the kernel (`NETLINK_*`).
    ///
    /// # Errors
    /// What socket and bind say.
    pub(super) fn open(protocol: c_int) -> io::Result<Self> {
        // SAFETY: takes two numbers.
        let raw = unsafe { mnl_sys::mnl_socket_open2(protocol, libc::SOCK_CLOEXEC) };
        let socket = Self(NonNull::new(raw).ok_or_else(io::Error::last_os_error)?);
        // SAFETY: the socket is open. No groups; port 0 lets the kernel choose.
        let result = unsafe { mnl_sys::mnl_socket_bind(socket.0.as_ptr(), 0, 0) };
        if result == 0 { Ok(socket) } else { Err(io::Error::last_os_error()) }
    }

    /// Sends one datagram; how much of it was taken.
    ///
    /// # Errors
    /// What sendto says.
    pub(super) fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        let (address, length) = (datagram.as_ptr().cast(), datagram.len());
        // SAFETY: the socket is open, and the bytes are as long as said.
        let sent = unsafe { mnl_sys::mnl_socket_sendto(self.0.as_ptr(), address, length) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    /// The port that the kernel chose.
    pub(super) fn port(&self) -> u32 {
        // SAFETY: the socket is open; its address is looked at.
        unsafe { mnl_sys::mnl_socket_get_portid(self.0.as_ptr()) }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the socket is open.
        let raw = unsafe { mnl_sys::mnl_socket_get_fd(self.0.as_ptr()) };
        // SAFETY: the descriptor is open as long as the socket lives, whose lifetime the result has.
        unsafe { BorrowedFd::borrow_raw(raw) }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: the socket is open, and not used any more. Nothing can be done about an error.
        unsafe { mnl_sys::mnl_socket_close(self.0.as_ptr()) };
    }
}

fn out_of_memory<T>() -> NonNull<T> {
    std::alloc::handle_alloc_error(Layout::new::<T>())
}
