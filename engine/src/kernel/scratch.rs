//! A network namespace to try things in, that is gone afterwards.

use std::thread;

use super::ffi;
use super::socket::denied_or_io;
use super::{Guard, Kernel, KernelError, Netlink};
use crate::plan::Op;

/// Does work on nf_tables of a new, empty network namespace. What is loaded there meets no packets, and everything
/// in it vanishes with it.
///
/// # Errors
/// [`KernelError::Denied`] without the right to make a namespace (`CAP_SYS_ADMIN`), [`KernelError::Io`] without a
/// thread or a socket for it.
pub fn in_scratch<T: Send>(work: impl FnOnce(&mut Netlink) -> T + Send) -> Result<T, KernelError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("scratch".into()).spawn_scoped(scope, || {
            // The namespace is the thread's alone, and ends with it.
            ffi::enter_new_network_namespace().map_err(denied_or_io)?;
            Ok(work(&mut Netlink::open()?))
        })?;
        match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Commits batches one after the other in a scratch namespace: what the kernel refuses there it would refuse here,
/// jump loops and misplaced expressions included. What depends on the tables that are here is not tried.
///
/// # Errors
/// [`KernelError::Denied`] without the right to make a namespace, else as [`Kernel::commit`]; the operations that
/// are named are those of the batch that failed first.
pub fn try_in_scratch(batches: &[&[Op]]) -> Result<(), KernelError> {
    in_scratch(|kernel| batches.iter().try_for_each(|ops| kernel.commit(ops, Guard::None)))?
}
