//! Side by side with nft, ferm and iptables, as ratios of one run. Needs root.
fn main() {}
