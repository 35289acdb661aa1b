//! How much the sets would hold on whose size it hangs whether they are made.

use crate::compile::memo::Size;
use crate::inventory::Inventory;
use crate::limits::POD_PORTS_MAX;
use crate::resolve::{self, Resolver, Shared};
use crate::view::Content;

/// Each with its size, as the compiler counts it.
#[derive(Clone, Debug, Default)]
pub(super) struct Sizes(Vec<(Size, usize)>);

impl Sizes {
    /// As compiled.
    pub(super) fn new(sizes: Vec<Size>, resolver: &Resolver<'_>) -> Self {
        Self(sizes.into_iter().map(|size| (size.view.size(resolver), size)).map(|(n, size)| (size, n)).collect())
    }

    /// What these addresses contribute to each.
    pub(super) fn weigh(&self, inventory: &Inventory, shared: &Shared, touched: &super::Touched) -> Vec<usize> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let owners: Vec<_> = touched
            .iter()
            .map(|(address, name)| (*address, super::owners(inventory, shared, *address, name)))
            .collect();
        let weight = |size: &Size| {
            let Content::PodPorts(parts) = &size.view.content else { return 0 };
            let of_family = owners.iter().filter(|(address, owners)| size.view.holds(*address) && !owners.is_empty());
            let selected = of_family.flat_map(|(_, owners)| {
                let all = move |selector: &_| {
                    owners.iter().all(|(name, pod)| resolve::selects(inventory, selector, name, pod))
                };
                parts.iter().filter(move |(selector, _)| all(selector)).map(|(_, ports)| ports.len())
            });
            selected.sum()
        };
        self.0.iter().map(|(size, _)| weight(size)).collect()
    }

    /// Takes a change over; returns whether anything that fitted no longer does, or the other way round.
    pub(super) fn turn(&mut self, before: &[usize], after: &[usize]) -> bool {
        let mut turned = false;
        for (((size, n), before), after) in self.0.iter_mut().zip(before).zip(after) {
            *n = (*n + after).saturating_sub(*before);
            turned |= (*n <= POD_PORTS_MAX) != size.fits;
        }
        turned
    }
}
