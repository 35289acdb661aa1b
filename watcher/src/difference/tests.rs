use std::net::IpAddr;

use engine::connectivity::{Options, Scene};
use policy_lang::port::Protocol;

use super::*;
use crate::analysis::Manifests;

/// Pieces of manifests, of which an input has some.
const PIECES: [&str; 14] = [
    "kind: Namespace\napiVersion: v1\nmetadata: {name: a, labels: {team: red}}\n",
    "kind: Namespace\napiVersion: v1\nmetadata: {name: b, labels: {team: red}}\n",
    "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: new, namespace: b}\nspec: {template: {metadata: {labels: {app: new}}}}\n",
    "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: closed, namespace: a}\nspec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n",
    "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: red, namespace: a}\nspec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: red}}}], ports: [{port: 80}]}]}\n",
    "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: range, namespace: a}\nspec: {podSelector: {}, ingress: [{ports: [{port: 79, endPort: 443}]}]}\n",
    "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: ten, namespace: a}\nspec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: 53, protocol: UDP}]}]}\n",
    "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: out, namespace: b}\nspec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}]}]}\n",
    "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: inside, namespace: b}\nspec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}]}]}\n",
    "kind: ClusterNetworkPolicy\napiVersion: policy.networking.k8s.io/v1alpha2\nmetadata: {name: no-ssh}\nspec: {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 22}}}]}]}\n",
    "kind: ClusterNetworkPolicy\napiVersion: policy.networking.k8s.io/v1alpha2\nmetadata: {name: open}\nspec: {tier: Admin, priority: 2, subject: {namespaces: {}}, egress: [{action: Accept, to: [{networks: [10.1.2.0/24]}]}]}\n",
    "kind: Node\napiVersion: v1\nmetadata: {name: n}\nstatus: {addresses: [{type: InternalIP, address: 10.9.9.9}]}\n",
    "kind: Pod\napiVersion: v1\nmetadata: {name: dumped, namespace: a}\nstatus: {phase: Running, podIP: 10.1.0.9}\n",
    "kind: Pod\napiVersion: v1\nmetadata: {name: dumped, namespace: b}\nstatus: {phase: Running, podIP: 10.1.0.10}\n",
];

/// What every input has.
const ALWAYS: &str = "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: web, namespace: a}\nspec: {template: {metadata: {labels: {app: web}}}}\n---\nkind: Deployment\napiVersion: apps/v1\nmetadata: {name: cli, namespace: b}\nspec: {template: {metadata: {labels: {app: cli}}}}\n";

fn manifests(name: &str, mask: u32) -> Manifests {
    let pieces = PIECES.iter().enumerate().filter(|(number, _)| mask >> number & 1 == 1).map(|(_, piece)| *piece);
    let text: Vec<&str> = std::iter::once(ALWAYS).chain(pieces).collect();
    Manifests::read(vec![(name.to_owned(), Ok(text.join("---\n")))])
}

fn model<'a>(manifests: &'a Manifests, options: &'a Options) -> Connectivity<'a> {
    let Manifests { policies, inventory, workloads, .. } = manifests;
    Connectivity::new(Scene { policies, inventory, workloads, options })
}

fn compared(old: &Manifests, new: &Manifests) -> (Map, Map, Vec<Change>) {
    let options = Options::default();
    let (mut old, mut new) = (model(old, &options), model(new, &options));
    let maps = (Map::new(&mut old), Map::new(&mut new));
    let changes = compare(&mut Compared { old: &mut old, new: &mut new });
    (maps.0, maps.1, changes)
}

/// A connection between two peers, of which addresses are told by one of them.
type Point<'p> = (&'p Peer, &'p Peer, Option<IpAddr>, Certainty, Protocol, u16);

/// Whether one of some pairs of peers has a connection.
fn has<'p>(
    pairs: impl IntoIterator<Item = (&'p Peer, &'p Peer, Certainty, &'p Allowed)>,
    (from, to, address, certainty, protocol, port): Point<'_>,
) -> bool {
    let is = |peer: &Peer, asked: &Peer| match (peer, address) {
        (Peer::Addresses { cidrs }, Some(address)) => {
            matches!(asked, Peer::Addresses { .. }) && cidrs.iter().any(|cidr| cidr.contains(&address))
        }
        (peer, _) => peer == asked,
    };
    pairs.into_iter().any(|(of_from, of_to, of_certainty, set)| {
        of_certainty == certainty && is(of_from, from) && is(of_to, to) && set.contains(protocol, port)
    })
}

fn in_map(map: &Map, point: Point<'_>) -> bool {
    has(map.connections.iter().map(|c| (map.peer(c.from), map.peer(c.to), c.certainty, &map.permitted(c).set)), point)
}

fn in_changes(changes: &[Change], more: bool, point: Point<'_>) -> bool {
    let way = changes.iter().filter(|change| change.kind.is_more() == more);
    has(way.map(|change| (&change.from, &change.to, change.certainty, &change.set)), point)
}

#[test]
fn a_difference_is_the_new_map_without_the_old_one_and_the_old_one_without_the_new() {
    let mut seed = 7_u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(seed >> 40).unwrap()
    };
    let ports =
        [(Protocol::Tcp, 22), (Protocol::Tcp, 80), (Protocol::Tcp, 443), (Protocol::Udp, 53), (Protocol::Sctp, 1)];
    let addresses = ["10.0.0.1", "10.1.2.3", "10.1.0.9", "10.9.9.9", "203.0.113.1", "2001:db8::1"];
    let outside: Vec<(Peer, Option<IpAddr>)> = addresses
        .iter()
        .map(|address| (Peer::Addresses { cidrs: Vec::new() }, Some(address.parse().unwrap())))
        .collect();
    let (mut n_points, mut n_changed) = (0, 0);
    for _ in 0..2_000 {
        let (old, new) = (manifests("old.yaml", random()), manifests("new.yaml", random()));
        let (before, after, changes) = compared(&old, &new);
        let named = before.peers.iter().chain(&after.peers).filter(|peer| !matches!(peer, Peer::Addresses { .. }));
        let named: BTreeSet<_> = named.collect();
        let mut ends: Vec<(&Peer, Option<IpAddr>)> = named.iter().map(|peer| (*peer, None)).collect();
        ends.extend(outside.iter().map(|(peer, address)| (peer, *address)));
        for (from, of_from) in &ends {
            for (to, of_to) in ends.iter().filter(|(_, of_to)| of_from.is_none() || of_to.is_none()) {
                for certainty in [Certainty::Certain, Certainty::DependsOnPodAddress] {
                    for (protocol, port) in ports {
                        let point = (*from, *to, of_from.or(*of_to), certainty, protocol, port);
                        let (was, is) = (in_map(&before, point), in_map(&after, point));
                        let found = (in_changes(&changes, true, point), in_changes(&changes, false, point));
                        // An address that is a known pod's or a node's on one side only is compared by its name.
                        let named_on_one_side =
                            point.2.is_some_and(|address| is_named(&old, address) != is_named(&new, address));
                        if !named_on_one_side {
                            assert_eq!(found, (is && !was, was && !is), "{point:?} in {changes:#?}");
                        }
                        n_points += 1;
                        n_changed += usize::from(was != is);
                    }
                }
            }
        }
        for change in &changes {
            assert!(!change.set.is_nothing() && !change.causes.is_empty(), "{change:#?}\n{old:#?}\n{new:#?}");
        }
    }
    assert!(n_changed * 50 > n_points, "{n_changed} of {n_points} differ: the inputs are dull");
}

fn is_named(manifests: &Manifests, address: IpAddr) -> bool {
    let of_pods = manifests.inventory.pods.values().any(|pod| pod.addresses.contains(&address));
    of_pods || manifests.inventory.nodes.values().any(|node| node.addresses.contains(&address))
}

/// The changes as lines: sign, ends, set and causes.
fn lines(old: u32, new: u32) -> Vec<String> {
    let (_, _, changes) = compared(&manifests("old.yaml", old), &manifests("new.yaml", new));
    let of_named = changes.iter().filter(|change| !matches!((&change.from, &change.to), (_, Peer::Addresses { .. })));
    of_named
        .map(|change| {
            let causes: Vec<_> =
                change.causes.iter().map(|cause| format!("{:?} {}", cause.side, cause.origin)).collect();
            format!("{} {} -> {}: {} [{}]", change.kind.word(), change.from, change.to, change.shown, causes.join("; "))
        })
        .collect()
}

#[test]
fn a_change_names_the_lines_that_it_comes_from() {
    let mut opened = lines(0b1011, 0b1_1011);
    opened.retain(|line| line.contains("b/cli [Deployment] -> a/web"));
    assert_eq!(opened, ["added b/cli [Deployment] -> a/web [Deployment]: TCP 80 [New new.yaml:27 a/red ingress[0]]"]);
    let mut closed = lines(0b0011, 0b1011);
    closed.retain(|line| line.contains("b/cli [Deployment] -> a/web"));
    assert_eq!(closed, ["removed b/cli [Deployment] -> a/web [Deployment]: any [New new.yaml:21 a/closed]"]);
    // The same lines mean others once a label has changed.
    let mut labelled = lines(0b1_1001, 0b1_1011);
    labelled.retain(|line| line.contains("b/cli [Deployment] -> a/web"));
    assert_eq!(labelled.len(), 1);
    assert!(labelled.iter().all(|line| line.contains("a/red ingress[0]")), "{labelled:?}");
    let mut workload = lines(0b0011, 0b0111);
    workload.retain(|line| line.contains("b/new [Deployment] -> a/web"));
    assert_eq!(workload, ["added b/new [Deployment] -> a/web [Deployment]: any [New new.yaml:21 b/new]"]);
}
