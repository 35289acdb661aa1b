//! Two opinions on random small clusters: the oracle over the policies and the simulator over what they compile to.
//!
//! A cluster is drawn from a string of bytes, so that a failing one shrinks to a short string.

mod draw;

use engine::compile::{ForwardMode, Input, compile};
use engine::eval::policy::{self, Connection, Outcome, Way};
use engine::eval::ruleset::{self as simulator, Host, Layer, Packet};
use engine::render;
use engine::ruleset::Hook;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use self::draw::{Cluster, NODE};

/// Clusters of `make test`, and of `make test-long`.
const CLUSTERS: u32 = 5_000;
const CLUSTERS_LONG: u32 = 1_000_000;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if std::env::var_os("PALISADE_LONG").is_some() { CLUSTERS_LONG } else { CLUSTERS },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn oracle_and_simulator(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        check(&Cluster::draw(&bytes))?;
    }
}

#[test]
fn the_draw_has_denials_and_permissions_of_every_kind() {
    let bytes: Vec<u8> = (0..600_u32).map(|n| u8::try_from(n * 167 % 251).unwrap_or(0)).collect();
    let cluster = Cluster::draw(&bytes);
    let decide = |connection: &Connection| policy::policies(&cluster.policies, &cluster.inventory, NODE, connection);
    let outcomes: Vec<_> = cluster.connections().map(|connection| decide(&connection).outcome).collect();
    let denied = outcomes.iter().filter(|outcome| **outcome == Outcome::Denied).count();
    assert!(denied > 20 && outcomes.len() - denied > 20, "{denied} of {} denied", outcomes.len());
}

#[test]
fn a_named_port_is_the_subjects_own_where_a_pod_of_another_node_claims_its_address() {
    check(&Cluster::of_a_shared_address()).unwrap();
}

fn check(cluster: &Cluster) -> Result<(), TestCaseError> {
    let input = Input {
        policies: &cluster.policies,
        host: None,
        inventory: &cluster.inventory,
        node: NODE,
        forward_mode: cluster.forward_mode,
        pods: &engine::compile::options::STANDARD,
        sources: &[],
    };
    let (ruleset, _) = compile(&input);
    for connection in cluster.connections() {
        let decision = policy::policies(&cluster.policies, &cluster.inventory, NODE, &connection);
        let hook = match connection.way {
            Way::Forwarded => Hook::Forward,
            Way::ToNode => Hook::Input,
            Way::FromNode => Hook::Output,
        };
        let packet = packet(&connection);
        let evaluation = simulator::hook(&ruleset, &Host::default(), Layer::Network, hook, packet);
        let passed = evaluation.outcome == simulator::Outcome::Accept;
        prop_assert_eq!(
            passed,
            decision.outcome == Outcome::Allowed,
            "{:?}\noracle: {:?}\nsimulator: {:?}\n{:#?}\n{}",
            connection,
            decision,
            evaluation.decided_by,
            cluster.policies,
            render::ruleset(&ruleset)
        );
    }
    Ok(())
}

fn packet(connection: &Connection) -> Packet {
    let mut packet = Packet::new(connection.source, connection.destination, draw::header(connection.transport));
    if let policy::Transport::Icmp { hop_limit, .. } = connection.transport {
        packet.ttl = hop_limit;
    }
    packet
}

impl Cluster {
    /// Both modes must give the same verdict where there are no host rules.
    fn mode(drawn: u8) -> ForwardMode {
        if drawn == 0 { ForwardMode::PodsFirst } else { ForwardMode::HostRules }
    }
}
