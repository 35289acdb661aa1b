//! What sees packets ahead of netfilter, or takes them past it.

use engine::kernel::Passing;

use super::super::{Code, Facts, Finding};
use super::reading;

pub(in crate::doctor) fn judge(facts: &Facts, findings: &mut Vec<Finding>) {
    for link in &facts.links {
        let show = format!("ip -d link show {}", link.name);
        if link.has_xdp {
            findings.push(Finding {
                code: Code::XdpProgram,
                subject: link.name.to_string(),
                message: format!("an XDP program is attached to {}", link.name),
                read: vec![reading(show.clone(), "xdp")],
                fix: vec![format!("ip link set {} xdp off, if nothing needs it", link.name)],
            });
        }
        if link.kind.as_deref() == Some("netkit") {
            findings.push(Finding {
                code: Code::NetkitInterface,
                subject: link.name.to_string(),
                message: format!("{} is a netkit interface", link.name),
                read: vec![reading(show, "netkit")],
                fix: vec![
                    "use a CNI plugin that makes veth interfaces, or leave policy to the one that made it".to_owned(),
                ],
            });
        }
    }
    for program in &facts.programs {
        let interface = facts.link_name(program.interface);
        let way = match program.passing {
            Passing::Ingress => "ingress",
            Passing::Egress => "egress",
        };
        let name = program.name.as_deref().unwrap_or("without a name");
        findings.push(Finding {
            code: Code::TcProgram,
            subject: format!("{interface} {way} {name}"),
            message: format!("the program {name} decides about the {way} of {interface}"),
            read: vec![reading(format!("tc filter show dev {interface} {way}"), "bpf direct-action")],
            fix: vec![format!("tc filter del dev {interface} {way}, if whoever made it is gone")],
        });
    }
    for flowtable in &facts.survey.flowtables {
        let name = format!("{} {} {}", flowtable.family, flowtable.table, flowtable.name);
        findings.push(Finding {
            code: Code::Flowtable,
            subject: name.clone(),
            message: format!("the flowtable {name} takes connections past the forward hook"),
            read: vec![reading("nft list flowtables", name.clone())],
            fix: vec![format!(
                "remove the rules that say `flow add @{}`, then nft delete flowtable {name}",
                flowtable.name
            )],
        });
    }
}
