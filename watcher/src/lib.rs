//! The thin shell of palisade.
#![forbid(unsafe_code)]
