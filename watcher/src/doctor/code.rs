//! The codes of findings: one table, which is their reference too.

use policy_lang::diagnostic::Severity;

macro_rules! codes {
    ($($name:ident, $word:literal, $severity:ident, $what:literal, $why:literal;)+) => {
        /// What a finding is about. The word is stable: scripts and alerts may name it.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum Code {
            $(#[doc = $what] $name,)+
        }

        /// Every code.
        pub const CODES: &[Definition] = &[
            $(Definition { code: Code::$name, word: $word, severity: Severity::$severity, what: $what, why: $why },)+
        ];

        impl Code {
            /// What is said of it in the table.
            pub const fn definition(self) -> Definition {
                match self {
                    $(Self::$name => Definition {
                        code: Self::$name,
                        word: $word,
                        severity: Severity::$severity,
                        what: $what,
                        why: $why,
                    },)+
                }
            }
        }
    };
}

/// A code and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The code.
    pub code: Code,
    /// Its name.
    pub word: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is looked at, and when it is a finding.
    pub what: &'static str,
    /// Why it matters, in one sentence.
    pub why: &'static str,
}

impl Code {
    /// Its name.
    pub const fn word(self) -> &'static str {
        self.definition().word
    }

    /// How bad it is.
    pub const fn severity(self) -> Severity {
        self.definition().severity
    }

    /// Why it matters.
    pub const fn why(self) -> &'static str {
        self.definition().why
    }
}

codes! {
    ForwardingOff, "forwarding-off", Error,
        "A node for pods does not forward a family that its pods have: IPv4 unless the pods are known and have none; \
         IPv6 if the pods are known and have such addresses",
        "Packets from and to pods are thrown away before policy sees them, so every pod is cut off.";
    InterfaceForwardingOff, "interface-forwarding-off", Warning,
        "IPv4 is forwarded, but not what comes in by an interface that is up",
        "What comes in there for a pod, and what the pods behind it send, is thrown away before policy sees it.";
    AdvertisementsIgnored, "advertisements-ignored", Warning,
        "IPv6 is forwarded, an interface has an address by router advertisements, and its `accept_ra` is 1",
        "A node that forwards ignores router advertisements unless `accept_ra` is 2: its address and its default route run \
         out, and it can no longer be reached.";
    AdvertisementsAccepted, "advertisements-accepted", Note,
        "IPv6 is forwarded, and an interface has `accept_ra` 2",
        "Whoever sends router advertisements there gives the node routes; palisade drops those of local pods, of nobody else.";
    BridgeHidesPods, "bridge-hides-pods", Error,
        "A bridge with two pods or more hands its frames to no hook of IP; where pods are not known, a bridge with two ports \
         or more on a node for pods",
        "Pods on that bridge reach each other whatever their policies say.";
    ReversePathStrict, "reverse-path-strict", Note,
        "`rp_filter` of an interface is strict: the larger of `all` and its own is 1",
        "Where packets and their answers take different ways, as with several uplinks or behind LVS with direct routing, they \
         are thrown away, and no rule counts them.";
    ConntrackAbsent, "conntrack-absent", Error,
        "Connection tracking is not there",
        "Answers of permitted connections are told from new ones by it: without it they are denied.";
    ConntrackFull, "conntrack-full", Error,
        "More than 80 % of the entries of connection tracking are taken",
        "Once it is full, new connections are dropped whatever policy says.";
    ConntrackSmall, "conntrack-small", Note,
        "Connection tracking holds less than 131072 entries, which is what kube-proxy sets at least",
        "A burst of connections of one pod fills it, and then new ones of everybody are dropped.";
    ConntrackLiberal, "conntrack-liberal", Note,
        "`nf_conntrack_tcp_be_liberal` is on",
        "TCP packets outside of their window are not taken for invalid, so `dropInvalid` drops fewer.";
    IpvsServices, "ipvs-services", Error,
        "IPVS has services, and the configuration does not say `ipvs: true`",
        "Packets that IPVS sends to pods pass no forward hook, so policy is not asked.";
    XdpProgram, "xdp-program", Warning,
        "An XDP program is attached to an interface",
        "It may redirect, answer or drop packets ahead of every hook of netfilter.";
    TcProgram, "tc-program", Warning,
        "An eBPF program with direct action is a tc filter of an interface",
        "It may redirect packets past the hooks of netfilter, as Cilium's and Calico's eBPF data planes do.";
    NetkitInterface, "netkit-interface", Warning,
        "An interface is of the kind netkit",
        "Its eBPF program decides where packets of the pod behind it go, and may pass netfilter by.";
    Flowtable, "flowtable", Error,
        "A flowtable is in nf_tables, of whoever",
        "Connections that it has learned of pass no forward hook, so a policy that changes does not cut them.";
    ForeignDropPolicy, "foreign-drop-policy", Warning,
        "A base chain of somebody else has the policy drop, in a family and at a hook that pods' or the node's packets pass",
        "What it does not accept is dropped, whatever palisade permits, and is counted by none of our rules.";
    ForeignSteals, "foreign-steals", Warning,
        "A rule in a base chain of somebody else takes packets away: `queue`, `flow add`, `tproxy`, `synproxy`, `fwd`",
        "Such packets may not come by the hooks where policy is asked.";
    ForeignUntracks, "foreign-untracks", Note,
        "A rule in a base chain of somebody else keeps packets from connection tracking",
        "Answers to such packets are not known as answers, and are judged as if they were new.";
    ForeignDrops, "foreign-drops", Note,
        "A rule in a base chain of somebody else drops or rejects, before palisade is asked",
        "What is dropped there is counted by none of our rules: `palisade drops` does not show it.";
    LegacyTables, "legacy-tables", Note,
        "The older iptables has tables in the kernel",
        "Its rules judge as well, and neither nft nor palisade can list them: `iptables-legacy-save` does.";
    CalicoRules, "calico-rules", Warning,
        "Chains `cali-*`, a table `calico` or sets `cali*` of Calico",
        "Calico enforces as well, or its rules are left over and still drop what its policies said last.";
    KubeRouterRules, "kube-router-rules", Warning,
        "Chains `KUBE-ROUTER-*`, `KUBE-POD-FW-*`, `KUBE-NWPLCY-*` or sets `KUBE-SRC-*`, `KUBE-DST-*` of kube-router",
        "kube-router enforces as well, or its rules are left over and still reject what its policies said last.";
    KubeNetworkPoliciesRules, "kube-network-policies-rules", Warning,
        "A table `kube-network-policies`",
        "It hands packets to a process; where that is gone they pass or are dropped, as it was configured.";
    CiliumRules, "cilium-rules", Warning,
        "Chains `CILIUM_*` or interfaces `cilium_*` of Cilium",
        "Cilium's programs take packets past netfilter while it runs, and stay attached when its agent is gone.";
    WeaveRules, "weave-rules", Warning,
        "Chains `WEAVE-NPC*` or sets `weave-*` of Weave Net's policy controller",
        "It enforces as well, or its rules are left over and still drop what its policies said last.";
    AntreaRules, "antrea-rules", Warning,
        "Chains or sets `ANTREA-*`, or an interface `antrea-gw*`, of Antrea",
        "Antrea forwards pods' packets by Open vSwitch, which hands them to no hook of netfilter.";
    UfwRules, "ufw-rules", Note,
        "Chains `ufw-*` of ufw",
        "Its rules judge as well; what it drops is counted by none of our rules.";
    FirewalldRules, "firewalld-rules", Note,
        "A table `firewalld`",
        "Its rules judge as well, and a reload of it may cut what it has not been told of.";
    DockerRules, "docker-rules", Note,
        "Chains `DOCKER*` or a table `docker-bridges` of Docker",
        "Docker sets the policy of iptables' FORWARD chain to drop, and forwarded packets that no policy of a pod is about pass \
         the FORWARD rules of host rules too.";
    NftablesService, "nftables-service", Warning,
        "nftables.service is enabled, and its configuration has `flush ruleset`",
        "Each start, reload and stop of it removes every table that no running agent owns, palisade's and kube-proxy's.";
    KernelOld, "kernel-old", Error,
        "The kernel is older than 5.15",
        "No test has shown that the ruleset does there what it says.";
    KernelWithoutOwner, "kernel-without-owner", Note,
        "Tables cannot be owned and outlive their owner (Linux 6.9)",
        "What others change is put right a moment later instead of being refused.";
    ClockWrong, "clock-wrong", Error,
        "The clock shows a time before this program was made",
        "Certificates and tokens of the API server do not hold then, so no policy can be read.";
    ClockUnsynchronised, "clock-unsynchronised", Note,
        "The kernel says that nothing keeps its clock right",
        "Logs and metrics of several nodes do not fit together, and certificates run out early or late.";
    AnotherOwner, "another-owner", Error,
        "Our table is owned by a process that does not hold the lock of the run folder",
        "Two agents with different run folders are on this node; only one of them can write, and it need not be this one.";
    FolderNotWritable, "folder-not-writable", Error,
        "The run folder or the state folder is on a file system that is read-only",
        "Without the first nobody can write rules; without the second nothing is enforced after a reboot until the API \
         server answers.";
    FolderFull, "folder-full", Warning,
        "The file system of the run folder or of the state folder has less than 16 MiB or less than 64 inodes left",
        "The last good state cannot be kept, so a reboot would enforce an older one.";
    MoreThanRead, "more-than-read", Note,
        "There is more of something than is read of it",
        "What was not read may hide another finding.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_unique_and_every_line_is_whole() {
        let words: BTreeSet<&str> = CODES.iter().map(|definition| definition.word).collect();
        assert_eq!(words.len(), CODES.len());
        for Definition { code, word, what, why, .. } in CODES {
            assert_eq!(code.word(), *word);
            assert!(word.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{word}");
            assert!(!what.is_empty() && !what.ends_with('.') && why.ends_with('.'), "{word}");
        }
    }
}
