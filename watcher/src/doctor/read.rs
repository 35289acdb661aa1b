//! Reads the facts: files below a few roots, and the kernel by netlink. What cannot be read is a gap, never a pass.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use engine::compile::bridge;
use engine::inventory::Inventory;
use engine::kernel::{self, Features};

use super::facts::{Facts, Folder, Lock, Pods, Role};
use super::{Examination, Gap, GapKind, examine};
use crate::bridges;

mod files;

/// Most interfaces, programs and sets that are read. A node has some hundreds of pods at most.
const MOST: usize = 4_096;

/// Where everything stands; tests have a copy.
#[derive(Clone, Debug)]
pub struct Roots {
    /// Bridges, and the routes and other files of the network.
    pub bridges: bridges::Roots,
    /// `/proc/sys`.
    pub parameters: PathBuf,
    /// `/etc`.
    pub configuration: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { bridges: bridges::Roots::default(), parameters: "/proc/sys".into(), configuration: "/etc".into() }
    }
}

/// What is asked, and by whom.
#[derive(Clone, Debug)]
pub struct Question {
    /// Where to read.
    pub roots: Roots,
    /// What the node is for.
    pub role: Role,
    /// Its name among the pods.
    pub node: String,
    /// The pods, where they are known.
    pub pods: Option<Inventory>,
    /// Whether the configuration says that IPVS forwards.
    pub expects_ipvs: bool,
    /// What the kernel can do, where that is known.
    pub features: Option<Features>,
    /// The netlink port of the agent that asks, if it is one.
    pub own_port: Option<u32>,
    /// The run folder and the state folder.
    pub folders: [PathBuf; 2],
}

/// Reads, and judges what was read.
pub fn examination(question: &Question) -> Examination {
    let (facts, gaps) = read(question);
    Examination { findings: examine(&facts), gaps }
}

/// Reads everything that can be read.
pub fn read(question: &Question) -> (Facts, Vec<Gap>) {
    let Question { roots, role, node, pods, expects_ipvs, features, own_port, folders } = question;
    let mut facts = Facts {
        role: *role,
        expects_ipvs: *expects_ipvs,
        features: *features,
        own_port: *own_port,
        clock: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs()),
        ..Facts::default()
    };
    let mut gaps = Gaps::default();
    of_kernel(&mut facts, &mut gaps);
    of_bridges(&mut facts, &mut gaps, roots, node, pods.as_ref());
    let network = &roots.bridges.network;
    facts.parameters = gaps.or_default("kernel parameters", files::parameters(&roots.parameters, &facts.links));
    facts.addresses = gaps.or_default("addresses of IPv6", files::addresses(network));
    facts.n_ipvs_services = gaps.or_default("services of IPVS", files::ipvs_services(network));
    facts.legacy = gaps.or_default("tables of the older iptables", files::legacy_tables(network));
    facts.release = gaps.or_default("the kernel's release", files::release(&roots.parameters).map(Some));
    if files::is_of_node(&roots.configuration) {
        facts.flushes = gaps.or_default("nftables.service", files::flushing_service(&roots.configuration));
    } else {
        let why = format!("{} is not that of the node", roots.configuration.display());
        gaps.out_of_sight("nftables.service", why);
    }
    facts.is_synchronised = gaps.or_default("the clock", kernel::clock_is_synchronised().map(Some));
    facts.lock = gaps.or_default("the lock of the run folder", lock(&folders[0].join("lock")).map(Some));
    for path in folders {
        let folder = gaps.or_default(&format!("the file system of {}", path.display()), files::folder(path).map(Some));
        facts.folders.extend::<Option<Folder>>(folder);
    }
    let why = "rtnetlink does not tell of them; `bpftool net` and `bpftool cgroup tree` do".to_owned();
    gaps.out_of_sight("eBPF programs of tcx links and of cgroups", why);
    (facts, gaps.0)
}

fn of_kernel(facts: &mut Facts, gaps: &mut Gaps) {
    facts.links = gaps.or_default("interfaces", kernel::links(MOST));
    facts.programs = gaps.or_default("tc filters", kernel::bpf_filters(MOST));
    facts.survey = gaps.or_default("nf_tables", kernel::survey());
    facts.ipsets = gaps.or_default("names of ipsets", kernel::ipset_names(MOST));
    let read =
        [("interfaces", facts.links.len()), ("tc filters", facts.programs.len()), ("ipsets", facts.ipsets.len())];
    facts.cut = read.into_iter().filter(|(_, n)| *n >= MOST).map(|(what, _)| what).collect();
}

fn of_bridges(facts: &mut Facts, gaps: &mut Gaps, roots: &Roots, node: &str, pods: Option<&Inventory>) {
    let found = bridges::read(&roots.bridges);
    let mut of_node: Vec<_> = Vec::new();
    if let Some(inventory) = pods {
        let local = inventory.pods.values().filter(|pod| pod.node.as_deref() == Some(node));
        of_node = local.flat_map(|pod| pod.addresses.iter().copied()).collect();
    }
    match found {
        Ok(found) => {
            facts.pods = pods.map(|inventory| Pods {
                has_ipv4: of_node.iter().any(std::net::IpAddr::is_ipv4),
                has_ipv6: of_node.iter().any(std::net::IpAddr::is_ipv6),
                hidden: bridge::unseen(&found, inventory, node),
            });
            facts.bridges = found.bridges;
        }
        Err(error) => gaps.add("bridges", &error),
    }
}

/// Whether somebody holds the right to write.
fn lock(path: &Path) -> io::Result<Lock> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lock::Free),
        opened => opened?,
    };
    // Shared and for a moment: whoever wants the lock itself waits longer than that.
    match file.try_lock_shared() {
        Ok(()) => Ok(Lock::Free),
        Err(fs::TryLockError::WouldBlock) => Ok(Lock::Held(fs::read_to_string(path)?.trim().to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// What could not be looked at so far.
#[derive(Default)]
struct Gaps(Vec<Gap>);

impl Gaps {
    fn or_default<T: Default, E: std::fmt::Display>(&mut self, what: &str, read: Result<T, E>) -> T {
        read.unwrap_or_else(|error| {
            self.add(what, &error);
            T::default()
        })
    }

    fn add(&mut self, what: &str, error: &dyn std::fmt::Display) {
        self.0.push(Gap { what: what.to_owned(), why: error.to_string(), kind: GapKind::Refused });
    }

    fn out_of_sight(&mut self, what: &str, why: String) {
        self.0.push(Gap { what: what.to_owned(), why, kind: GapKind::OutOfSight });
    }
}
