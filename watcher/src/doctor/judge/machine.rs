//! The machine: its kernel, its clock, its folders, who else writes.

use engine::apply::our_tables;
use engine::kernel::{Features, SeenFamily};

use super::super::facts::{Folder, Lock};
use super::super::{Code, Facts, Finding};
use super::reading;

/// The oldest kernel that is supported.
const OLDEST: (u32, u32) = (5, 15);

/// A moment before any version of this program was made: 2026-01-01, in seconds since 1970.
const MADE: u64 = 1_767_225_600;

/// What has to be free: several last-good snapshots of the largest cluster that is planned for.
const FREE_BYTES: u64 = 16 << 20;
const FREE_INODES: u64 = 64;

pub(in crate::doctor) fn judge(facts: &Facts, findings: &mut Vec<Finding>) {
    kernel(facts, findings);
    clock(facts, findings);
    writers(facts, findings);
    for folder in &facts.folders {
        findings.extend(space(folder));
    }
    findings.extend(facts.legacy.iter().map(|(program, table)| Finding {
        code: Code::LegacyTables,
        subject: format!("{program} {table}"),
        message: format!("the older iptables has the table {table} in the kernel"),
        read: vec![reading(names_file(program), table.clone())],
        fix: vec![format!("{program}-save to look at it, and use the iptables that is based on nf_tables")],
    }));
    findings.extend(facts.flushes.iter().map(|(path, line)| Finding {
        code: Code::NftablesService,
        subject: path.clone(),
        message: format!("nftables.service is enabled, and {path} flushes every table"),
        read: vec![reading(path.clone(), line.clone())],
        fix: vec![
            format!("replace `flush ruleset` in {path} by `delete table` of its own tables"),
            "systemctl disable nftables.service, if palisade's host rules take its place".to_owned(),
        ],
    }));
    let cut = facts.cut.iter().copied().chain(facts.survey.is_cut.then_some("nf_tables"));
    findings.extend(cut.map(|what| Finding {
        code: Code::MoreThanRead,
        subject: what.to_owned(),
        message: format!("of {what} there is more than was read"),
        read: vec![reading(what, "more than the bound")],
        fix: vec!["remove what is left over, then run palisade doctor again".to_owned()],
    }));
}

/// Where the kernel names the tables of the older iptables.
fn names_file(program: &str) -> &'static str {
    if program.starts_with("ip6") { "/proc/net/ip6_tables_names" } else { "/proc/net/ip_tables_names" }
}

fn kernel(facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(release) = &facts.release else { return };
    let read = || vec![reading("/proc/sys/kernel/osrelease", release.clone())];
    if version(release).is_some_and(|version| version < OLDEST) {
        findings.push(Finding {
            code: Code::KernelOld,
            subject: "kernel".to_owned(),
            message: format!("the kernel is {release}, and the oldest that is supported is {}.{}", OLDEST.0, OLDEST.1),
            read: read(),
            fix: vec!["boot a supported kernel: docs/reference/support.md lists them".to_owned()],
        });
    }
    if let Some(Features { owner, persist, .. }) = facts.features
        && !(owner && persist)
    {
        findings.push(Finding {
            code: Code::KernelWithoutOwner,
            subject: "kernel".to_owned(),
            message: format!("the kernel {release} cannot keep others from changing our tables"),
            read: read(),
            fix: vec!["boot Linux 6.9 or later; until then an agent puts right what others change".to_owned()],
        });
    }
}

/// `6.1.0-18-amd64` is 6.1.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn clock(facts: &Facts, findings: &mut Vec<Finding>) {
    if let Some(clock) = facts.clock.filter(|clock| *clock < MADE) {
        findings.push(Finding {
            code: Code::ClockWrong,
            subject: "clock".to_owned(),
            message: "the clock shows a time before this program was made".to_owned(),
            read: vec![reading("date +%s", clock.to_string())],
            fix: vec!["timedatectl set-ntp true".to_owned()],
        });
    }
    if facts.is_synchronised == Some(false) {
        findings.push(Finding {
            code: Code::ClockUnsynchronised,
            subject: "clock".to_owned(),
            message: "nothing keeps the clock right".to_owned(),
            read: vec![reading("adjtimex(2)", "STA_UNSYNC")],
            fix: vec!["timedatectl set-ntp true, or run chrony".to_owned()],
        });
    }
}

fn writers(facts: &Facts, findings: &mut Vec<Finding>) {
    let ours = our_tables();
    let owned = facts.survey.tables.iter().find_map(|table| {
        let is_ours =
            ours.iter().any(|key| table.family == SeenFamily::Ours(key.family) && key.name.as_str() == &*table.name);
        table.owner.filter(|_| is_ours).map(|owner| (table, owner))
    });
    let Some((table, owner)) = owned else { return };
    let is_known = match (facts.own_port, &facts.lock) {
        (Some(own), _) => own == owner,
        // Whoever holds the lock is taken for the owner.
        (None, Some(Lock::Free)) => false,
        (None, Some(Lock::Held(_)) | None) => true,
    };
    if !is_known {
        let name = format!("{} {}", table.family, table.name);
        findings.push(Finding {
            code: Code::AnotherOwner,
            subject: name.clone(),
            message: format!(
                "table {name} is owned by netlink port {owner}, which is not of the agent of this run folder"
            ),
            read: vec![reading("nft list tables", format!("{name}, owner {owner}"))],
            fix: vec![format!("look at ps -p {owner}, and end the agent that should not be there")],
        });
    }
}

fn space(folder: &Folder) -> Option<Finding> {
    let Folder { path, is_read_only, free_bytes, free_inodes } = folder;
    let shown = format!("df {path}");
    if *is_read_only {
        return Some(Finding {
            code: Code::FolderNotWritable,
            subject: path.clone(),
            message: format!("{path} is on a file system that is read-only"),
            read: vec![reading(format!("findmnt --target {path}"), "ro")],
            fix: vec![format!("mount a file system that can be written at {path}")],
        });
    }
    let few_inodes = free_inodes.is_some_and(|free| free < FREE_INODES);
    (*free_bytes < FREE_BYTES || few_inodes).then(|| Finding {
        code: Code::FolderFull,
        subject: path.clone(),
        message: format!("the file system of {path} is full but for {free_bytes} bytes"),
        read: vec![reading(shown.clone(), format!("{free_bytes} bytes, {} inodes", free_inodes.unwrap_or_default()))],
        fix: vec![format!("{shown}, and make room there")],
    })
}
