//! The files that facts are read from. One that the kernel does not have says nothing and is no error.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use engine::kernel::Link;
use nix::sys::statvfs::{FsFlags, statvfs};

use super::super::facts::{AddressV6, Folder};

/// Parameters of the whole namespace, below `net`.
const WHOLE: [&str; 7] = [
    "ipv4/ip_forward",
    "ipv6/conf/all/forwarding",
    "ipv4/conf/all/rp_filter",
    "netfilter/nf_conntrack_max",
    "netfilter/nf_conntrack_count",
    "netfilter/nf_conntrack_tcp_be_liberal",
    "bridge/bridge-nf-call-iptables",
];

/// One more that bridges have.
const BRIDGES_V6: &str = "bridge/bridge-nf-call-ip6tables";

/// Parameters of an interface, before and after its name.
const OF_LINK: [(&str, &str); 4] =
    [("ipv4/conf", "forwarding"), ("ipv4/conf", "rp_filter"), ("ipv6/conf", "forwarding"), ("ipv6/conf", "accept_ra")];

/// `IFA_F_PERMANENT`, and the scope of addresses that reach everywhere.
const PERMANENT: u32 = 0x80;
const GLOBAL: &str = "00";

/// Longest configuration of nftables.service that is looked at, in bytes.
const CONFIGURATION_MAX: u64 = 1 << 20;

/// Kernel parameters by their path below `/proc/sys/net`.
pub(super) fn parameters(root: &Path, links: &[Link]) -> io::Result<BTreeMap<String, String>> {
    let whole = WHOLE.into_iter().chain([BRIDGES_V6]).map(str::to_owned);
    let of_links =
        links.iter().flat_map(|link| OF_LINK.map(|(before, after)| format!("{before}/{}/{after}", link.name)));
    let mut found = BTreeMap::new();
    for path in whole.chain(of_links) {
        if let Some(text) = text(&root.join("net").join(&path))? {
            found.insert(path, text.trim().to_owned());
        }
    }
    Ok(found)
}

/// The lines of `/proc/net/if_inet6`: address, index, prefix length, scope and flags in hexadecimal digits, interface.
pub(super) fn addresses(network: &Path) -> io::Result<Vec<AddressV6>> {
    let text = text(&network.join("if_inet6"))?.unwrap_or_default();
    Ok(text.lines().filter_map(address).collect())
}

fn address(line: &str) -> Option<AddressV6> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let flags = u32::from_str_radix(words.get(4)?, 16).ok()?;
    Some(AddressV6 {
        interface: (*words.get(5)?).to_owned(),
        is_global: *words.get(3)? == GLOBAL,
        is_dynamic: flags & PERMANENT == 0,
    })
}

/// How many services IPVS has: the lines that begin with a protocol, or with the mark that stands for one.
pub(super) fn ipvs_services(network: &Path) -> io::Result<usize> {
    let text = text(&network.join("ip_vs"))?.unwrap_or_default();
    let is_service = |line: &&str| ["TCP ", "UDP ", "SCTP", "FWM "].iter().any(|word| line.starts_with(word));
    Ok(text.lines().filter(is_service).count())
}

/// Tables of the older iptables, each with the program that lists it.
pub(super) fn legacy_tables(network: &Path) -> io::Result<Vec<(&'static str, String)>> {
    let mut tables = Vec::new();
    for (file, program) in [("ip_tables_names", "iptables-legacy"), ("ip6_tables_names", "ip6tables-legacy")] {
        let text = text(&network.join(file))?.unwrap_or_default();
        tables.extend(text.split_whitespace().map(|table| (program, table.to_owned())));
    }
    Ok(tables)
}

/// The kernel's release.
pub(super) fn release(root: &Path) -> io::Result<String> {
    fs::read_to_string(root.join("kernel/osrelease")).map(|text| text.trim().to_owned())
}

/// Whether a folder of configurations is that of a whole system: an image that holds nothing but a program has none.
pub(super) fn is_of_node(configuration: &Path) -> bool {
    configuration.join("systemd/system").is_dir()
}

/// The configuration of nftables.service that flushes everything, and the line that does, where the service is enabled.
pub(super) fn flushing_service(configuration: &Path) -> io::Result<Option<(String, String)>> {
    let wanted_by = ["sysinit.target.wants", "multi-user.target.wants", "network-pre.target.wants"];
    let is_enabled = wanted_by.iter().any(|target| {
        // A link whose target is not seen from here counts as well.
        configuration.join("systemd/system").join(target).join("nftables.service").symlink_metadata().is_ok()
    });
    if !is_enabled {
        return Ok(None);
    }
    for name in ["nftables.conf", "sysconfig/nftables.conf"] {
        let path = configuration.join(name);
        if path.metadata().is_ok_and(|metadata| metadata.len() > CONFIGURATION_MAX) {
            return Err(io::Error::other(format!("{} has more than {CONFIGURATION_MAX} bytes", path.display())));
        }
        let Some(text) = text(&path)? else { continue };
        let flushes = |line: &&str| line.split_whitespace().take(2).eq(["flush", "ruleset"]);
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim().trim_end_matches(';'));
        if let Some(line) = lines.clone().find(flushes) {
            return Ok(Some((path.display().to_string(), line.to_owned())));
        }
    }
    Ok(None)
}

/// The file system of a folder, or of the nearest one above it that there is.
pub(super) fn folder(path: &Path) -> io::Result<Folder> {
    let there = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    let found = statvfs(there)?;
    Ok(Folder {
        path: there.display().to_string(),
        is_read_only: found.flags().contains(FsFlags::ST_RDONLY),
        free_bytes: found.blocks_available().saturating_mul(found.fragment_size()),
        // File systems without a table of inodes say that they have none at all.
        free_inodes: (found.files() > 0).then(|| found.files_available()),
    })
}

/// What a file holds; nothing if there is none, or if the kernel has none of the kind.
fn text(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Root(std::path::PathBuf);

    impl Root {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("palisade-doctor-{name}-{}", std::process::id())))
        }

        fn file(&self, name: &str, text: &str) -> &Self {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            self
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn a_service_that_flushes_counts_only_where_it_is_enabled() {
        let root = Root::new("service");
        root.file("nftables.conf", "#!/usr/sbin/nft -f\n# flush ruleset\nflush  ruleset;\ntable inet filter {}\n");
        assert!(!is_of_node(&root.0));
        assert_eq!(flushing_service(&root.0).unwrap(), None);
        root.file("systemd/system/sysinit.target.wants/nftables.service", "");
        assert!(is_of_node(&root.0));
        let (path, line) = flushing_service(&root.0).unwrap().unwrap();
        assert!(path.ends_with("/nftables.conf"));
        assert_eq!(line, "flush  ruleset");
        root.file("nftables.conf", "# flush ruleset\ndelete table inet filter\n");
        assert_eq!(flushing_service(&root.0).unwrap(), None);
    }

    #[test]
    fn services_of_ipvs_are_the_lines_with_a_protocol() {
        let root = Root::new("ipvs");
        assert_eq!(ipvs_services(&root.0).unwrap(), 0);
        root.file(
            "ip_vs",
            "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> \
             RemoteAddress:Port Forward Weight ActiveConn InActConn\nTCP  0A600001:01BB rr\n  -> C0A8000B:192B      \
             Masq    1      0          0\nUDP  0A60000A:0035 rr\nFWM  00000001 wlc\n",
        );
        assert_eq!(ipvs_services(&root.0).unwrap(), 3);
    }

    #[test]
    fn addresses_and_tables_are_read_as_the_kernel_writes_them() {
        let root = Root::new("network");
        root.file(
            "if_inet6",
            "fe800000000000000000000000000001 02 40 20 80     eth0\n20010db8000000000000000000000001 02 40 00 00     \
             eth0\nnot an address\n",
        );
        root.file("ip6_tables_names", "filter\nmangle\n");
        let found = addresses(&root.0).unwrap();
        assert_eq!(found.len(), 2);
        assert!(!found[0].is_global && !found[0].is_dynamic && found[1].is_global && found[1].is_dynamic);
        let [first, second] = &legacy_tables(&root.0).unwrap()[..] else { panic!() };
        assert_eq!((first.0, first.1.as_str(), second.1.as_str()), ("ip6tables-legacy", "filter", "mangle"));
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_the_one_above() {
        let folder = folder(Path::new("/proc/self/nothing/there")).unwrap();
        assert_eq!(folder.path, "/proc/self");
    }
}
