//! Host rules from text to nft: what they become, and that nft takes all of it.

#[cfg(test)]
mod bytes;
#[cfg(test)]
mod chains;
#[cfg(test)]
mod circumstances;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod failsafe;
#[cfg(test)]
mod folding;
#[cfg(test)]
mod ipsets;
#[cfg(test)]
mod link;
#[cfg(test)]
mod lowered;
#[cfg(test)]
mod matches;
#[cfg(test)]
mod nft;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod targets;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod time;
#[cfg(test)]
mod vocabulary;
