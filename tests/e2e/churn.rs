//! Hundreds of random changes through the API, and whether what follows each of them comes to the same as what reads
//! everything at once.

use std::net::IpAddr;

use engine::eval::ruleset::Owner;
use serde_json::{Value, json};
use watcher::demo::{Judge, Party, World};
use watcher::lab::{Outcome, Patience, Probe, Service};

use crate::cluster::{Cluster, NODES, SERVICES};
use crate::figures::{Timed, report};
use crate::held;

/// How many changes, and after how many of them both nodes and the packets are looked at.
const CHANGES: usize = 300;
const LOOK: usize = 30;

const NAMESPACES: [&str; 3] = ["red", "green", "blue"];
const TEAMS: [&str; 2] = ["one", "two"];
const APPS: [&str; 3] = ["a", "b", "c"];

/// Pods of the laboratory whose addresses objects get, and their nodes.
const SPARE: [(&str, &str); 4] =
    [("spare/a1", NODES[0]), ("spare/a2", NODES[0]), ("spare/b1", NODES[1]), ("spare/b2", NODES[1])];

/// Most policies at a time.
const POLICIES_MAX: usize = 12;

/// Whom the sockets of the tests belong to: making namespaces takes root.
const ROOT: Owner = Owner { uid: 0, gid: 0 };

#[test]
#[ignore = "needs an API server: make e2e"]
fn after_hundreds_of_random_changes_every_node_has_what_the_api_server_holds() {
    let _timed = Timed::begin("churn");
    let seed = std::env::var("PALISADE_SEED").map_or(2026, |seed| seed.parse().unwrap());
    let cluster = Cluster::up();
    for name in NAMESPACES {
        cluster.administrator.namespace(name, &json!({"team": TEAMS[0]}));
    }
    let _agents = cluster.agents();
    let mut churn = Churn { cluster: &cluster, random: Random(seed), n: 0, pods: Vec::new(), policies: Vec::new() };
    let (mut n_asked, mut n_denied) = (0, 0);
    for n in 1..=CHANGES {
        churn.change();
        if n % LOOK == 0 {
            let (asked, denied) = look(&cluster, &format!("seed {seed}, change {n}"));
            n_asked += asked;
            n_denied += denied;
        }
    }
    report(&format!("churn: {CHANGES} changes, {} looks, {n_asked} questions, {n_denied} denied", CHANGES / LOOK));
    assert!(n_denied > 0 && n_denied < n_asked, "the changes changed nothing that packets meet");
}

/// Both nodes have what the API server holds, and packets agree with the oracle; how many were asked and denied.
fn look(cluster: &Cluster, when: &str) -> (usize, usize) {
    let loaded = held::until_in_force(&cluster.administrator, &cluster.lab, &NODES, cluster.server.directory());
    let (world, scene) = (held::world(loaded), Cluster::scene());
    let judge = Judge::new(&world, &scene, ROOT);
    let mut expected = Vec::new();
    let mut probes = Vec::new();
    for (from, to, address, service) in questions(&scene.parties) {
        let verdict = judge.verdict(from, to, address, service).unwrap();
        assert_eq!(verdict.disagreement, None, "{when}: {} to {}", from.name, to.name);
        expected.push(verdict.outcome);
        probes.push(Probe { from: from.name.clone(), to: address, service });
    }
    let mut answers = cluster.lab.probe(&probes, Patience::default()).unwrap();
    // On a machine that does much else an answer may be late.
    let is_late = |idx: &usize| answers[*idx].outcome == Outcome::Dropped && expected[*idx] != Outcome::Dropped;
    let late: Vec<usize> = (0..probes.len()).filter(is_late).collect();
    let again: Vec<Probe> = late.iter().map(|idx| probes[*idx].clone()).collect();
    for (idx, answer) in late.into_iter().zip(cluster.lab.probe(&again, Patience::LONG).unwrap()) {
        answers[idx] = answer;
    }
    let wrong: Vec<String> = (answers.iter().zip(&expected).zip(&probes))
        .filter(|((answer, expected), _)| answer.outcome != **expected)
        .map(|((answer, expected), probe)| format!("{probe:?}: {}, should be {expected}", answer.outcome))
        .collect();
    assert!(wrong.is_empty(), "{when}:\n{}\n{}", wrong.join("\n"), described(&world));
    (probes.len(), expected.iter().filter(|outcome| **outcome != Outcome::Open).count())
}

fn questions(parties: &[Party]) -> Vec<(&Party, &Party, IpAddr, Service)> {
    let mut questions = Vec::new();
    for from in parties {
        for to in parties.iter().filter(|to| to.name != from.name) {
            for address in &to.addresses {
                questions.extend(SERVICES.map(|service| (from, to, *address, service)));
            }
        }
    }
    questions
}

fn described(world: &World) -> String {
    format!("{:#?}\n{:#?}", world.inventory.pods, world.policies).chars().take(8000).collect()
}

/// A generator of which nothing hangs on being hard to guess (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// A pod of the API server, and whose address of the laboratory it has.
struct Pod {
    namespace: &'static str,
    name: String,
    spare: usize,
}

impl Pod {
    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods/{}", self.namespace, self.name)
    }
}

struct Churn<'a> {
    cluster: &'a Cluster,
    random: Random,
    n: usize,
    pods: Vec<Pod>,
    policies: Vec<String>,
}

impl Churn<'_> {
    fn change(&mut self) {
        self.n += 1;
        match self.random.below(10) {
            0..3 => self.pod_comes(),
            3 => self.pod_ends(),
            4 => self.pod_goes(),
            5 => self.pod_is_relabelled(),
            6 => self.namespace_is_relabelled(),
            7 => self.policy_goes(),
            _ => self.policy_comes_or_changes(),
        }
    }

    fn labels(&mut self) -> Value {
        json!({"app": self.random.pick(&APPS)})
    }

    /// Now and then with an address that another pod has too: that one may have ended, or has not yet.
    fn pod_comes(&mut self) {
        let spare = self.random.below(SPARE.len());
        let has_owner = self.pods.iter().any(|pod| pod.spare == spare);
        if has_owner && self.random.below(4) > 0 {
            return self.pod_is_relabelled();
        }
        let pod = Pod { namespace: self.random.pick(&NAMESPACES), name: format!("p{}", self.n), spare };
        let (host, node) = SPARE[spare];
        let port = [8080, 8081][self.random.below(2)];
        let ports = json!([{"name": "http", "containerPort": port}]);
        let (labels, addresses) = (self.labels(), self.cluster.addresses(host));
        self.cluster.administrator.pod_with_ports(pod.namespace, &pod.name, &labels, node, &addresses, &ports);
        self.pods.push(pod);
    }

    fn pod_ends(&mut self) {
        if self.pods.is_empty() {
            return self.pod_comes();
        }
        let pod = &self.pods[self.random.below(self.pods.len())];
        let phase = self.random.pick(&["Succeeded", "Failed"]);
        let addresses = self.cluster.addresses(SPARE[pod.spare].0);
        self.cluster.administrator.pod_status(pod.namespace, &pod.name, phase, &addresses);
    }

    fn pod_goes(&mut self) {
        if self.pods.is_empty() {
            return self.pod_comes();
        }
        let pod = self.pods.swap_remove(self.random.below(self.pods.len()));
        self.cluster.administrator.delete(&pod.path());
    }

    fn pod_is_relabelled(&mut self) {
        if self.pods.is_empty() {
            return self.pod_comes();
        }
        let labels = self.labels();
        let path = self.pods[self.random.below(self.pods.len())].path();
        self.cluster.administrator.patch(&path, &json!({"metadata": {"labels": labels}}));
    }

    fn namespace_is_relabelled(&mut self) {
        let (name, team) = (self.random.pick(&NAMESPACES), self.random.pick(&TEAMS));
        let labels = json!({"metadata": {"labels": {"team": team}}});
        self.cluster.administrator.patch(&format!("/api/v1/namespaces/{name}"), &labels);
    }

    fn policy_goes(&mut self) {
        if self.policies.is_empty() {
            return self.policy_comes_or_changes();
        }
        let path = self.policies.swap_remove(self.random.below(self.policies.len()));
        self.cluster.administrator.delete(&path);
    }

    fn policy_comes_or_changes(&mut self) {
        let spec = self.spec();
        if !self.policies.is_empty() && (self.policies.len() >= POLICIES_MAX || self.random.below(2) == 0) {
            let path = &self.policies[self.random.below(self.policies.len())];
            // As a whole: what the new spec lacks is gone.
            let (_, name) = path.rsplit_once('/').unwrap();
            return self.cluster.administrator.put(path, &json!({"metadata": {"name": name}, "spec": spec}));
        }
        let collection =
            format!("/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies", self.random.pick(&NAMESPACES));
        let name = format!("n{}", self.n);
        self.cluster.administrator.create(&collection, &json!({"metadata": {"name": name}, "spec": spec}));
        self.policies.push(format!("{collection}/{name}"));
    }

    fn spec(&mut self) -> Value {
        let rules = |churn: &mut Self, peers: &str| -> Value {
            (0..churn.random.below(3)).map(|_| churn.rule(peers)).collect::<Vec<_>>().into()
        };
        let mut spec = json!({"podSelector": self.selector("app", &APPS)});
        let types: &[&str] = match self.random.below(3) {
            0 => &["Ingress"],
            1 => &["Egress"],
            _ => &["Ingress", "Egress"],
        };
        spec["policyTypes"] = json!(types);
        for (kind, field, peers) in [("Ingress", "ingress", "from"), ("Egress", "egress", "to")] {
            if types.contains(&kind) {
                spec[field] = rules(self, peers);
            }
        }
        spec
    }

    fn rule(&mut self, peers: &str) -> Value {
        let mut rule = json!({});
        if self.random.below(4) > 0 {
            let found: Vec<Value> = (0..=self.random.below(2)).map(|_| self.peer()).collect();
            rule[peers] = found.into();
        }
        match self.random.below(4) {
            0 => rule["ports"] = json!([{"port": 8080}]),
            1 => rule["ports"] = json!([{"port": "http"}]),
            2 => rule["ports"] = json!([{"port": 8080, "endPort": 8081}]),
            _ => {}
        }
        rule
    }

    fn peer(&mut self) -> Value {
        match self.random.below(4) {
            0 => json!({"podSelector": self.selector("app", &APPS)}),
            1 => json!({"namespaceSelector": self.selector("team", &TEAMS)}),
            2 => {
                let namespaces = self.selector("team", &TEAMS);
                json!({"namespaceSelector": namespaces, "podSelector": self.selector("app", &APPS)})
            }
            _ => {
                let host = SPARE[self.random.below(SPARE.len())].0;
                let address = &self.cluster.addresses(host)[self.random.below(2)];
                json!({"ipBlock": {"cidr": format!("{address}/{}", if address.contains(':') { 128 } else { 32 })}})
            }
        }
    }

    /// Everything, one value, or all but one.
    fn selector(&mut self, key: &str, values: &[&str]) -> Value {
        let value = self.random.pick(values);
        match self.random.below(4) {
            0 => json!({}),
            1 | 2 => json!({"matchLabels": {key: value}}),
            _ => json!({"matchExpressions": [{"key": key, "operator": "NotIn", "values": [value]}]}),
        }
    }
}
