//! The shapes: how many namespaces, policies and pods, and which policies speak of which pods.

use policy_lang::policy::{Direction, Rule};
use policy_lang::port::Protocol;

use crate::world::{LOCAL_PODS, Maker, World, block, permit, range, tcp};

/// A shape of a cluster.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it is, at full size.
    pub(crate) title: &'static str,
    /// Makes it; the argument divides its size.
    pub(crate) make: fn(usize) -> World,
}

/// All of them.
pub(crate) const SHAPES: [Shape; 6] = [
    Shape {
        name: "a",
        title: "100 namespaces of 100 policies and 1,000 pods",
        make: |by| namespaces(100 / by, 100, 1_000),
    },
    Shape { name: "b", title: "1 namespace, 10,000 policies that each select all 10,000 pods", make: everything },
    Shape { name: "c", title: "10,000 pods with a policy each", make: one_each },
    Shape { name: "d", title: "1,000 namespaces of 100 pods, each policy peers with 10 namespaces", make: peering },
    Shape {
        name: "e",
        title: "25,000 namespaces, 75,000 policies, 100,000 pods",
        make: |by| namespaces(25_000 / by, 3, 4),
    },
    Shape { name: "f", title: "30,000 policies and 30,000 pods", make: |by| namespaces(300 / by, 100, 100) },
];

/// Namespaces alike: each pod's `app` is one of as many as a tenth of the namespace's pods, so that ten share it.
fn namespaces(n_namespaces: usize, n_policies: usize, n_pods: usize) -> World {
    let mut maker = Maker::default();
    let n_apps = (n_pods / 10).max(3);
    let every = (n_namespaces * n_pods / LOCAL_PODS).max(1);
    for namespace in 0..n_namespaces {
        let name = maker.namespace(&format!("ns-{namespace}"), namespace % (n_namespaces / 4).max(1));
        for pod in 0..n_pods {
            let n = namespace * n_pods + pod;
            maker.pod(&name, n, &format!("a{}", pod % n_apps), n.is_multiple_of(every) && n / every < LOCAL_PODS);
        }
        for policy in 0..n_policies {
            let app = format!("a{}", policy % n_apps);
            let peer = format!("a{}", (policy + 1) % n_apps);
            let n = namespace * n_policies + policy;
            let (direction, rules) = mixed(&mut maker, &name, policy, &peer, n);
            maker.policy(&name, Some(&app), direction, rules);
        }
    }
    maker.finish()
}

/// The four kinds of policies that clusters have most of.
fn mixed(
    maker: &mut Maker,
    namespace: &std::sync::Arc<str>,
    kind: usize,
    peer: &str,
    n: usize,
) -> (Direction, Vec<Rule>) {
    let udp = |port| range(Protocol::Udp, port, port);
    match kind % 4 {
        0 => (Direction::Ingress, vec![permit(vec![maker.peer(namespace, peer)], vec![tcp(8080)])]),
        1 => {
            let team = maker.namespaces("team", &format!("t{}", n % 50));
            (Direction::Ingress, vec![permit(vec![team], vec![tcp(9090), range(Protocol::Tcp, 9100, 9109)])])
        }
        2 => {
            let rules =
                vec![permit(vec![block(n)], vec![tcp(443)]), permit(vec![maker.peer(namespace, peer)], Vec::new())];
            (Direction::Ingress, rules)
        }
        _ => {
            let dns = maker.namespaces("kubernetes.io/metadata.name", "ns-0");
            let rules =
                vec![permit(vec![dns], vec![udp(53)]), permit(vec![maker.peer(namespace, peer)], vec![tcp(8080)])];
            (Direction::Egress, rules)
        }
    }
}

/// Each of 10,000 policies selects all 10,000 pods and permits ten of them one of fifty ports.
fn everything(by: usize) -> World {
    let mut maker = Maker::default();
    let n = 10_000 / by;
    let name = maker.namespace("all", 0);
    let every = (n / LOCAL_PODS).max(1);
    for pod in 0..n {
        let local = pod.is_multiple_of(every) && pod / every < LOCAL_PODS;
        maker.pod(&name, pod, &format!("a{}", pod % (n / 10)), local);
    }
    for policy in 0..n {
        let peer = maker.peer(&name, &format!("a{}", policy % (n / 10)));
        let port = tcp(1_024 + policy % 50);
        let (direction, rule) = match policy % 4 {
            0 | 1 => (Direction::Ingress, permit(vec![peer], vec![port])),
            2 => (Direction::Ingress, permit(vec![block(policy)], vec![port])),
            _ => (Direction::Egress, permit(vec![peer], vec![port])),
        };
        maker.policy(&name, None, direction, vec![rule]);
    }
    maker.finish()
}

/// Each pod has an `app` and a policy of its own, which permits the next one.
fn one_each(by: usize) -> World {
    let mut maker = Maker::default();
    let n = 10_000 / by;
    let every = (n / LOCAL_PODS).max(1);
    for pod in 0..n {
        let name = maker.namespace(&format!("ns-{}", pod / 100), pod / 100);
        let local = pod.is_multiple_of(every) && pod / every < LOCAL_PODS;
        maker.pod(&name, pod, &format!("own-{pod}"), local);
        let neighbour = pod / 100 * 100 + (pod + 1) % 100;
        let rules = vec![permit(vec![maker.peer(&name, &format!("own-{neighbour}"))], vec![tcp(8080)])];
        maker.policy(&name, Some(&format!("own-{pod}")), Direction::Ingress, rules);
    }
    maker.finish()
}

/// One policy to a namespace, about all its pods, with all pods of ten other namespaces.
fn peering(by: usize) -> World {
    let mut maker = Maker::default();
    let n_namespaces = 1_000 / by;
    let every = (n_namespaces * 100 / LOCAL_PODS).max(1);
    for namespace in 0..n_namespaces {
        let name = maker.namespace(&format!("ns-{namespace}"), 0);
        for pod in 0..100 {
            let n = namespace * 100 + pod;
            maker.pod(&name, n, &format!("a{}", pod % 10), n.is_multiple_of(every) && n / every < LOCAL_PODS);
        }
        let peers = (1..=10)
            .map(|next| {
                maker
                    .namespaces("kubernetes.io/metadata.name", &format!("ns-{}", (namespace + next * 7) % n_namespaces))
            })
            .collect();
        maker.policy(&name, None, Direction::Ingress, vec![permit(peers, vec![tcp(8080)])]);
    }
    maker.finish()
}
