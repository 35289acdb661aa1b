//! The addresses that stand for one of many selectors, at little more than the cost of those that add something.
//!
//! A pod that one selector has brought in is not looked at again, nor is a namespace all of whose pods are in: a tenant
//! may write a hundred thousand selectors that each select nearly everything.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use fixedbitset::FixedBitSet;
use policy_lang::name::NamespacedName;
use policy_lang::peer::{Namespaces, PodSelector};

use super::Resolver;
use super::postings::absent;
use crate::inventory::Pod;

/// What was found so far.
pub(super) struct Union<'r, 'a> {
    resolver: &'r Resolver<'a>,
    pods: &'r [(&'a NamespacedName, &'a Pod)],
    /// Where the pods of each namespace are that has an object.
    runs: Vec<Range<usize>>,
    /// The pods whose addresses are all in.
    known: FixedBitSet,
    /// The namespaces whose pods are all known.
    full: FixedBitSet,
    addresses: Vec<IpAddr>,
}

impl<'r, 'a> Union<'r, 'a> {
    /// Nothing yet.
    pub(super) fn new(resolver: &'r Resolver<'a>) -> Self {
        let pods = resolver.pods.items(|| resolver.inventory.pods.iter());
        let namespaces = resolver.namespaces.items(|| resolver.inventory.namespaces.keys());
        Self {
            resolver,
            pods,
            runs: namespaces.iter().map(|namespace| run(pods, namespace)).collect(),
            known: FixedBitSet::with_capacity(pods.len()),
            full: FixedBitSet::with_capacity(namespaces.len()),
            addresses: Vec::new(),
        }
    }

    /// Takes in what a selector stands for.
    pub(super) fn add(&mut self, selector: &PodSelector) {
        let namespaces = match &selector.namespaces {
            Namespaces::Named(namespace) => return self.add_in(selector, run(self.pods, namespace)),
            Namespaces::Matching(namespaces) => namespaces,
        };
        let resolver = self.resolver;
        let (all, labels) = (|| resolver.inventory.namespaces.keys(), |name: &&'a Arc<str>| resolver.namespace(name));
        let mut selected = resolver.namespaces.new_in(namespaces, all, labels, 0..self.runs.len(), &self.full);
        selected.sort_unstable();
        let runs = joined(selected.iter().filter_map(|at| self.runs.get(*at).cloned()));
        for run in runs {
            self.add_in(selector, run);
        }
        for at in selected {
            let is_full = self.runs.get(at).is_some_and(|run| absent(&self.known, run.clone()).next().is_none());
            self.full.set(at, is_full);
        }
    }

    /// Each address once, sorted.
    pub(super) fn into_addresses(mut self) -> Vec<IpAddr> {
        self.addresses.sort_unstable();
        self.addresses.dedup();
        self.addresses
    }

    fn add_in(&mut self, selector: &PodSelector, run: Range<usize>) {
        let resolver = self.resolver;
        let (all, labels) = (|| resolver.inventory.pods.iter(), |(_, pod): &(&NamespacedName, &'a Pod)| &pod.labels);
        for at in resolver.pods.new_in(&selector.pods, all, labels, run, &self.known) {
            let Some((name, pod)) = self.pods.get(at) else { continue };
            let own = pod.addresses.iter().copied().filter(|address| resolver.owns(name, *address));
            let (disputed, whole): (Vec<_>, Vec<_>) = own.partition(|address| !resolver.rivals(*address).is_empty());
            // Of those, another selector may select all rivals.
            self.known.set(at, disputed.is_empty());
            let by_all = disputed.into_iter().filter(|address| resolver.selected_by_all(selector, *address));
            self.addresses.extend(whole.into_iter().chain(by_all));
        }
    }
}

fn run(pods: &[(&NamespacedName, &Pod)], namespace: &Arc<str>) -> Range<usize> {
    let start = pods.partition_point(|(name, _)| name.namespace < *namespace);
    start..pods.partition_point(|(name, _)| name.namespace <= *namespace)
}

/// Runs in their order, those that meet as one.
fn joined(runs: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for run in runs {
        match joined.last_mut() {
            Some(last) if last.end == run.start => last.end = run.end,
            _ => joined.push(run),
        }
    }
    joined
}
