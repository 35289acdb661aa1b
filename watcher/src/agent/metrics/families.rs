//! Every metric of the agent: its name, its kind and what it says, which is their reference too.

/// A metric and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name, with the suffix of a counter.
    pub name: &'static str,
    /// Counter, gauge or histogram, and its labels.
    pub kind: &'static str,
    /// What it says.
    pub help: &'static str,
}

/// Every metric of the agent.
pub const FAMILIES: &[Family] = &[
    Family { name: "palisade_build_info", kind: "gauge `version`", help: "Always 1" },
    Family {
        name: "palisade_ready",
        kind: "gauge",
        help: "1 if every source has answered, a full apply is done, and the last attempt did not fail",
    },
    Family {
        name: "palisade_enforcing",
        kind: "gauge `what`",
        help: "1 for what is enforced: `nothing`, `adopted` (what an earlier run left), `last-good` (the snapshot, where sources are silent) or `sources`; 0 for the others",
    },
    Family {
        name: "palisade_lease_timestamp_seconds",
        kind: "gauge",
        help: "When the Lease of this node was written last; 0 if it never was, or there is to be none",
    },
    Family {
        name: "palisade_lease_errors_total",
        kind: "counter",
        help: "Attempts to write the Lease of this node that failed",
    },
    Family { name: "palisade_owner", kind: "gauge", help: "1 if the kernel keeps others from changing the tables" },
    Family { name: "palisade_generation", kind: "gauge", help: "How many rulesets this agent has put in force" },
    Family {
        name: "palisade_generation_timestamp_seconds",
        kind: "gauge",
        help: "When the last of them was put in force; 0 if none was",
    },
    Family {
        name: "palisade_last_success_timestamp_seconds",
        kind: "gauge",
        help: "When kernel and sources were known to agree last",
    },
    Family {
        name: "palisade_pending_seconds",
        kind: "gauge",
        help: "For how long the oldest change that a source told has not been in force; 0 if there is none",
    },
    Family {
        name: "palisade_apply_seconds",
        kind: "histogram `phase`",
        help: "How long a batch took: `compile`, and `apply` in the kernel, whose parts are `observe` (reading what the kernel has, and planning), `fill`, `flip` and `collect`",
    },
    Family {
        name: "palisade_change_delay_seconds",
        kind: "histogram",
        help: "From when a source told of a change until it was in force",
    },
    Family {
        name: "palisade_pod_program_delay_seconds",
        kind: "histogram `pod`",
        help: "From when a source told a new address of a pod until it was in force, for pods of this node (`local`) and others (`remote`)",
    },
    Family {
        name: "palisade_apply_errors_total",
        kind: "counter `reason`",
        help: "Attempts that left the previous ruleset in force, or leftovers",
    },
    Family { name: "palisade_apply_failures", kind: "gauge", help: "Failed attempts since the last success" },
    Family { name: "palisade_ruleset_chains", kind: "gauge", help: "Chains of the ruleset in force" },
    Family { name: "palisade_ruleset_rules", kind: "gauge", help: "Rules of the ruleset in force" },
    Family { name: "palisade_ruleset_sets", kind: "gauge", help: "Named sets and maps of the ruleset in force" },
    Family { name: "palisade_set_elements", kind: "gauge", help: "Elements of its named sets and maps" },
    Family {
        name: "palisade_foreign_changes_total",
        kind: "counter",
        help: "Commits of others that changed tables of palisade",
    },
    Family {
        name: "palisade_table_restored_total",
        kind: "counter",
        help: "Times that what others had changed was put right again",
    },
    Family {
        name: "palisade_notices_lost_total",
        kind: "counter",
        help: "Times that the kernel told of more commits than were listened to; everything is compared then",
    },
    Family {
        name: "palisade_conntrack_revoked_total",
        kind: "counter",
        help: "Live connections that were cut because policy no longer permits them",
    },
    Family {
        name: "palisade_conntrack_cut",
        kind: "gauge",
        help: "Connections that are cut and that conntrack still follows, 65,536 at most",
    },
    Family {
        name: "palisade_conntrack_cut_again_total",
        kind: "counter",
        help: "Cut connections whose mark another program had changed, so that they went on, and that were cut again",
    },
    Family {
        name: "palisade_conntrack_entries",
        kind: "gauge",
        help: "Connections that conntrack follows on this node; absent where the kernel does not tell",
    },
    Family {
        name: "palisade_conntrack_entries_max",
        kind: "gauge",
        help: "Most that it can follow: new connections are dropped beyond it",
    },
    Family { name: "palisade_source_events_total", kind: "counter `source`", help: "Messages of each source" },
    Family {
        name: "palisade_source_in_sync",
        kind: "gauge `source`",
        help: "1 if the source has answered and sees what there is",
    },
    Family {
        name: "palisade_findings",
        kind: "gauge `severity`",
        help: "What is wrong with objects, by `error` and `warning`",
    },
    Family {
        name: "palisade_doctor_findings",
        kind: "gauge `code`, `severity`",
        help: "What would make enforcement a lie or a lock-out, by the codes of `palisade doctor`",
    },
    Family {
        name: "palisade_host_rules_reverted_total",
        kind: "counter",
        help: "Times that host rules were taken back because nothing answered while they were in force",
    },
    Family {
        name: "palisade_host_rules_refused",
        kind: "gauge",
        help: "1 while host rules that were taken back are what a source says",
    },
    Family {
        name: "palisade_broken_objects",
        kind: "gauge",
        help: "Objects and files that cannot be compiled as they are written: what takes their place fails closed",
    },
    Family {
        name: "palisade_namespaces_over_budget",
        kind: "gauge",
        help: "Namespaces whose policies ask for more than they may have: their pods on this node are closed",
    },
    Family { name: "palisade_pods", kind: "gauge", help: "Pods that can be subject or peer" },
    Family { name: "palisade_policies", kind: "gauge", help: "Policies of every tier but the baseline" },
    Family {
        name: "palisade_unknown_pods",
        kind: "gauge",
        help: "Pods of this node whose addresses are not known yet",
    },
    Family {
        name: "palisade_bridges_unfiltered",
        kind: "gauge",
        help: "Bridges between whose pods nothing is enforced, because br_netfilter is off",
    },
    Family {
        name: "palisade_snapshot_timestamp_seconds",
        kind: "gauge",
        help: "When the last-good snapshot was written",
    },
    Family {
        name: "palisade_denied_packets_total",
        kind: "counter `cause` `direction`",
        help: "Packets that pod policy denied since the agent began, by cause: `baseline`, `cluster-policy`, `network-policy`, `cluster-baseline`, `otherwise`, `revoked`, `invalid`, `quarantine`, `forged-source`, `router-advertisement`, `budget`; the direction is `ingress`, `egress` or `both`",
    },
    Family {
        name: "palisade_observed_packets_total",
        kind: "counter `cause` `direction`",
        help: "The same for packets that would be denied, but are only observed",
    },
    Family {
        name: "palisade_observing",
        kind: "gauge `scope`",
        help: "1 if the configuration only observes: the whole `node`, or pods of some `namespaces`",
    },
    Family {
        name: "palisade_pause_seconds_left",
        kind: "gauge `scope`",
        help: "How long denials are still lifted by a pause, of the `node` or of a `namespace`: the longest; 0 if none is",
    },
    Family {
        name: "palisade_audited_packets_total",
        kind: "counter `cause` `direction`",
        help: "The same for packets that a rule with `audit: true` would deny",
    },
    Family {
        name: "palisade_policy_denied_packets_total",
        kind: "counter `policy`",
        help: "Denied packets by policy, with `--metrics-of-policies` only; those of policies beyond that number count as `other`",
    },
    Family {
        name: "palisade_log_lost_total",
        kind: "counter",
        help: "Messages with logged packets that were lost, because whoever follows the log reads too slowly",
    },
    Family {
        name: "palisade_reading_errors_total",
        kind: "counter",
        help: "Times that the counters of denied packets could not be read: they stand still then",
    },
    Family { name: "process_cpu_seconds_total", kind: "counter", help: "Processor time that the agent has used" },
    Family { name: "process_resident_memory_bytes", kind: "gauge", help: "Memory of the agent" },
    Family { name: "process_open_fds", kind: "gauge", help: "File descriptors that the agent has open" },
    Family { name: "process_start_time_seconds", kind: "gauge", help: "When the agent began" },
];
