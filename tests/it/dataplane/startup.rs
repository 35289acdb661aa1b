//! The beginning of a pod's life: it sends, and the API does not know its address yet.

use engine::compile::options::{LocalPods, PodOptions, Quarantine};
use engine::place::{Cause, Event, Place};
use policy_lang::policy::Direction;
use watcher::lab::{Body, Capture, Crafted, flags};

use super::enforce::{Cluster, Family, Rules, baseline, counted, deny_all};
use crate::privilege::can_make_namespaces;

/// `shop/new`, `ops/new` and `ops/late` begin their lives on node-a; `box` hangs on the node and is no pod.
const NODES: &str = "
    node      node-a     192.168.0.11  2001:db8:0:1::11
    pod       shop/web   node-a  10.244.1.11  2001:db8:244:1::11
    pod       ops/agent  node-a  10.244.1.12  2001:db8:244:1::12
    pod       shop/new   node-a  10.244.1.21  2001:db8:244:1::21
    pod       ops/new    node-a  10.244.1.22  2001:db8:244:1::22
    pod       ops/late   node-a  10.244.1.23  2001:db8:244:1::23
    pod       box        node-a  172.17.0.2   2001:db8:17::2
    process   kubelet-a  node-a
    outside   alpha      203.0.113.10  2001:db8:ffff::10
    outside   metadata   203.0.113.20  2001:db8:ffff::20
";

/// DNS at `alpha` is always open, `metadata` never, except for `ops`.
const BASELINE: &str = "
exempt: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: ops}}}]
deny: [{name: metadata, to: [203.0.113.20/32, '2001:db8:ffff::20/128']}]
always: [{name: dns, to: [203.0.113.10/32, '2001:db8:ffff::10/128'], ports: [53/UDP]}]
";

/// What holds where no namespace is waited for: the baseline binds, without exemptions.
const BASELINE_BINDS: &str = "
53/UDP     alpha  metadata
shop/new   open   drop
ops/new    open   drop
ops/late   open   drop
ops/agent  open   open
shop/web   open   drop

8080/TCP   alpha  metadata  node-a  shop/web  ops/new
shop/new   open   drop      open    open      open
ops/late   open   drop      open    open      open
ops/agent  open   open      open    open      open
alpha      -      -         -       open      open
kubelet-a  -      -         -       open      open
";

/// `shop` isolates, and `shop/new` has no address yet: unknown local addresses get the enforced permissions only.
const QUARANTINED: &str = "
53/UDP     alpha  metadata
shop/new   open   drop
ops/new    open   drop
ops/agent  open   open

8080/TCP   alpha  metadata  node-a  ops/agent  shop/new  ops/late
shop/new   drop   drop      drop    drop       -         drop
ops/late   drop   drop      drop    drop       drop      -
ops/agent  open   open      open    -          drop      drop
alpha      -      -         -       open       drop      drop
kubelet-a  -      -         -       open       open      open
";

/// Nothing of it is bound.
const OPEN: &str = "
8080/TCP   alpha  metadata  shop/new  ops/late
shop/new   open   open      -         open
ops/late   open   open      open      -
alpha      -      -         open      open
";

fn cluster() -> Cluster {
    let mut cluster = Cluster::new(NODES, &["8080/TCP", "53/UDP"]);
    cluster.pending("shop/new");
    cluster.pending("ops/new");
    cluster.inventory.pods.retain(|name, _| name.to_string() != "ops/late");
    cluster
}

fn by_prefix() -> LocalPods {
    LocalPods { interface_prefix: Some("cali".into()), ..LocalPods::default() }
}

fn by_range() -> LocalPods {
    let ranges = vec!["10.244.1.0/24".parse().unwrap(), "2001:db8:244:1::/64".parse().unwrap()];
    LocalPods { ranges, ..LocalPods::default() }
}

fn options(local: LocalPods) -> PodOptions {
    PodOptions { local, ..PodOptions::default() }
}

#[test]
fn dec_17_the_baseline_binds_a_pod_before_the_api_knows_its_address() {
    if !can_make_namespaces("dec_17_baseline") {
        return;
    }
    let cluster = cluster();
    let baseline = baseline(BASELINE);
    let rules = |options| Rules { baseline: &baseline, options, ..Rules::default() };
    cluster.enforce(&rules(PodOptions::default()));
    cluster.assert_tables("nothing is said to be local, so nothing is guessed", OPEN);
    for (about, local) in [("by the interfaces' names", by_prefix()), ("by ranges", by_range())] {
        cluster.enforce(&rules(options(local)));
        cluster.assert_tables(about, BASELINE_BINDS);
    }
    // What hangs on a pod's interface is a pod; by ranges, an address beyond them is not.
    cluster.assert_tables("beyond the ranges", "8080/TCP metadata\nbox open\n");
    cluster.enforce(&rules(options(by_prefix())));
    cluster.assert_tables("behind a pod's interface", "8080/TCP metadata\nbox drop\n");
}

#[test]
fn dec_17_sem_98_a_pod_is_isolated_before_the_api_knows_its_address() {
    if !can_make_namespaces("dec_17_quarantine") {
        return;
    }
    let mut cluster = cluster();
    let baseline = baseline(BASELINE);
    let isolated = deny_all("shop", "Ingress, Egress");
    let rules = |options| Rules { policies: &isolated, baseline: &baseline, options, ..Rules::default() };
    cluster.enforce(&rules(PodOptions::default()));
    cluster.assert_tables("nothing is said to be local, so nothing is guessed", OPEN);
    for (about, local) in [("by the interfaces' names", by_prefix()), ("by ranges", by_range())] {
        cluster.enforce(&rules(options(local)));
        cluster.assert_tables(about, QUARANTINED);
        for direction in [Direction::Egress, Direction::Ingress] {
            let place = Place { event: Event::Denied, cause: Cause::Quarantine(direction) };
            assert!(counted(cluster.namespace("node-a"), "palisade", place.name("", "").as_str()) > 0, "{direction}");
        }
    }

    // `count` lets pass what `drop` would not, and says how much that was. The baseline binds all the same.
    cluster.enforce(&rules(PodOptions { quarantine: Quarantine::Count, ..options(by_prefix()) }));
    cluster.assert_tables(
        "counted only",
        "8080/TCP   alpha  metadata  ops/late
         shop/new   open   drop      open
         alpha      -      -         open\n",
    );
    let place = Place { event: Event::Audited, cause: Cause::Quarantine(Direction::Egress) };
    assert!(counted(cluster.namespace("node-a"), "palisade", place.name("", "").as_str()) > 0);

    // The Node's own ranges count where they are configured, and only there.
    let of_node = by_range().ranges;
    cluster.inventory.nodes.values_mut().for_each(|node| node.pod_cidrs.clone_from(&of_node));
    cluster.enforce(&rules(PodOptions::default()));
    cluster.assert_tables("podCIDRs are no guess", OPEN);
    let local = LocalPods { node_pod_cidrs: true, ..LocalPods::default() };
    cluster.enforce(&rules(options(local)));
    cluster.assert_tables("podCIDRs as configured", QUARANTINED);

    // Only the directions that the awaited pod will be isolated in.
    let ingress = deny_all("shop", "Ingress");
    cluster.enforce(&Rules { policies: &ingress, options: options(by_prefix()), ..Rules::default() });
    let ingress_only = "8080/TCP   alpha  ops/agent  shop/new  ops/late
                        shop/new   open   open       -         drop
                        ops/late   open   open       drop      -
                        alpha      -      open       drop      drop\n";
    cluster.assert_tables("ingress only", ingress_only);

    // Nobody is waited for: the pod that has no address is in a namespace that isolates nobody, or on another node.
    let others = deny_all("other", "Ingress, Egress");
    cluster.enforce(&Rules { policies: &others, options: options(by_prefix()), ..Rules::default() });
    cluster.assert_tables("no namespace isolates", OPEN);
}

#[test]
fn dec_17_once_the_address_is_known_the_pods_own_policies_bind_it_and_nobody_is_waited_for() {
    if !can_make_namespaces("dec_17_known") {
        return;
    }
    let cluster = Cluster::new(NODES, &["8080/TCP", "53/UDP"]);
    let isolated = deny_all("shop", "Ingress, Egress");
    let rules = Rules { policies: &isolated, options: options(by_prefix()), ..Rules::default() };
    cluster.enforce(&rules);
    cluster.assert_tables(
        "known",
        "8080/TCP  alpha  shop/new  ops/late
         shop/new  drop   -         drop
         ops/late  open   drop      -
         ops/new   open   drop      open
         alpha     -      drop      open\n",
    );
}

#[test]
fn dec_17_packets_that_conntrack_calls_invalid_do_not_leave_an_unknown_pod_either() {
    if !can_make_namespaces("dec_17_invalid") {
        return;
    }
    let cluster = cluster();
    let isolated = deny_all("shop", "Ingress, Egress");
    let baseline = baseline(BASELINE);
    for (about, local) in [("by prefix", by_prefix()), ("by range", by_range())] {
        let rules = Rules { policies: &isolated, baseline: &baseline, options: options(local), ..Rules::default() };
        cluster.enforce(&rules);
        let mut metadata = Capture::open(cluster.namespace("metadata")).unwrap();
        for family in Family::BOTH {
            let packet = |from: &str, flags, data: &str| {
                let body = Body::Tcp(4000, 8080, flags, data.into());
                Crafted::new(cluster.address(from, family), cluster.address("metadata", family), body).encode()
            };
            for flags in [flags::RST, flags::FIN | flags::ACK, flags::SYN | flags::ACK] {
                cluster.lab.send("shop/new", None, &[packet("shop/new", flags, "of a new pod")]).unwrap();
            }
            // A known pod of an exempted namespace is what shows that the way is open.
            cluster.lab.send("ops/agent", None, &[packet("ops/agent", flags::SYN, "of a known one")]).unwrap();
            metadata.wait_for(b"of a known one").unwrap();
            assert!(!metadata.has(b"of a new pod").unwrap(), "{about} {family:?}");
        }
    }
}
