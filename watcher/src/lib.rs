//! The thin shell of palisade: files, the terminal, and whatever else touches the world.
//!
//! Invariant: nothing here builds an nft object by hand, and only `report` prints.
#![forbid(unsafe_code)]

#[cfg(feature = "cluster")]
pub mod agent;
pub mod analysis;
pub mod applied;
pub mod assertions;
pub mod bridges;
pub mod cli;
pub mod config;
pub mod confirm;
#[cfg(feature = "kernel")]
pub mod demo;
pub mod difference;
#[cfg(feature = "kernel")]
pub mod doctor;
pub mod drops;
pub mod explain;
pub mod flows;
pub mod folder;
#[cfg(feature = "kernel")]
pub mod lab;
pub mod last_good;
pub mod lint;
pub mod map;
#[cfg(feature = "kernel")]
pub mod migration;
pub mod observing;
pub mod report;
pub mod run_dir;
pub mod sealed;
pub mod source;
pub mod state_dir;
pub mod visible;
