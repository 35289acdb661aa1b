//! Workloads as policies see them: those that nothing tells apart are one class.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fixedbitset::FixedBitSet;
use policy_lang::name::Labels;
use policy_lang::port::Protocol;

use super::ranges::{self, Cuts, Family, Range};
use super::{IpBlocks, Scene};
use crate::inventory::NamedPort;

/// The classes of a scene.
#[derive(Debug)]
pub(super) struct Classes<'a> {
    /// Each class.
    pub(super) list: Vec<Class<'a>>,
    /// For each workload its classes, with how many of its members are in each.
    pub(super) of_workload: Vec<Vec<(usize, usize)>>,
    /// Tables of named ports; the first is empty.
    pub(super) ports: Vec<&'a [NamedPort]>,
    /// The tables that declare a name.
    pub(super) declaring: BTreeMap<(&'a str, Protocol), Vec<usize>>,
    /// The classes of each such table.
    pub(super) by_ports: Vec<FixedBitSet>,
    /// Those that have an address of each family.
    pub(super) in_family: [FixedBitSet; 2],
    /// Those of which no address is known.
    pub(super) unknown: FixedBitSet,
    /// Known addresses of each family with their classes, sorted.
    pub(super) known: [Vec<(u128, usize)>; 2],
    /// Where unknown addresses are, for each family.
    pub(super) pod_ranges: [Vec<Range>; 2],
    /// Whether an `ipBlock` is about pods.
    pub(super) ip_blocks: IpBlocks,
}

/// Pods that nothing tells apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Class<'a> {
    pub(super) namespace: &'a str,
    pub(super) labels: &'a Labels,
    /// The number of its table of named ports.
    pub(super) ports: usize,
    /// The addresses of one of the pods, which stand for all of them; none where they are not known.
    pub(super) addresses: &'a [IpAddr],
}

impl<'a> Classes<'a> {
    pub(super) fn new(scene: &Scene<'a>) -> Self {
        let cuts = Cuts::of(scene);
        let mut found: Vec<Class<'a>> = Vec::new();
        let mut known = BTreeMap::new();
        let mut ports: Vec<&[NamedPort]> = vec![&[]];
        let mut port_numbers = BTreeMap::from([(&[][..], 0)]);
        let mut of_workload = Vec::with_capacity(scene.workloads.entries.len());
        for workload in &scene.workloads.entries {
            let mut own: BTreeMap<usize, usize> = BTreeMap::new();
            for member in &workload.members {
                let table = *port_numbers.entry(&member.ports).or_insert_with(|| {
                    ports.push(&member.ports);
                    ports.len() - 1
                });
                let places: Vec<_> = member.addresses.iter().map(|address| cuts.place(*address)).collect();
                let key = (&*workload.name.namespace, &workload.labels, table, places);
                let class = *known.entry(key).or_insert_with(|| {
                    found.push(Class {
                        namespace: &workload.name.namespace,
                        labels: &workload.labels,
                        ports: table,
                        addresses: &member.addresses,
                    });
                    found.len() - 1
                });
                *own.entry(class).or_default() += 1;
            }
            of_workload.push(own.into_iter().collect());
        }
        Self::indexed(scene, found, of_workload, ports)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// All of them.
    pub(super) fn all(&self) -> FixedBitSet {
        let mut all = FixedBitSet::with_capacity(self.len());
        all.insert_range(..);
        all
    }

    fn indexed(
        scene: &Scene<'a>,
        classes: Vec<Class<'a>>,
        of_workload: Vec<Vec<(usize, usize)>>,
        ports: Vec<&'a [NamedPort]>,
    ) -> Self {
        let empty = || FixedBitSet::with_capacity(classes.len());
        let mut by_ports: Vec<FixedBitSet> = ports.iter().map(|_| empty()).collect();
        let mut in_family = [empty(), empty()];
        let mut unknown = empty();
        let mut known = [Vec::new(), Vec::new()];
        let pod_ranges = pod_ranges(scene);
        for (number, class) in classes.iter().enumerate() {
            by_ports[class.ports].insert(number);
            if class.addresses.is_empty() {
                unknown.insert(number);
                for in_family in &mut in_family {
                    in_family.insert(number);
                }
            }
            for address in class.addresses {
                let family = Family::of(*address).index();
                in_family[family].insert(number);
                known[family].push((ranges::number(*address), number));
            }
        }
        for known in &mut known {
            known.sort_unstable();
        }
        let mut declaring: BTreeMap<(&str, Protocol), Vec<usize>> = BTreeMap::new();
        for (number, table) in ports.iter().enumerate() {
            for port in *table {
                declaring.entry((&port.name, port.protocol)).or_default().push(number);
            }
        }
        let ip_blocks = scene.options.ip_blocks;
        Self {
            list: classes,
            of_workload,
            ports,
            declaring,
            by_ports,
            in_family,
            unknown,
            known,
            pod_ranges,
            ip_blocks,
        }
    }
}

/// Where pods of unknown address have theirs: anywhere in a family that nothing is said of.
fn pod_ranges(scene: &Scene<'_>) -> [Vec<Range>; 2] {
    Family::ALL.map(|family| {
        let said = scene.options.pod_ranges.iter().filter(|network| Family::of(network.addr()) == family);
        let said: Vec<_> = said.map(Range::of).collect();
        if said.is_empty() { vec![family.whole()] } else { ranges::merged(said) }
    })
}
