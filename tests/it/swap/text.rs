//! Swappers that load text with `nft -f`: the careful one and the naive one, of the same ruleset.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use watcher::lab::{Lab, Namespace};

use super::Swapper;
use super::load::{ANSWERED, ONE_WAY};

/// Chains that no packet of the load enters: what a node with many pods has, and what makes a commit take its time.
const OTHER_CHAINS: u16 = 200;

/// The ruleset in text, of one generation after the other.
#[derive(Debug)]
pub(crate) struct Text {
    router: Arc<Namespace>,
    sender: Vec<IpAddr>,
    open: Vec<IpAddr>,
}

impl Text {
    pub(crate) fn new(lab: &Lab) -> Self {
        let addresses = |name| lab.addresses(name).unwrap().to_vec();
        Self {
            router: Arc::clone(lab.namespace("router").unwrap()),
            sender: addresses("sender"),
            open: addresses("open"),
        }
    }

    /// Sets, maps and chains of a generation, which nothing refers to.
    fn objects(&self, generation: u32) -> String {
        let g = format!("g{generation}");
        let mut text = String::new();
        for ip in &self.open {
            let (n, kind, length) = family(*ip);
            let ports = [ONE_WAY, ANSWERED].map(|port| format!("{ip}/{length} . {port}-{port}")).join(", ");
            writeln!(
                text,
                "set {g}_peers{n} {{ type {kind} . inet_service; flags interval; elements = {{ {ports} }}; }}"
            )
            .unwrap();
        }
        writeln!(text, "chain {g}_policy {{").unwrap();
        writeln!(text, "ip daddr . udp dport @{g}_peers4 return\nip6 daddr . udp dport @{g}_peers6 return\ndrop\n}}")
            .unwrap();
        for other in 0..OTHER_CHAINS {
            writeln!(text, "chain {g}_other{other} {{ udp dport {other} return; tcp dport {other} return; drop; }}")
                .unwrap();
        }
        for ip in &self.sender {
            let (n, kind, _) = family(*ip);
            let others = (0..OTHER_CHAINS).map(|other| {
                let [high, low] = other.to_be_bytes();
                let address = if n == 4 { format!("10.99.{high}.{low}") } else { format!("2001:db8:99::{other:x}") };
                format!("{address} : jump {g}_other{other}")
            });
            let elements: Vec<_> = others.chain([format!("{ip} : jump {g}_policy")]).collect();
            writeln!(text, "map {g}_egress{n} {{ type {kind} : verdict; elements = {{ {} }}; }}", elements.join(", "))
                .unwrap();
        }
        text
    }

    /// What the base chain says in a generation.
    fn base_rules(generation: u32) -> [String; 3] {
        [
            "ct state established,related accept".into(),
            format!("ip saddr vmap @g{generation}_egress4"),
            format!("ip6 saddr vmap @g{generation}_egress6"),
        ]
    }

    /// All of a generation.
    fn table(&self, generation: u32) -> String {
        format!(
            "table inet swapped {{\n{}\nchain forward {{ type filter hook forward priority 10;\n{}\n}}\n}}\n",
            self.objects(generation),
            Self::base_rules(generation).join("\n")
        )
    }

    /// The deletion of everything of a generation that nothing refers to any more.
    fn deletions(generation: u32) -> String {
        let g = format!("g{generation}");
        let mut text = String::new();
        for n in [4, 6] {
            writeln!(text, "delete map inet swapped {g}_egress{n}").unwrap();
        }
        writeln!(text, "delete chain inet swapped {g}_policy").unwrap();
        for other in 0..OTHER_CHAINS {
            writeln!(text, "delete chain inet swapped {g}_other{other}").unwrap();
        }
        for n in [4, 6] {
            writeln!(text, "delete set inet swapped {g}_peers{n}").unwrap();
        }
        text
    }

    /// One element that no packet of the load asks for comes or goes.
    fn touch(&self, generation: u32, update: u32) {
        let verb = if update.is_multiple_of(2) { "add" } else { "delete" };
        let [.., high, low] = (update / 2).to_be_bytes();
        let element = format!("10.77.{high}.{low} . 1-9");
        self.router.nft(&format!("{verb} element inet swapped g{generation}_peers4 {{ {element} }}\n")).unwrap();
    }
}

/// Keeps the table and its base chain; fills, flips and collects in three transactions.
#[derive(Debug)]
pub(crate) struct Careful(pub(crate) Text);

impl Swapper for Careful {
    fn install(&mut self) {
        self.0.router.nft(&self.0.table(0)).unwrap();
    }

    fn swap(&mut self, generation: u32) {
        let Self(text) = self;
        text.router.nft(&format!("table inet swapped {{\n{}}}\n", text.objects(generation))).unwrap();
        let rules = Text::base_rules(generation).map(|rule| format!("add rule inet swapped forward {rule}\n"));
        text.router.nft(&format!("flush chain inet swapped forward\n{}", rules.concat())).unwrap();
        text.router.nft(&Text::deletions(generation - 1)).unwrap();
    }

    fn touch(&mut self, generation: u32, update: u32) {
        self.0.touch(generation, update);
    }
}

/// Deletes the table and adds it again in one transaction, as `nft -f` files usually do.
#[derive(Debug)]
pub(crate) struct Naive(pub(crate) Text);

impl Swapper for Naive {
    fn install(&mut self) {
        self.0.router.nft(&self.0.table(0)).unwrap();
    }

    fn swap(&mut self, generation: u32) {
        self.0.router.nft(&format!("delete table inet swapped\n{}", self.0.table(generation))).unwrap();
    }

    fn touch(&mut self, generation: u32, update: u32) {
        self.0.touch(generation, update);
    }
}

/// Deletes the table in one transaction and adds it in another.
#[derive(Debug)]
pub(crate) struct Torn(pub(crate) Text);

impl Swapper for Torn {
    fn install(&mut self) {
        self.0.router.nft(&self.0.table(0)).unwrap();
    }

    fn swap(&mut self, generation: u32) {
        self.0.router.nft("delete table inet swapped\n").unwrap();
        self.0.router.nft(&self.0.table(generation)).unwrap();
    }

    fn touch(&mut self, generation: u32, update: u32) {
        self.0.touch(generation, update);
    }
}

/// The number of a family, its data type and the length of an address.
fn family(ip: IpAddr) -> (u8, &'static str, u8) {
    if ip.is_ipv4() { (4, "ipv4_addr", 32) } else { (6, "ipv6_addr", 128) }
}
