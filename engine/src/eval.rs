//! What becomes of a packet, worked out twice: from the policies' words, and from the rules of a ruleset.
//!
//! The two share no code with the compiler that leads from the one to the other, so that an error of it shows as a
//! difference between them. Neither looks at the clock or keeps anything between two packets.

pub mod policy;
