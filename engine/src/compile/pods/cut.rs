//! Ranges of ports cut apart wherever one of them begins or ends.
//!
//! What lies between two cuts is permitted to one set of peers, so that overlapping ranges become disjoint ones.

use std::collections::BTreeSet;

/// A range of ports, both ends included, and whom it is permitted to.
pub(super) type Range<T> = (u16, u16, T);

/// Disjoint ranges in order, each with all of whom some range permits it to: `add` collects those and returns how many
/// steps that took. Neighbours with the same peers are one range. Nothing if it takes more steps than are left.
pub(super) fn disjoint<T, A: Clone + Eq>(
    ranges: &[Range<T>],
    nobody: &A,
    add: impl Fn(&mut A, &T) -> usize,
    n_steps_left: &mut usize,
) -> Option<Vec<Range<A>>> {
    // One more than the highest port has to have a place.
    let ends = |(first, last, _): &Range<T>| [u32::from(*first), u32::from(*last) + 1];
    let cuts: BTreeSet<u32> = ranges.iter().flat_map(ends).collect();
    let cuts: Vec<u32> = cuts.into_iter().collect();
    let mut between = vec![nobody.clone(); cuts.len()];
    for (first, last, peer) in ranges {
        let from = cuts.partition_point(|cut| *cut < u32::from(*first));
        let to = cuts.partition_point(|cut| *cut <= u32::from(*last));
        for peers in between.get_mut(from..to)? {
            *n_steps_left = n_steps_left.checked_sub(add(peers, peer).max(1))?;
        }
    }
    let mut joined: Vec<Range<A>> = Vec::new();
    for (ends, peers) in cuts.windows(2).zip(between) {
        let [first, next] = ends else { continue };
        let (Ok(first), Ok(last)) = (u16::try_from(*first), u16::try_from(next - 1)) else { continue };
        match joined.last_mut() {
            _ if peers == *nobody => {}
            Some((_, end, same)) if u32::from(*end) + 1 == u32::from(first) && *same == peers => *end = last,
            Some(_) | None => joined.push((first, last, peers)),
        }
    }
    Some(joined)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Peers = BTreeSet<u8>;

    fn cut(ranges: &[Range<u8>], mut n_steps: usize) -> Option<Vec<Range<Peers>>> {
        let add = |peers: &mut Peers, peer: &u8| usize::from(peers.insert(*peer));
        disjoint(ranges, &Peers::new(), add, &mut n_steps)
    }

    proptest! {
        #[test]
        fn every_port_keeps_its_peers(
            ranges in prop::collection::vec((0_u16..20, 0_u16..6, 0_u8..3), 0..12)
        ) {
            let ranges: Vec<_> = ranges.into_iter().map(|(first, width, peer)| (first, first + width, peer)).collect();
            let cut = cut(&ranges, 1_000).unwrap();
            for port in 0..30 {
                let holds = |(first, last): (&u16, &u16)| (*first..=*last).contains(&port);
                let wanted: Peers =
                    ranges.iter().filter(|(first, last, _)| holds((first, last))).map(|(_, _, peer)| *peer).collect();
                let found: Vec<_> = cut.iter().filter(|(first, last, _)| holds((first, last))).collect();
                prop_assert!(found.len() <= 1);
                prop_assert_eq!(found.first().map(|(_, _, peers)| peers.clone()).unwrap_or_default(), wanted);
            }
        }
    }

    #[test]
    fn neighbours_with_the_same_peers_are_one_range() {
        let peers = |peers: &[u8]| peers.iter().copied().collect::<Peers>();
        let ranges = [(80, 89, 1), (90, 99, 1), (95, 120, 2)];
        let expected = vec![(80, 94, peers(&[1])), (95, 99, peers(&[1, 2])), (100, 120, peers(&[2]))];
        assert_eq!(cut(&ranges, 100), Some(expected));
    }

    #[test]
    fn the_highest_port_has_an_end() {
        assert_eq!(cut(&[(1, u16::MAX, 1)], 100), Some(vec![(1, u16::MAX, Peers::from([1]))]));
    }

    #[test]
    fn too_many_steps_are_none() {
        assert_eq!(cut(&[(1, 2, 1), (2, 3, 2)], 3), None);
        assert!(cut(&[(1, 2, 1), (2, 3, 2)], 4).is_some());
    }
}
