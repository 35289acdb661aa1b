//! Host rules from text to nft: what they become, and that nft takes all of it.

mod chains;
mod errors;
mod folding;
mod lowered;
mod matches;
mod nft;
mod targets;
