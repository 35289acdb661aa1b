//! Connection tracking, and IPVS, which goes past it.

use super::super::facts::Role;
use super::super::{Code, Facts, Finding};
use super::{parameter, reading, set};

/// How full connection tracking may be, in percent.
const FULL: u64 = 80;

/// What kube-proxy sets at least, as `conntrack.min`.
const SMALL: u64 = 131_072;

const MOST: &str = "netfilter/nf_conntrack_max";
const TAKEN: &str = "netfilter/nf_conntrack_count";
const LIBERAL: &str = "netfilter/nf_conntrack_tcp_be_liberal";

pub(in crate::doctor) fn judge(facts: &Facts, findings: &mut Vec<Finding>) {
    conntrack(facts, findings);
    if facts.n_ipvs_services > 0 && !facts.expects_ipvs && facts.role == Role::Pods {
        findings.push(Finding {
            code: Code::IpvsServices,
            subject: "ipvs".to_owned(),
            message: format!(
                "IPVS has {} services, and the configuration says that it has none",
                facts.n_ipvs_services
            ),
            read: vec![reading("/proc/net/ip_vs", format!("{} services", facts.n_ipvs_services))],
            fix: vec![
                "set `ipvs: true` in the file that --config names, or run kube-proxy in mode nftables".to_owned(),
            ],
        });
    }
}

fn conntrack(facts: &Facts, findings: &mut Vec<Finding>) {
    let subject = || "conntrack".to_owned();
    // Without any parameter nothing could be read at all.
    if !facts.parameters.is_empty() && facts.parameter(MOST).is_none() {
        findings.push(Finding {
            code: Code::ConntrackAbsent,
            subject: subject(),
            message: "there is no connection tracking".to_owned(),
            read: vec![parameter(facts, MOST)],
            fix: vec!["modprobe nf_conntrack".to_owned()],
        });
    }
    let (Some(most), Some(taken)) = (facts.number(MOST), facts.number(TAKEN)) else { return };
    // The whole of the percents is in reach of the numbers: entries fit into memory.
    if most > 0 && taken.saturating_mul(100) > most.saturating_mul(FULL) {
        findings.push(Finding {
            code: Code::ConntrackFull,
            subject: subject(),
            message: format!("{taken} of {most} entries of connection tracking are taken"),
            read: vec![parameter(facts, TAKEN), parameter(facts, MOST)],
            fix: vec![set(MOST, &most.saturating_mul(2).to_string())],
        });
    }
    if most < SMALL {
        findings.push(Finding {
            code: Code::ConntrackSmall,
            subject: subject(),
            message: format!("connection tracking holds no more than {most} entries"),
            read: vec![parameter(facts, MOST)],
            fix: vec![set(MOST, &SMALL.to_string())],
        });
    }
    if facts.number(LIBERAL).is_some_and(|liberal| liberal != 0) {
        findings.push(Finding {
            code: Code::ConntrackLiberal,
            subject: "tcp_be_liberal".to_owned(),
            message: "TCP packets outside of their window are not taken for invalid".to_owned(),
            read: vec![parameter(facts, LIBERAL)],
            fix: vec![format!("{}, where nothing needs it", set(LIBERAL, "0"))],
        });
    }
}
