//! Parts that not every packet has, in some of the ways in which they can be there.

use super::edits::{Edit, Sides};

/// Extension headers of IPv6: none, one of each kind, several, and each with the numbers that rules ask for.
pub(super) fn extensions() -> Vec<Edit> {
    let padded = |kind: u8, words: u8| {
        let length = usize::from(words) * 8 + 6;
        // Options that say nothing fill the header.
        let padding = [&[1, u8::try_from(length - 2).unwrap()][..], &vec![0; length - 2]].concat();
        (kind, [&[words][..], &padding].concat())
    };
    let routing = |kind: u8, segments: u8, words: u8| {
        (43, [&[words, kind, segments][..], &vec![0; usize::from(words) * 8 + 4]].concat())
    };
    let fragment = || (44, vec![0, 0, 0, 0, 0, 0, 1]);
    let (hop, destination) = (|words| padded(0, words), |words| padded(60, words));
    [
        vec![],
        vec![hop(0)],
        vec![hop(1)],
        vec![destination(0)],
        vec![destination(1)],
        vec![destination(2)],
        vec![routing(0, 1, 2)],
        vec![routing(2, 1, 2)],
        vec![routing(2, 0, 2)],
        vec![routing(3, 2, 0)],
        vec![routing(4, 4, 4)],
        vec![fragment()],
        vec![hop(0), destination(0), routing(2, 2, 2)],
        vec![hop(0), fragment()],
        vec![hop(0), fragment(), destination(1)],
        vec![destination(0), fragment()],
    ]
    .into_iter()
    .map(Edit::Extensions)
    .collect()
}

/// Chunks of SCTP's: those that rules ask for alone, together, and with others.
pub(super) fn chunks() -> Sides {
    let lists: [&[u8]; 9] = [&[1], &[0], &[0, 3], &[3, 0], &[3], &[6], &[14, 6], &[7, 3, 0], &[0xc0, 0x80]];
    lists.map(|chunks| Edit::Chunks(chunks.to_vec())).to_vec().into()
}
