//! The thin shell of palisade.
#![forbid(unsafe_code)]

#[cfg(feature = "kernel")]
pub mod lab;
