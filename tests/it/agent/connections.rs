//! Live connections follow what the agent puts in force.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::node::{Node, shuts};
use crate::privilege::can_make_namespaces;

/// Longer than TCP waits before it sends something again, three times over.
pub(super) const SILENCE: Duration = Duration::from_millis(1_500);

/// How long TCP may take to find out that a flow goes on.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Both ends of a connection.
pub(super) struct Talk {
    client: TcpStream,
    server: TcpStream,
    said: u8,
}

impl Talk {
    fn open(node: &Node) -> Self {
        Self::open_to(node, "10.244.1.12:81")
    }

    /// From the sender to this address of the pod that is open.
    pub(super) fn open_to(node: &Node, address: &str) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        let listener = node.lab.namespace("open").unwrap().run(|| TcpListener::bind(address)).unwrap().unwrap();
        let connect = || TcpStream::connect_timeout(&address, PATIENCE);
        let client = node.lab.namespace("sender").unwrap().run(connect).unwrap().unwrap();
        let (server, _) = listener.accept().unwrap();
        Self { client, server, said: 0 }
    }

    /// Whether what the client says now, or said before, arrives within this time.
    pub(super) fn flows(&mut self, patience: Duration) -> bool {
        self.said += 1;
        self.client.write_all(&[self.said]).unwrap();
        let begun = Instant::now();
        while let Some(left) = patience.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
            self.server.set_read_timeout(Some(left)).unwrap();
            let mut heard = [0];
            if self.server.read_exact(&mut heard).is_ok() && heard == [self.said] {
                return true;
            }
        }
        false
    }
}

#[test]
fn a_connection_is_cut_when_a_policy_comes_and_goes_on_when_it_goes() {
    if !can_make_namespaces("agent connections") {
        return;
    }
    let mut node = Node::new();
    // What tracks connections is there from the first ruleset on.
    node.start_ready(&[]);
    let mut talk = Talk::open(&node);
    assert!(talk.flows(PATIENCE));
    node.write("policy.yaml", &shuts("open"));
    node.becomes("80/TCP  open\nsender  drop\n");
    node.wait("it is cut", || node.metric("palisade_conntrack_revoked_total") >= 1);
    assert!(!talk.flows(SILENCE));
    node.remove("policy.yaml");
    assert!(talk.flows(PATIENCE), "{}", node.log());
    // What others let through while the table was gone is cut too.
    node.write("policy.yaml", &shuts("open"));
    node.becomes("80/TCP  open\nsender  drop\n");
    assert!(node.stop().success());
    node.namespace().nft("delete table inet palisade").unwrap();
    let mut other = Talk::open(&node);
    assert!(other.flows(PATIENCE));
    node.start_ready(&[]);
    assert!(!other.flows(SILENCE), "{}", node.log());
}
