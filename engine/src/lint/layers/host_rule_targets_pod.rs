//! PAL710 host-rule-targets-pod-ip: a host rule names the address of a pod.

use ipnet::IpNet;
use policy_lang::host::rule::{Action, HostRules, Operands, Word};

use crate::lint::host::matching;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds single addresses of `environment.podCIDRs` in host rules: in `saddr`, `daddr`, and where a translation
    /// leads to.
    ///
    /// ## Why it bites
    ///
    /// A pod gets another address with each start, and its old one goes to another pod: the rule is then about that one.
    ///
    /// ## How it is decided
    ///
    /// By the addresses. Networks are left out, and so is the first address of each 256, which the bridge of a node
    /// mostly has. Silent without the configuration.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { saddr 10.42.3.17 proto tcp dport 9100 ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { saddr 10.42.0.0/16 proto tcp dport 9100 ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the network of pods gives fixed addresses.
    pub(crate) static HOST_RULE_TARGETS_POD = "PAL710" "host-rule-targets-pod-ip" Warning Never On,
        "a host rule names the address of a pod", Check::Host(check);
}

fn check(world: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    let pods = &world.environment.pod_cidrs;
    for rule in rules.rules() {
        let matches = rule.matches.iter().filter(|found| matches!(found.keyword, "saddr" | "daddr"));
        let matched = matches.flat_map(|found| found.operands.alternatives());
        let options = match &rule.action {
            Action::Target { options, .. } => options.as_slice(),
            Action::Accept | Action::Drop | Action::Return | Action::Nop | Action::Jump(_) | Action::Goto(_) => &[],
        };
        let targets = options.iter().filter(|option| matches!(option.keyword, "to-destination" | "to-source"));
        let targets = targets.flat_map(|option| match &option.operands {
            Operands::OneOf(words) | Operands::Joined(words) | Operands::Repeated(words) => words.as_slice(),
            Operands::Flag | Operands::Pair(..) => &[],
        });
        for word in matched.chain(targets) {
            if let Some(address) = address(word).filter(|address| is_a_pods(*address, pods)) {
                let addr = address.addr();
                let finding = report.at(word.span, format!("{addr} is the address of a pod, and pods move"));
                finding.help = Some("say it in a NetworkPolicy, or name the whole network".into());
            }
        }
    }
}

/// The single address that a word is, with or without a port behind it.
fn address(word: &Word) -> Option<IpNet> {
    let bare = || word.text.rsplit_once(':').and_then(|(address, _)| matching::network(address));
    let net = matching::network(&word.text).or_else(bare)?;
    (net.prefix_len() == net.max_prefix_len()).then_some(net)
}

fn is_a_pods(address: IpNet, pods: &[IpNet]) -> bool {
    let is_first = match address {
        IpNet::V4(address) => matches!(address.addr().octets(), [_, _, _, 0 | 1]),
        IpNet::V6(address) => address.addr().octets()[15] <= 1,
    };
    !is_first && pods.iter().any(|pods| pods.contains(&address))
}
