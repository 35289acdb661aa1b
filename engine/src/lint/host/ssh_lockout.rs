//! PAL617 ssh-lockout: host rules that let no administrator in.

use policy_lang::host::rule::Table;

use crate::lint::layers::node::{Node, Way};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds host rules by which none of the sources of `environment.ssh` reaches any of its ports.
    ///
    /// ## Why it bites
    ///
    /// The first apply is the last login.
    ///
    /// ## How it is decided
    ///
    /// The rules are compiled, and first packets from those sources are judged by the compiled INPUT chain, by
    /// every interface that the rules name: it is a finding only if none of them is let in. Silent without
    /// `environment.ssh`.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; interface lo ACCEPT; proto tcp dport 443 ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; interface lo ACCEPT; proto tcp dport 22 ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where a node is reached by its console only.
    pub(crate) static SSH_LOCKOUT = "PAL617" "ssh-lockout" Error Never On,
        "host rules that let no administrator in", Check::Node(check);
}

fn check(world: &World<'_>, node: &Node<'_>, report: &mut Report<'_>) {
    let Some(ssh) = &world.environment.ssh else { return };
    let is_open = |port: &u16| ssh.from.iter().any(|from| node.admits(Way::In, *from, &node.own, Some(6), *port));
    if ssh.ports.is_empty() || ssh.from.is_empty() || ssh.ports.iter().any(is_open) {
        return;
    }
    let Some(span) = node.place(Table::Filter, "INPUT") else { return };
    let ports = ssh.ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let finding = report.at(span, format!("no administrator gets in: TCP {ports} is closed to all of them"));
    finding.help = Some(format!("accept them: `proto tcp dport ({}) ACCEPT;`", ports.replace(',', "")));
}
