//! How the nodes are configured.

use std::time::Duration;

use engine::compile::options::{LocalPods, Mode, Observe, OwnNode, Pause, Paused, PodOptions, Quarantine};

use super::super::plan::{self, NODES};
use super::{Draw, NAMESPACES};

impl Draw<'_> {
    pub(super) fn options(&mut self) -> PodOptions {
        PodOptions {
            local: self.local(),
            quarantine: self.pick(&[Quarantine::Drop, Quarantine::Drop, Quarantine::Count]),
            own_node: self.pick(&[OwnNode::Judged, OwnNode::Judged, OwnNode::Open]),
            observe: self.observe(),
            ..PodOptions::default()
        }
    }

    /// Mostly nothing, so that most denials are ones.
    fn observe(&mut self) -> Observe {
        let mut observe = Observe::default();
        let pause = |whom| Pause { whom, lasts: Duration::from_secs(3_600), number: 1 };
        match self.below(10) {
            5 => observe.mode = Mode::Observe,
            6 => observe.namespaces.names = [self.pick(&NAMESPACES).into()].into(),
            7 => observe.namespaces.selector = Some(self.selector()),
            8 => observe.pauses = vec![pause(Paused::Namespace(self.pick(&NAMESPACES).into()))],
            9 => {
                observe.namespaces.names = [self.pick(&NAMESPACES).into()].into();
                observe.pauses = vec![pause(Paused::Namespace(self.pick(&NAMESPACES).into()))];
                if self.once_in(4) {
                    observe.pauses.push(pause(Paused::Node));
                }
            }
            _ => {}
        }
        observe
    }

    fn local(&mut self) -> LocalPods {
        let ranges = |nodes: &[plan::NodePlan]| nodes.iter().flat_map(|node| node.ranges.map(plan::block)).collect();
        match self.below(6) {
            // Each node's own, one family of one node's only, and by the names of interfaces.
            1 => LocalPods { node_pod_cidrs: true, ..LocalPods::default() },
            2 => LocalPods { ranges: ranges(&NODES[..1]), ..LocalPods::default() },
            3 => LocalPods { ranges: vec![plan::block(NODES[0].ranges[0])], ..LocalPods::default() },
            4 => LocalPods { interface_prefix: Some("cali".into()), ..LocalPods::default() },
            5 => LocalPods {
                ranges: vec![plan::block("10.244.0.0/16")],
                node_pod_cidrs: true,
                interface_prefix: Some("cali".into()),
            },
            _ => LocalPods::default(),
        }
    }
}
