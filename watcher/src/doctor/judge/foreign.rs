//! Base chains of others at the hooks that packets of pods and of the node pass.

use engine::apply::our_tables;
use engine::kernel::{SeenBase, SeenChain, SeenFamily};
use engine::ruleset::{Family, Hook};

use super::super::{Code, Facts, Finding};
use super::{listed, reading};

pub(in crate::doctor) fn judge(facts: &Facts, findings: &mut Vec<Finding>) {
    let ours = our_tables();
    for chain in &facts.survey.chains {
        let Some(base) = &chain.base else { continue };
        let is_ours = ours.iter().any(|table| table.name.as_str() == &*chain.table);
        if is_ours || !sees_packets_of_ip(chain.family) {
            continue;
        }
        let at = Place::new(chain, base);
        if base.drops {
            findings.push(at.finding(
                Code::ForeignDropPolicy,
                format!("{} drops what it does not accept", at.name),
                "policy drop",
                vec![
                    format!("nft {}", at.accepting()),
                    "or have whoever made it accept what palisade is to judge".to_owned(),
                ],
            ));
        }
        if !base.effects.steals.is_empty() {
            let words = listed(base.effects.steals.iter().copied());
            findings.push(at.finding(
                Code::ForeignSteals,
                format!("rules of {} take packets away: {words}", at.name),
                &words,
                vec![format!("look at nft -a list chain {}, and delete the rule if whoever made it is gone", at.path)],
            ));
        }
        if base.effects.untracks {
            findings.push(at.finding(
                Code::ForeignUntracks,
                format!("rules of {} keep packets from connection tracking", at.name),
                "notrack",
                vec![
                        "list the addresses as `virtualAddresses`, or delete the rule if whoever made it is gone"
                            .to_owned(),
                    ],
            ));
        }
        if base.effects.drops && is_before_ours(base) {
            findings.push(at.finding(
                Code::ForeignDrops,
                format!("rules of {} drop packets before palisade is asked", at.name),
                "drop or reject",
                vec![format!("look at nft -a list chain {} when something is missing from palisade drops", at.path)],
            ));
        }
    }
}

/// How a chain is spoken of.
struct Place {
    /// As nft names it: family, table and chain.
    path: String,
    /// With hook and priority.
    name: String,
    hook: Option<Hook>,
    priority: i32,
}

impl Place {
    fn new(chain: &SeenChain, base: &SeenBase) -> Self {
        let path = format!("{} {} {}", chain.family, chain.table, chain.name);
        let hook = base.hook.map_or_else(|| "ingress or egress".to_owned(), |hook| hook.to_string());
        let name = format!("{path} ({hook}, priority {})", base.priority);
        Self { path, name, hook: base.hook, priority: base.priority }
    }

    /// The command that makes it accept what its rules do not decide.
    fn accepting(&self) -> String {
        match self.hook {
            Some(hook) => format!(
                "add chain {} '{{ type filter hook {hook} priority {}; policy accept; }}'",
                self.path, self.priority
            ),
            None => format!("list chain {}", self.path),
        }
    }

    fn finding(&self, code: Code, message: String, value: &str, fix: Vec<String>) -> Finding {
        let read = vec![reading(format!("nft list chain {}", self.path), value)];
        Finding { code, subject: self.path.clone(), message, read, fix }
    }
}

fn sees_packets_of_ip(family: SeenFamily) -> bool {
    match family {
        SeenFamily::Ours(Family::Inet | Family::Ip | Family::Ip6) | SeenFamily::Netdev => true,
        SeenFamily::Ours(Family::Arp | Family::Bridge) => false,
    }
}

/// Whether it is asked before the last of our chains that denies at its hook (decisions on the order of chains:
/// docs/design/dataplane.md).
fn is_before_ours(base: &SeenBase) -> bool {
    match base.hook {
        None | Some(Hook::Prerouting) => true,
        Some(Hook::Input) => base.priority < 101,
        Some(Hook::Forward | Hook::Output) => base.priority < 10,
        Some(Hook::Postrouting) => false,
    }
}
