//! What reaches a node, and what it sends by itself: decided by host rules, after the policies of the pod that sends it if
//! one does.

use engine::connectivity::Allowed;

use super::{Answer, Judging, Pair};
use crate::assertions::because::Other;
use crate::assertions::ends::Ends;
use crate::assertions::file::{Expect, Layer};
use crate::assertions::host::{Reached, single_addresses};
use crate::assertions::verdict::{Kind, Witness};

impl Judging<'_, '_, '_> {
    /// From a pod to a node: what policies permit is asked of the host rules as well. Whether it failed.
    pub(super) fn host_after_policy(&mut self, pair: &Pair<'_>, node: usize, answer: &Answer, expect: Expect) -> bool {
        let Answer { all: [all, _], some: [some, _] } = answer;
        let scene = self.model.scene();
        let members = scene.workloads.entries.get(pair.workload).map_or(&[][..], |workload| &workload.members);
        let from: Vec<String> = members.iter().flat_map(|member| &member.addresses).map(ToString::to_string).collect();
        let by_policy = match expect {
            Expect::Allow => all,
            Expect::Deny | Expect::Some => some,
        };
        let permitted = pair.asked.intersection(by_policy);
        if from.is_empty() && !permitted.is_nothing() {
            let peer = self.peer(Other::Workload(pair.workload));
            self.unclear(format!("{peer} has pods of unknown address, and host rules are asked by address"));
            return false;
        }
        let Some(name) = self.model.scene().inventory.nodes.keys().nth(node).map(ToString::to_string) else {
            return false;
        };
        let Some(reached) = self.reach(&from, &name, &permitted) else { return false };
        let open = match expect {
            Expect::Allow => permitted.difference(&reached.closed),
            Expect::Deny | Expect::Some => permitted.intersection(&reached.open),
        };
        self.after_host(pair, &open, &reached, expect)
    }

    /// Between two ends of which none is a pod only host rules decide.
    pub(super) fn host_alone(&mut self, from: &Ends, to: &Ends, expect: Expect) {
        if self.host.is_none() || (from.nodes.is_empty() && from.addresses.is_empty()) {
            return;
        }
        let mut sources: Vec<(Other, String)> = Vec::new();
        let names: Vec<String> = self.model.scene().inventory.nodes.keys().map(ToString::to_string).collect();
        for node in from.nodes.keys() {
            sources.extend(names.get(*node).map(|name| (Other::Node(*node), name.clone())));
        }
        for (ranges, _) in &from.addresses {
            match single_addresses(ranges) {
                Ok(found) => sources.extend(found.into_iter().map(|found| (Other::Address(found), found.to_string()))),
                Err(message) if !to.nodes.is_empty() => return self.unclear(message),
                // Only nodes send to addresses in a way that is judged here.
                Err(_) => {}
            }
        }
        let mut targets: Vec<(Other, String, &Allowed)> = Vec::new();
        for (node, asked) in &to.nodes {
            targets.extend(names.get(*node).map(|name| (Other::Node(*node), name.clone(), asked)));
        }
        for (ranges, asked) in &to.addresses {
            match single_addresses(ranges) {
                Ok(found) => {
                    targets.extend(found.into_iter().map(|found| (Other::Address(found), found.to_string(), asked)));
                }
                // Beside others they are left to whoever asks about them alone.
                Err(message) if targets.is_empty() && self.found.pairs == 0 => return self.unclear(message),
                Err(_) => {}
            }
        }
        for (target, to, asked) in &targets {
            // What passes between two addresses meets no node that is known.
            let is_met = |source: &Other| {
                source != target && (matches!(source, Other::Node(_)) || matches!(target, Other::Node(_)))
            };
            for (source, name) in sources.iter().filter(|(source, _)| is_met(source)) {
                let Some(reached) = self.reach(std::slice::from_ref(name), to, asked) else { return };
                // An address of a family that the node has none of.
                if reached.n_packets == 0 {
                    continue;
                }
                self.found.pairs += 1;
                let open = asked.difference(&reached.closed);
                self.without_pods((*source, *target), (asked, &open), &reached, expect);
            }
        }
    }

    fn reach(&mut self, from: &[String], to: &str, ports: &Allowed) -> Option<Reached> {
        match self.host.as_mut()?.reach(from, to, ports) {
            Ok(reached) => Some(reached),
            Err(message) => {
                self.unclear(message);
                None
            }
        }
    }

    fn without_pods(
        &mut self,
        (from, to): (Other, Other),
        (asked, open): (&Allowed, &Allowed),
        reached: &Reached,
        expect: Expect,
    ) {
        let Some((kind, ports)) = self.after_rules(asked, open, reached, expect) else { return };
        let Some((protocol, port)) = ports.first_port() else { return };
        let (from_peer, to_peer) = (self.peer(from), self.peer(to));
        let host = Some(host_words(reached, kind));
        let witness = Witness { from: from_peer, to: to_peer, protocol, port, because: Vec::new(), host };
        self.note(kind, to, Some(witness));
    }

    fn after_host(&mut self, pair: &Pair<'_>, open: &Allowed, reached: &Reached, expect: Expect) -> bool {
        let Some((kind, ports)) = self.after_rules(pair.asked, open, reached, expect) else { return false };
        let witness =
            self.witness(pair, &ports).map(|witness| Witness { host: Some(host_words(reached, kind)), ..witness });
        self.note(kind, pair.other, witness);
        true
    }

    /// How it fails after host rules have been asked, and at which ports.
    fn after_rules(
        &mut self,
        asked: &Allowed,
        open: &Allowed,
        reached: &Reached,
        expect: Expect,
    ) -> Option<(Kind, Allowed)> {
        let (kind, wrong) = match expect {
            Expect::Allow => (Kind::Denied, asked.difference(open)),
            Expect::Deny => (self.kind.unwrap_or(Kind::Permitted), asked.intersection(open)),
            Expect::Some => {
                self.found.n_permitted += usize::from(!open.is_nothing());
                (Kind::NothingPermitted, asked.difference(open))
            }
        };
        if !wrong.is_nothing() {
            return Some((kind, wrong));
        }
        // What host rules permit they decide about as well: nothing behind them denies it.
        let layer = self.test.by.filter(|_| self.kind.is_none())?;
        let by_host = match expect {
            Expect::Deny => reached.closed.clone(),
            Expect::Allow | Expect::Some => open.clone(),
        };
        let wrong = match layer {
            Layer::Host => asked.difference(&by_host),
            Layer::Policy | Layer::Baseline | Layer::Default => asked.intersection(&by_host),
        };
        (!wrong.is_nothing()).then_some((Kind::OtherLayer(layer), wrong))
    }
}

fn host_words(reached: &Reached, kind: Kind) -> String {
    match (&reached.line, kind) {
        (Some(line), Kind::Denied | Kind::OtherLayer(_) | Kind::NothingPermitted) => {
            format!("a host rule denies it: {line}")
        }
        _ => "no host rule denies it".to_owned(),
    }
}
