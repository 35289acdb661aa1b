//! The faults: each is one expression of the compiler, between « and », and what stands there instead.

/// One deliberate fault.
pub(super) struct Fault {
    /// What goes wrong.
    pub(super) name: &'static str,
    /// The file, from the workspace.
    pub(super) file: &'static str,
    /// Text that occurs there once, with the expression marked.
    pub(super) at: &'static str,
    /// What the expression is replaced by.
    pub(super) faulty: &'static str,
}

const fn fault(file: &'static str, name: &'static str, at: &'static str, faulty: &'static str) -> Fault {
    Fault { name, file, at, faulty }
}

const PODS: &str = "engine/src/compile/pods.rs";
const CHAIN: &str = "engine/src/compile/pods/chain.rs";
const DISPATCH: &str = "engine/src/compile/pods/dispatch.rs";
const SUBJECT: &str = "engine/src/compile/pods/subject.rs";
const GUARD: &str = "engine/src/compile/pods/guard.rs";
const BOUND: &str = "engine/src/compile/pods/bound.rs";
const LOCAL: &str = "engine/src/compile/pods/local.rs";
const VITAL: &str = "engine/src/compile/pods/vital.rs";
const PEER: &str = "engine/src/compile/pods/peer.rs";
const PORT: &str = "engine/src/compile/pods/port.rs";
const ICMP: &str = "engine/src/compile/pods/icmp.rs";
const VIEW: &str = "engine/src/view.rs";
const CUT: &str = "engine/src/compile/pods/cut.rs";
const PORT_MAP: &str = "engine/src/compile/pods/port_map.rs";
const PERMIT: &str = "engine/src/compile/pods/permit.rs";
const RESOLVE: &str = "engine/src/resolve.rs";

/// All of them.
#[rustfmt::skip]
pub(super) const FAULTS: &[Fault] = &[
    fault(PODS, "what goes to the node is not judged", "OwnNode::Judged => «judgement.egress.clone()»", "End::new()"),
    fault(PODS, "the ingress of forwarded packets is forgotten", "self.judged(«judgement.both()», &pass, builder)", "judgement.egress.clone()"),
    fault(DISPATCH, "one of two pods at an address is asked", "«all.iter()».map(|chain| verdict", "all[..1].iter()"),
    fault(DISPATCH, "a pod that shares its address has the others' named ports", "«!resolver.rivals(*address).is_empty() && direction == Direction::Ingress»", "false"),
    fault(DISPATCH, "ingress is looked up by the source", "let field = «own_field(direction, family)»", "own_field(Direction::Egress, family)"),
    fault(CHAIN, "pass is an accept", "Action::Pass => «pass.clone()»", "Verdict::Return"),
    fault(CHAIN, "a logged pass is an accept", "place::logged(cause, &words(), «then», self.options, builder)", "Verdict::Return"),
    fault(CHAIN, "an audited rule decides", "(Effect::Audited, _, _) => «place::audit(cause, &words(), self.options, builder)»", "then"),
    fault(CHAIN, "an audited rule counts twice", "Verdict::Jump(noted) if «alternatives.len() > 1»", "false"),
    fault(CHAIN, "a pod cannot reach itself where NetworkPolicies isolate it", "let mut rest = «self.hairpin.rules(builder)»", "Vec::new()"),
    fault(CHAIN, "defaults bind a pod's way to itself", "«self.hairpin.rules(builder).into_iter().chain(rules).collect()»", "rules"),
    fault(CHAIN, "ClusterNetworkPolicies come before the enforced baseline", "let [enforced, cluster_admin] = «&effective.before»", "&*Box::leak(Box::new([effective.before[1].clone(), effective.before[0].clone()]))"),
    fault(CHAIN, "the baseline's otherwise comes before ClusterNetworkPolicies", "let [cluster_baseline, otherwise] = «&effective.after»", "&*Box::leak(Box::new([effective.after[1].clone(), effective.after[0].clone()]))"),
    fault(CHAIN, "an admin tier that does not decide is the last", "if «!rules.last().is_some_and(decides_everything)»", "false"),
    fault(CHAIN, "isolation without a match permits", "rest.extend(«place::denial(cause, &words, self.options, builder)»)", "Vec::new()"),
    fault(SUBJECT, "the highest priority number comes first", "(«policy.priority», &policy.name)", "u16::MAX - policy.priority"),
    fault(SUBJECT, "exemptions are ignored", "selects(&policy.subject.pods) && «!policy.subject.exempt.iter().any(selects)»", "true"),
    fault(SUBJECT, "an empty list of rules does not isolate", "Tier::NetworkPolicy => «rules.is_some()»", "rules.is_some_and(|rules| !rules.is_empty())"),
    fault(SUBJECT, "a single policy does not isolate", "if «isolating.is_empty()»", "isolating.len() < 2"),
    fault(SUBJECT, "policies about some pods bind unknown addresses", "says_something(policy, direction) && «is_everything(&policy.subject)»", "true"),
    fault(SUBJECT, "the enforced baseline spares unknown addresses", "let before = [«of(enforced)», Vec::new()]", "Vec::new()"),
    fault(SUBJECT, "otherwise spares unknown addresses", "Isolation::Open | Isolation::Counted => «of(otherwise)»", "Vec::new()"),
    fault(GUARD, "the node's own ranges are not local", "let of_node = «of_node.map_or(&[][..], |node| node.pod_cidrs.as_slice())»", "&[][..]"),
    fault(GUARD, "known pods count as unknown", "let nobodys = «locals.lacking(*family, field)»", "None"),
    fault(GUARD, "a pod without an address is not waited for", "bound.pods(resolver.inventory()).filter(|(_, pod)| «pod.addresses.is_empty()»)", "false"),
    fault(GUARD, "a quarantine that counts drops", "(true, Quarantine::Count) => «Isolation::Counted»", "Isolation::Quarantine"),
    fault(BOUND, "pods of other nodes are local", "filter(|(_, pod)| «pod.node.as_deref() == Some(node)»)", "true"),
    fault(LOCAL, "a pod that has yielded its address still has it", "|address| «resolver.owns(name, **address)»", "true"),
    fault(VITAL, "forwarded neighbour discovery passes", "vec![«unforwarded», of_type(&NEIGHBOUR_DISCOVERY)]", "of_type(&NEIGHBOUR_DISCOVERY)"),
    fault(VITAL, "pods may send router advertisements", "if !«from_pod.is_empty()»", "true"),
    fault(VITAL, "packet too big is not let through", "passed(vec![number(Field::Icmpv6Type, «PACKET_TOO_BIG»)]", "UNREACHABLE"),
    fault(PEER, "an exception is no hole", "«block.remove(Interval::network(*hole))»", "()"),
    fault(PEER, "an exception is a hole in other peers too", "«intervals.extend(&block)»", "{ intervals.extend(&block); except.iter().for_each(|hole| intervals.remove(Interval::network(*hole))) }"),
    fault(VIEW, "every node is meant", "«selector.matches(&node.labels)»", "true"),
    fault(PORT, "endPort is ignored", "add(*protocol, range.first(), «range.last()»)", "range.first()"),
    fault(PORT, "UDP ports are TCP ports", "Protocol::Udp => «Field::UdpDport»", "Field::TcpDport"),
    fault(PORT, "all ports of a protocol are all of TCP", "PortTest::Whole(protocol) => Some(Match::eq(Field::L4Proto, Datum::protocol(«protocol.number()»)))", "6"),
    fault(ICMP, "the code of ICMP is ignored", "let code = «wanted.code»", "None::<u8>"),
    fault(PEER, "endpoints without a port are forgotten", "«whole».map(|(rest, part)| self.endpoints", "[whole[0]]"),
    fault(CUT, "the last port of a range is cut off", "«*cut <= u32::from(*last)»", "*cut < u32::from(*last)"),
    fault(CUT, "neighbouring ports share their peers", "&& «*same == peers»", "true"),
    fault(PORT_MAP, "a port leads to the peers of another", "let Some(chain) = chains.get(«*peers»)", "peers.saturating_sub(1)"),
    fault(PORT_MAP, "a port that is not of these peers goes unjudged", "chain([«verdict(Verdict::Goto(rest.clone()))»])", "verdict(Verdict::Return)"),
    fault(PORT_MAP, "the first of a peer's ranges is all it has", "or_default().extend_from_slice(«ranges»)", "&ranges[..1]"),
    fault(PERMIT, "the ports of many pods are forgotten", "let map = «mapped(&mut families, shares)»", "{ mapped(&mut families, shares); None }"),
    fault(RESOLVE, "one of two pods at an address suffices for a selector", "«self.rivals(address).iter().all(|name| self.inventory.pods.get(name).is_some_and(|pod| holds(name, pod)))»", "true"),
    fault(RESOLVE, "a namespace without an object matches", "«inventory.namespaces.get(namespace).is_some_and(|labels| selector.matches(labels))»", "inventory.namespaces.get(namespace).is_none_or(|labels| selector.matches(labels))"),
    fault(RESOLVE, "a terminating pod keeps its address", "filter(|(_, pod)| «!(any_live && pod.terminating)»)", "true"),
    fault(RESOLVE, "named ports of every protocol are meant", "NamedPort| «port.protocol == protocol && *port.name == *name»", "*port.name == *name"),
];
