//! Two sorted maps side by side.

use std::cmp::Ordering;

/// Both sides of every key, in order.
pub(super) fn joined<'a, K, T, U>(
    left: impl IntoIterator<Item = (&'a K, &'a T)>,
    right: impl IntoIterator<Item = (&'a K, &'a U)>,
) -> impl Iterator<Item = (&'a K, Option<&'a T>, Option<&'a U>)>
where
    K: Ord + 'a,
    T: 'a,
    U: 'a,
{
    let mut left = left.into_iter().peekable();
    let mut right = right.into_iter().peekable();
    std::iter::from_fn(move || {
        let order = match (left.peek(), right.peek()) {
            (Some((left, _)), Some((right, _))) => left.cmp(right),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        match order {
            Ordering::Less => left.next().map(|(key, value)| (key, Some(value), None)),
            Ordering::Greater => right.next().map(|(key, value)| (key, None, Some(value))),
            Ordering::Equal => {
                let (key, value) = left.next()?;
                Some((key, Some(value), right.next().map(|(_, other)| other)))
            }
        }
    })
}
