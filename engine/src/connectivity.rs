//! Who may connect to whom for what: all of it at once, from policies and workloads.
//!
//! Workloads that no selector, port or address tells apart are one class. For each class and direction the policies that
//! bind it are worked through once, for all other classes together: a *row* says which sets of classes, and which
//! addresses, are permitted what. Classes bound by the same policies share a row, and a connection is what the rows of
//! both ends permit.
//!
//! What a pod's own node sends to it is always permitted (sem-83) and is not listed: a node stands for any node but the
//! pod's own. Two pods at one address (decisions.md 18) are judged as if each had it alone. Of ICMP only echo requests
//! are looked at.
//!
//! Invariant: it shares no code with [`crate::eval::policy`], which judges it in tests, nor with the compiler.

use ipnet::IpNet;
use policy_lang::policy::{Direction, Policy};

use crate::inventory::Inventory;
use crate::workloads::Workloads;

pub use self::allowed::{Allowed, AllowedId, PortSet};
pub use self::pairs::{Ends, Link, Outside};
pub use self::why::{Other, Reason, Says};

use self::allowed::Table;
use self::classes::Classes;
use self::pairs::Reach;
use self::prepare::Prepared;
use self::ranges::Range;
use self::row::Rows;

mod allowed;
mod classes;
mod every;
mod labels;
mod matching;
mod pairs;
mod prepare;
pub mod ranges;
mod row;
mod signature;
mod tiers;
mod why;

/// What a map is made from.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Policies of every tier, in the order in which they are asked.
    pub policies: &'a [Policy],
    /// Namespaces, nodes and the endpoints of Services. Its pods are not looked at.
    pub inventory: &'a Inventory,
    /// Who has pods.
    pub workloads: &'a Workloads,
    /// What is to be thought of addresses.
    pub options: &'a Options,
}

/// What is to be thought of addresses.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Options {
    /// Whether an `ipBlock` is about pods.
    pub ip_blocks: IpBlocks,
    /// Where pods of unknown address have theirs, one of each family. In a family that is not here it may be any.
    pub pod_ranges: Vec<IpNet>,
}

/// Whether an `ipBlock` is about pods (sem-41).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum IpBlocks {
    /// By their addresses, as the rules of a node match.
    #[default]
    Match,
    /// It is not: an `ipBlock` means nothing but what is outside.
    Never,
}

/// Everything that is permitted, ready to be read row by row.
#[derive(Debug)]
pub struct Connectivity<'a> {
    scene: Scene<'a>,
    classes: Classes<'a>,
    /// For each class the workloads that have such pods.
    with_class: Vec<Vec<usize>>,
    prepared: Prepared<'a>,
    table: Table,
    egress: Rows,
    ingress: Rows,
    reach: Reach,
    /// Addresses that are somebody's: of known pods and of nodes.
    taken: [Vec<Range>; 2],
}

impl<'a> Connectivity<'a> {
    /// Works everything out.
    pub fn new(scene: Scene<'a>) -> Self {
        let classes = Classes::new(&scene);
        let mut table = Table::default();
        let prepared = prepare::prepare(&scene, &classes, &mut table);
        let egress = Rows::new(Direction::Egress, &classes, &prepared, &mut table);
        let ingress = Rows::new(Direction::Ingress, &classes, &prepared, &mut table);
        let reach = Reach::of(&ingress, &classes);
        let with_class = pairs::with_class(&classes);
        let taken = ranges::taken(&scene);
        Self { scene, classes, with_class, prepared, table, egress, ingress, reach, taken }
    }

    /// What it is made from.
    pub fn scene(&self) -> &Scene<'a> {
        &self.scene
    }

    /// Addresses of known pods and of nodes, which are not listed as addresses; of each family.
    pub fn taken(&self) -> &[Vec<Range>; 2] {
        &self.taken
    }

    /// How many classes the workloads fall into.
    pub fn n_classes(&self) -> usize {
        self.classes.len()
    }

    /// What an answer of this map permits.
    pub fn allowed(&self, id: AllowedId) -> &Allowed {
        self.table.get(id)
    }
}
