//! A node under traffic: one pod that may be reached and one that may not, as objects of the API server, with every
//! packet counted by the kernel on its way in and on its way out.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use watcher::lab::{Lab, Matrix};

use crate::administrator::{Administrator, cluster_rules};
use crate::agent::Agent;
use crate::figures::report;
use crate::held;
use crate::load::{Account, laboratory, under_load};
use crate::server::Server;

pub(crate) const NODE: &str = "router";

/// Packets a second.
const RATE: u32 = 3_000;

const POLICIES: &str = "/apis/networking.k8s.io/v1/namespaces/x/networkpolicies";

/// The node, its cluster, and what changes there all the time without a change for these packets.
pub(crate) struct Traffic {
    pub(crate) lab: Lab,
    pub(crate) server: Server,
    pub(crate) administrator: Administrator,
    pub(crate) token: String,
    n_changes: AtomicU32,
}

impl Traffic {
    pub(crate) fn up() -> Self {
        Self::up_with(&[])
    }

    /// The same with further flags of kube-apiserver.
    pub(crate) fn up_with(flags: &[&str]) -> Self {
        let lab = laboratory();
        let server = Server::start_with(flags);
        let administrator = server.administrator();
        let token = administrator.agent(&cluster_rules());
        let addresses = |name: &str| lab.addresses(name).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
        administrator.node(NODE, &addresses(NODE));
        administrator.namespace("x", &json!({}));
        for pod in ["sender", "open", "shut"] {
            administrator.pod("x", pod, &json!({"app": pod}), NODE, &addresses(pod));
        }
        let shut = json!({"podSelector": {"matchLabels": {"app": "shut"}}, "policyTypes": ["Ingress"]});
        administrator.create(POLICIES, &json!({"metadata": {"name": "shut"}, "spec": shut}));
        Self::permit(&administrator, "opens-0");
        Self { lab, server, administrator, token, n_changes: AtomicU32::new(0) }
    }

    fn permit(administrator: &Administrator, name: &str) {
        let from = json!([{"podSelector": {"matchLabels": {"app": "sender"}}}]);
        let opens = json!({"podSelector": {"matchLabels": {"app": "open"}}, "ingress": [{"from": from}]});
        administrator.create(POLICIES, &json!({"metadata": {"name": name}, "spec": opens}));
    }

    pub(crate) fn agent(&self) -> Agent {
        self.agent_with(&[])
    }

    pub(crate) fn agent_with(&self, arguments: &[&str]) -> Agent {
        Agent::start_with(&self.lab, NODE, &self.server, &self.token, arguments)
    }

    /// A change that every ruleset has to follow, chains and elements, and that means the same for these packets: the
    /// policy that opens is another one, there before the former goes; and a pod of another node comes or goes.
    pub(crate) fn change(&self) {
        let n = self.n_changes.fetch_add(1, Ordering::Relaxed);
        Self::permit(&self.administrator, &format!("opens-{}", n + 1));
        self.administrator.delete(&format!("{POLICIES}/opens-{n}"));
        if n.is_multiple_of(2) {
            let address = format!("10.244.9.{}", n / 2 % 250 + 1);
            self.administrator.pod("x", &format!("far-{n}"), &json!({"app": "sender"}), "elsewhere", &[address]);
        } else {
            self.administrator.delete(&format!("/api/v1/namespaces/x/pods/far-{}", n - 1));
        }
    }

    /// Waits until the node has in force what the API server holds.
    #[track_caller]
    pub(crate) fn settle(&self) {
        held::until_in_force(&self.administrator, &self.lab, &[NODE], self.server.directory());
    }

    /// Sends while something is done; none of the packets may be judged otherwise than the policies say.
    #[track_caller]
    pub(crate) fn judged_right(&self, what: &str, work: impl FnOnce()) {
        let ((), account) = under_load(&self.lab, RATE, work);
        say(what, &account);
        assert!(account.allowed > 0 && account.denied > 0, "{what}: no traffic: {account:?}");
        assert_eq!((account.lost, account.leaked), (0, 0), "{what}: {account:?}");
    }

    /// Sends while others take the rules away; the account, for whoever knows what may leak.
    pub(crate) fn accounted(&self, what: &str, work: impl FnOnce()) -> Account {
        let ((), account) = under_load(&self.lab, RATE, work);
        say(what, &account);
        account
    }

    /// New connections are judged as the policies say too.
    #[track_caller]
    pub(crate) fn is_judged_right(&self) {
        let tables = Matrix::parse_all("7002/UDP open shut\nsender open drop\n").unwrap();
        let (_, mismatches) = self.lab.compare(&tables).unwrap();
        assert!(mismatches.is_empty(), "{mismatches:?}");
    }
}

fn say(what: &str, account: &Account) {
    let Account { allowed, denied, lost, leaked, .. } = account;
    report(&format!("{what}: {lost} of {allowed} allowed lost, {leaked} of {denied} denied leaked"));
}
