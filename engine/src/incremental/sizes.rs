//! How much the sets would hold on whose size it hangs whether they are made.

use crate::compile::memo::{Memo, Size};
use crate::compile::pods::Made;
use crate::inventory::Inventory;
use crate::limits::POD_PORTS_MAX;
use crate::resolve::{self, Shared};
use crate::view::Content;

/// What these addresses contribute to each.
pub(super) fn weigh(memo: &mut Memo, inventory: &Inventory, shared: &Shared, touched: &super::Touched) -> Vec<usize> {
    let owners: Vec<_> =
        touched.iter().map(|(address, name)| (*address, super::owners(inventory, shared, *address, name))).collect();
    let weight = |size: &Size| {
        let Content::PodPorts(parts) = &size.view.content else { return 0 };
        let of_family = owners.iter().filter(|(address, owners)| size.view.holds(*address) && !owners.is_empty());
        let selected = of_family.flat_map(|(_, owners)| {
            let all =
                move |selector: &_| owners.iter().all(|(name, pod)| resolve::selects(inventory, selector, name, pod));
            parts.iter().filter(move |(selector, _)| all(selector)).map(|(_, ports)| ports.len())
        });
        selected.sum()
    };
    memo.chains.values_mut().flat_map(Made::sizes).map(|(size, _)| weight(size)).collect()
}

/// Takes a change over, and forgets the chains where something that fitted no longer does, or the other way round.
/// Returns whether there were any.
pub(super) fn turn(memo: &mut Memo, before: &[usize], after: &[usize]) -> bool {
    let mut changes = before.iter().zip(after);
    let n_before = memo.chains.len();
    memo.chains.retain(|_, made| {
        let mut holds = true;
        for ((size, n), (before, after)) in made.sizes().zip(&mut changes) {
            *n = (*n + after).saturating_sub(*before);
            holds &= (*n <= POD_PORTS_MAX) == size.fits;
        }
        holds
    });
    memo.chains.len() < n_before
}
