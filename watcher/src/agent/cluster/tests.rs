//! What is asked of a server, and what is told, whatever the server does.

use std::thread;
use std::time::{Duration, Instant};

use engine::incremental::Change;
use policy_lang::baseline::Baseline;
use policy_lang::policy::Tier;

use super::super::event::{Hear, channel};
use super::fake::{Answer, Server};
use super::needs::Following;
use super::protobuf::tests::frame;
use super::*;

const STREAM: &str =
    "/api/v1/pods?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";

/// Waits are short here, and silence is noticed soon.
const PATIENCE: Patience = Patience {
    answer: Duration::from_secs(5),
    silence: Duration::from_secs(5),
    beginning: Duration::from_millis(300),
    absence: Duration::from_millis(50),
    needs: Duration::from_millis(400),
};

fn resumed(version: &str) -> String {
    format!("/api/v1/pods?watch=true&resourceVersion={version}&allowWatchBookmarks=true")
}

fn pod(name: &str, version: u32, address: &str) -> String {
    format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"x","resourceVersion":"{version}","managedFields":[{{"time":"{version}"}}]}},"spec":{{"nodeName":"n"}},"status":{{"phase":"Running","podIPs":[{{"ip":"{address}"}}]}}}}"#
    )
}

fn line(happened: &str, object: &str) -> String {
    format!(r#"{{"type":"{happened}","object":{object}}}"#)
}

fn added(name: &str, version: u32, address: &str) -> String {
    line("ADDED", &pod(name, version, address))
}

fn end_of_beginning(version: u32) -> String {
    let object = format!(
        r#"{{"kind":"Pod","metadata":{{"resourceVersion":"{version}","annotations":{{"k8s.io/initial-events-end":"true"}}}}}}"#
    );
    line("BOOKMARK", &object)
}

fn bookmark(version: u32) -> String {
    line("BOOKMARK", &format!(r#"{{"kind":"Pod","metadata":{{"resourceVersion":"{version}"}}}}"#))
}

fn stream(lines: &[String]) -> Answer {
    Answer::stream(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What was told, in words.
struct Heard {
    hear: Hear,
    words: Vec<String>,
}

impl Heard {
    /// What was told until so many words, which come within seconds or not at all.
    fn words(&mut self, n_words: usize) -> Vec<&str> {
        let limit = Instant::now() + Duration::from_secs(10);
        while self.words.len() < n_words
            && let Some(message) = self.hear.next(limit.saturating_duration_since(Instant::now()))
        {
            self.words.extend(words(&message.event));
        }
        self.words.iter().map(String::as_str).collect()
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a cluster tells no others")]
fn words(event: &Event) -> Vec<String> {
    match event {
        Event::Changed(changes) => changes.iter().map(word).collect(),
        Event::Baseline(found) => vec![match &found.baseline {
            Baseline::Absent => "no baseline".to_owned(),
            Baseline::Sound(policies) => format!("baseline of {}", policies.len()),
            Baseline::Broken(origin) => format!("broken baseline: {origin}"),
        }],
        Event::Said { about, findings } => {
            let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
            vec![format!("{about}: {}", codes.join(" "))]
        }
        Event::HostRules(None) => vec!["no host rules".to_owned()],
        Event::HostRules(Some(found)) => {
            let n_rules: usize = found.rules.chains.iter().map(|chain| chain.rules.len()).sum();
            vec![format!("{:?} host rules: {n_rules}", found.soundness)]
        }
        Event::InSync => vec!["in sync".to_owned()],
        Event::Lost(why) => vec![format!("lost: {why}")],
        other => vec![format!("{other:?}")],
    }
}

fn word(change: &Change) -> String {
    match change {
        Change::Pod(name, Some(pod)) => {
            let addresses: Vec<_> = pod.addresses.iter().map(ToString::to_string).collect();
            format!("{name} {}", addresses.join(" "))
        }
        Change::Pod(name, None) => format!("{name} gone"),
        Change::Policy(Tier::NetworkPolicy, name, Some(policy)) => {
            let rules = |rules: &Option<Vec<_>>| rules.as_ref().map_or("-".to_owned(), |rules| rules.len().to_string());
            format!("policy {name} {} {} from {}", rules(&policy.ingress), rules(&policy.egress), policy.origin)
        }
        Change::Policy(tier, name, Some(_)) => format!("{tier} {name}"),
        Change::Policy(tier, name, None) => format!("{tier} {name} gone"),
        Change::Service(name, Some(service)) => {
            let addresses = service.addresses.iter().map(ToString::to_string);
            let behind = service.endpoints.iter().map(|endpoint| format!(">{}", endpoint.address));
            format!("service {name} {}", addresses.chain(behind).collect::<Vec<_>>().join(" "))
        }
        other @ (Change::Namespace(..) | Change::Node(..) | Change::Service(..)) => format!("{other:?}"),
    }
}

/// Follows these collections of a server that gives these answers.
fn follow(collections: Vec<Collection>, answers: Vec<Answer>) -> (Server, Heard) {
    let server = Server::start(answers);
    let url = format!("http://{}", server.address).parse().unwrap();
    let (tell, hear) = channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let way = Rc::new(Way::of(kube::Config::new(url)));
            let shared = Rc::new(RefCell::new(Shared::default()));
            let switch = Switch::new();
            // One after the other, so that the order of the answers is known.
            let mut all = FuturesUnordered::new();
            for collection in collections {
                let told = Told::new(collection, tell.clone(), Rc::clone(&shared));
                let mut follower = Box::pin(Follower::new(Rc::clone(&way), told, PATIENCE, switch.clone()).run());
                let _ended = tokio::time::timeout(Duration::from_millis(300), &mut follower).await;
                all.push(follower);
            }
            while all.next().await.is_some() {}
        });
    });
    (server, Heard { hear, words: Vec::new() })
}

fn follow_pods(answers: Vec<Answer>) -> (Server, Heard) {
    follow(vec![Collection::of(Kind::Pod)], answers)
}

#[test]
fn what_there_is_is_streamed_and_what_does_not_matter_is_not_told() {
    let (server, mut heard) = follow_pods(vec![stream(&[
        added("a", 3, "10.0.0.1"),
        added("b", 2, "10.0.0.2"),
        end_of_beginning(5),
        line("MODIFIED", &pod("a", 6, "10.0.0.1")),
        line("MODIFIED", &pod("b", 7, "10.0.0.3")),
        line("DELETED", &pod("a", 8, "10.0.0.1")),
    ])]);
    let expected = ["x/a 10.0.0.1", "x/b 10.0.0.2", "in sync", "x/b 10.0.0.3", "x/a gone"];
    assert_eq!(heard.words(5), expected);
    assert_eq!(server.asked(), [STREAM]);
}

#[test]
fn a_stream_that_ends_or_breaks_is_resumed_where_it_was() {
    let (server, mut heard) = follow_pods(vec![
        stream(&[added("a", 3, "10.0.0.1"), end_of_beginning(5)]).ends(),
        stream(&[line("MODIFIED", &pod("a", 8, "10.0.0.2")), bookmark(9)]).breaks_off(),
        stream(&[line("DELETED", &pod("a", 12, "10.0.0.2"))]),
    ]);
    let words = heard.words(6);
    assert_eq!(words[..3], ["x/a 10.0.0.1", "in sync", "x/a 10.0.0.2"]);
    assert!(words[3].starts_with("lost: a stream broke off"), "{words:?}");
    assert_eq!(words[4..], ["in sync", "x/a gone"]);
    assert_eq!(server.asked(), [STREAM, &resumed("5"), &resumed("9")]);
}

#[test]
fn a_server_that_speaks_protobuf_is_understood_and_may_go_on_in_json() {
    let first = Answer::frames(&[
        frame("ADDED", "a", 3, "10.0.0.1", false),
        frame("ADDED", "b", 1, "10.0.0.2", false),
        frame("BOOKMARK", "", 5, "", true),
        frame("DELETED", "a", 6, "10.0.0.1", false),
        frame("MODIFIED", "b", 7, "10.0.0.3", false),
    ]);
    let (server, mut heard) =
        follow_pods(vec![first.ends(), stream(&[added("b", 8, "10.0.0.3"), added("c", 9, "10.0.0.4")])]);
    let expected =
        ["x/a 10.0.0.1", "x/b 10.0.0.2", "in sync", "x/a gone", "x/b 10.0.0.3", "x/b 10.0.0.3", "x/c 10.0.0.4"];
    assert_eq!(heard.words(7), expected, "told again in the other form, which changes nothing");
    assert_eq!(server.asked(), [STREAM.to_owned(), resumed("7")]);
}

#[test]
fn a_version_that_is_too_old_makes_everything_be_read_again_and_what_went_meanwhile_is_gone() {
    let gone = line("ERROR", r#"{"kind":"Status","code":410,"reason":"Expired","message":"too old"}"#);
    for expired in [Answer::of(410, "{}"), stream(&[gone]).ends()] {
        let (server, mut heard) = follow_pods(vec![
            stream(&[added("a", 3, "10.0.0.1"), added("b", 4, "10.0.0.2"), end_of_beginning(5)]).ends(),
            expired,
            stream(&[added("b", 4, "10.0.0.2"), added("c", 7, "10.0.0.3"), end_of_beginning(9)]),
        ]);
        let expected = ["x/a 10.0.0.1", "x/b 10.0.0.2", "in sync", "x/c 10.0.0.3", "x/a gone", "in sync"];
        assert_eq!(heard.words(6), expected);
        assert_eq!(server.asked(), [STREAM, &resumed("5"), STREAM]);
    }
}

#[test]
fn a_beginning_that_breaks_off_takes_nothing_back() {
    let (server, mut heard) = follow_pods(vec![
        stream(&[added("a", 3, "10.0.0.1"), added("b", 4, "10.0.0.2"), end_of_beginning(5)]).ends(),
        Answer::of(410, "{}"),
        stream(&[added("a", 3, "10.0.0.1")]).breaks_off(),
        stream(&[added("a", 3, "10.0.0.1"), added("b", 4, "10.0.0.2"), end_of_beginning(9)]),
    ]);
    let words = heard.words(5);
    assert!(words[3].starts_with("lost: "), "{words:?}");
    assert_eq!([words[0], words[1], words[2], words[4]], ["x/a 10.0.0.1", "x/b 10.0.0.2", "in sync", "in sync"]);
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn a_server_that_cannot_stream_is_asked_for_pages() {
    let page = |next: &str, pods: &[String]| {
        let metadata = format!(r#"{{"resourceVersion":"5","continue":"{next}"}}"#);
        Answer::of(200, &format!(r#"{{"kind":"PodList","metadata":{metadata},"items":[{}]}}"#, pods.join(",")))
    };
    // One says so, the other takes the request for a plain watch.
    for refusal in [Answer::of(422, "{}"), stream(&[added("a", 3, "10.0.0.1")])] {
        let (server, mut heard) = follow_pods(vec![
            refusal,
            page("n+1", &[pod("a", 3, "10.0.0.1")]),
            page("", &[pod("b", 4, "10.0.0.2")]),
            stream(&[line("DELETED", &pod("b", 6, "10.0.0.2"))]),
        ]);
        assert_eq!(heard.words(4), ["x/a 10.0.0.1", "x/b 10.0.0.2", "in sync", "x/b gone"]);
        let pages = ["/api/v1/pods?limit=500", "/api/v1/pods?limit=500&continue=n%2B1"];
        assert_eq!(server.asked(), [STREAM, pages[0], pages[1], &resumed("5")]);
    }
}

#[test]
fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let began = Instant::now();
    let (server, mut heard) = follow_pods(vec![
        Answer::of(429, "Too many requests, please try again later.").with_header("Retry-After: 2"),
        stream(&[end_of_beginning(5)]),
    ]);
    let expected = ["lost: the API server answers 429: Too many requests, please try again later.", "in sync"];
    assert_eq!(heard.words(2), expected);
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_refusal_is_told_by_its_reason_and_tried_again() {
    let forbidden = r#"{"kind":"Status","code":403,"message":"pods is forbidden: User \"p\" cannot list"}"#;
    let (_server, mut heard) = follow_pods(vec![
        Answer::of(403, forbidden),
        Answer::of(500, "{}"),
        stream(&[added("a", 3, "10.0.0.1"), end_of_beginning(5)]),
    ]);
    let words = heard.words(4);
    assert_eq!(words[0], r#"lost: the API server answers 403: pods is forbidden: User "p" cannot list"#);
    assert!(words[1].starts_with("lost: the API server answers 500"), "{words:?}");
    assert_eq!(words[2..], ["x/a 10.0.0.1", "in sync"]);
}

#[test]
fn a_silent_connection_is_given_up() {
    let (server, mut heard) = follow_pods(vec![stream(&[end_of_beginning(5)]), stream(&[added("a", 7, "10.0.0.1")])]);
    assert_eq!(heard.words(4), ["in sync", "lost: nothing was heard for 5s", "in sync", "x/a 10.0.0.1"]);
    assert_eq!(server.asked(), [STREAM, &resumed("5")]);
}

#[test]
fn a_pod_that_ended_or_cannot_be_read_fails_closed_and_hides_no_other() {
    let ended = pod("a", 6, "10.0.0.1").replace("Running", "Succeeded");
    let broken = pod("b", 7, "10.0.0.2").replace(r#""namespace":"x""#, r#""namespace":"x","labels":{"a":["b"]}"#);
    let (_server, mut heard) = follow_pods(vec![stream(&[
        added("a", 3, "10.0.0.1"),
        end_of_beginning(5),
        line("MODIFIED", &ended),
        line("ADDED", &broken),
        line("MODIFIED", &pod("b", 8, "10.0.0.2")),
    ])]);
    let words = heard.words(8);
    assert_eq!(words[..3], ["x/a 10.0.0.1", "in sync", "x/a gone"]);
    assert_eq!(words[3], "Pod x/b: PAL005");
    let rest: Vec<_> = words.iter().skip(4).copied().collect();
    assert!(rest.contains(&"policy x/pod b 0 0 from x/b"), "{words:?}");
    assert!(rest.contains(&"NetworkPolicy x/pod b gone"), "{words:?}");
    assert!(rest.contains(&"Pod x/b: "), "{words:?}");
}

#[test]
fn policies_mean_what_they_mean_in_files_and_have_no_line() {
    let policy = |name: &str, version: u32, spec: &str| {
        format!(r#"{{"metadata":{{"name":"{name}","namespace":"x","resourceVersion":"{version}"}},"spec":{spec}}}"#)
    };
    let broken =
        r#"{"podSelector":{"matchLabels":{"a":"b"}},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/99"}}]}]}"#;
    let (_server, mut heard) = follow(
        vec![Collection::of(Kind::NetworkPolicy)],
        vec![stream(&[
            line("ADDED", &policy("open", 1, r#"{"podSelector":{},"ingress":[{}]}"#)),
            line("ADDED", &policy("broken", 2, broken)),
            end_of_beginning(5),
            line("DELETED", &policy("broken", 6, broken)),
        ])],
    );
    let words = heard.words(6);
    assert!(words.contains(&"policy x/open 1 - from x/open"), "{words:?}");
    assert!(words.contains(&"policy x/broken 0 - from x/broken"), "{words:?}");
    assert!(words.contains(&"NetworkPolicy x/broken gone"), "{words:?}");
    let said: Vec<_> = words.iter().filter(|word| word.starts_with("NetworkPolicy x/broken: ")).collect();
    assert_eq!(said.len(), 2, "{words:?}");
    assert!(said[0].contains("PAL") && !said[1].contains("PAL"), "{said:?}");
}

#[test]
fn the_baseline_is_one_object_and_its_absence_is_an_answer() {
    let config_map = |version: u32, text: &str| {
        format!(
            r#"{{"metadata":{{"name":"base","namespace":"kube-system","resourceVersion":"{version}"}},"data":{{"baseline.yaml":{}}}}}"#,
            serde_json::to_string(text).unwrap()
        )
    };
    let good = "kind: EgressBaseline\napiVersion: palisade.dev/v1alpha1\nmetadata: {name: base}\ndefault: pass\notherwise: allow\n\
                deny: [{name: metadata, to: [\"@metadata\"]}]\n";
    let collection = Collection::config_map(Kind::Baseline, &NamespacedName::new("kube-system", "base"));
    let (server, mut heard) = follow(
        vec![collection],
        vec![stream(&[
            end_of_beginning(5),
            line("ADDED", &config_map(6, good)),
            line("MODIFIED", &config_map(7, "kind: EgressBaseline\n")),
            line("DELETED", &config_map(8, good)),
        ])],
    );
    let words = heard.words(7);
    assert_eq!(words[..3], ["no baseline", "in sync", "baseline of 1"], "{words:?}");
    assert!(words[3].starts_with("ConfigMap kube-system/base: PAL"), "{words:?}");
    assert!(words[4].starts_with("broken baseline: "), "{words:?}");
    assert_eq!(words[5..], ["ConfigMap kube-system/base: ", "no baseline"]);
    assert!(
        server.asked()[0].starts_with("/api/v1/namespaces/kube-system/configmaps?fieldSelector=metadata.name%3Dbase&")
    );
}

#[test]
fn host_rules_are_one_object_that_reads_nothing_of_the_node_and_runs_nothing() {
    let config_map = |version: u32, data: &str| {
        format!(
            r#"{{"metadata":{{"name":"host","namespace":"kube-system","resourceVersion":"{version}"}},"data":{{{data}}}}}"#
        )
    };
    let main = |text: &str| format!(r#""host.ferm":{}"#, serde_json::to_string(text).unwrap());
    let included =
        format!(r#"{},"ports.ferm":"proto tcp dport 22 ACCEPT;""#, main("chain INPUT @include 'ports.ferm';"));
    let here = env!("CARGO_MANIFEST_DIR");
    let modified = |version: u32, data: &str| line("MODIFIED", &config_map(version, data));
    let collection = Collection::config_map(Kind::HostRules, &NamespacedName::new("kube-system", "host"));
    let (server, mut heard) = follow(
        vec![collection],
        vec![stream(&[
            end_of_beginning(5),
            line("ADDED", &config_map(6, &included)),
            modified(7, &main("chain INPUT dport `touch /tmp/run` ACCEPT;")),
            modified(8, &main("@hook pre 'touch /tmp/run'; chain INPUT ACCEPT;")),
            modified(9, &main(&format!("@include '{here}/Cargo.toml';"))),
            modified(10, r#""other.ferm":"chain INPUT ACCEPT;""#),
            modified(11, &main("")),
            line("DELETED", &config_map(12, "")),
        ])],
    );
    let words: Vec<&str> = heard.words(14).into_iter().filter(|word| !word.starts_with("ConfigMap ")).collect();
    let expected = [
        "no host rules",
        "in sync",
        "Sound host rules: 1",
        "Broken host rules: 0",
        "Broken host rules: 1",
        "Broken host rules: 0",
        "Broken host rules: 0",
        "Sound host rules: 0",
        "no host rules",
    ];
    assert_eq!(words, expected);
    assert!(server.asked()[0].contains("configmaps?fieldSelector=metadata.name%3Dhost&"));
}

#[test]
fn cluster_network_policies_come_and_go_with_their_kind() {
    let policy = r#"{"metadata":{"name":"admin","resourceVersion":"3"},"spec":{"tier":"Admin","priority":1,"subject":{"namespaces":{}},"egress":[{"name":"d","action":"Deny","to":[{"namespaces":{}}]}]}}"#;
    let absent = || Answer::of(404, "404 page not found");
    let (server, mut heard) = follow(
        vec![Collection::of(Kind::ClusterNetworkPolicy)],
        vec![
            absent(),
            absent(),
            absent(),
            stream(&[line("ADDED", policy), end_of_beginning(5)]).ends(),
            absent(),
            absent(),
        ],
    );
    let expected = ["in sync", "ClusterNetworkPolicy admin", "in sync", "ClusterNetworkPolicy admin gone", "in sync"];
    assert_eq!(heard.words(5), expected);
    let asked = server.asked();
    assert!(asked[0].starts_with("/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies?watch=true&send"));
}

#[test]
fn services_are_what_they_are_and_what_is_behind_them() {
    let service =
        r#"{"metadata":{"name":"s","namespace":"x","resourceVersion":"3"},"spec":{"clusterIPs":["10.96.0.9"]}}"#;
    let slice = r#"{"metadata":{"name":"s-1","namespace":"x","resourceVersion":"3","labels":{"kubernetes.io/service-name":"s"}},"addressType":"IPv4","endpoints":[{"addresses":["10.0.0.1"]}],"ports":[{"port":80,"protocol":"TCP"}]}"#;
    let (_server, mut heard) = follow(
        vec![Collection::of(Kind::Service), Collection::of(Kind::EndpointSlice)],
        vec![
            stream(&[line("ADDED", service), end_of_beginning(5)]),
            stream(&[line("ADDED", slice), end_of_beginning(5), line("DELETED", slice)]),
        ],
    );
    let expected =
        ["service x/s 10.96.0.9", "in sync", "service x/s 10.96.0.9 >10.0.0.1", "in sync", "service x/s 10.96.0.9"];
    assert_eq!(heard.words(5), expected);
}

#[test]
fn what_is_needed_once_is_followed_for_good() {
    let cluster = Cluster::new(Options::default());
    let names: Vec<_> = cluster.names().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["namespaces", "networkpolicies", "clusternetworkpolicies", "pods", "baseline"]);
    cluster.switch.need(Needs { nodes: Following::On, services: Following::Off });
    cluster.switch.need(Needs::default());
    assert_eq!(cluster.kinds(*cluster.switch.subscribe().borrow()).last(), Some(&Kind::Node));
    let host = Some(NamespacedName::new("kube-system", "host"));
    let cluster = Cluster::new(Options { host, ..Options::default() });
    assert!(cluster.names().contains(&SourceName::host_config_map()));
}

#[test]
fn a_policy_about_nodes_waits_for_them_but_not_for_ever() {
    let policy = r#"{"metadata":{"name":"admin","resourceVersion":"3"},"spec":{"tier":"Admin","priority":1,"subject":{"namespaces":{}},"egress":[{"name":"d","action":"Deny","to":[{"nodes":{}}]}]}}"#;
    let node = r#"{"metadata":{"name":"n","resourceVersion":"3"}}"#;
    let policies = || stream(&[line("ADDED", policy), end_of_beginning(5)]);
    let nodes = || stream(&[line("ADDED", node), end_of_beginning(5)]);
    let kinds = [Kind::ClusterNetworkPolicy, Kind::Node];
    let (_server, mut heard) = follow(kinds.map(Collection::of).to_vec(), vec![policies(), nodes()]);
    let words = heard.words(4);
    assert!(words[0].starts_with("Node("), "{words:?}");
    assert_eq!(words[1..], ["in sync", "ClusterNetworkPolicy admin", "in sync"]);
    let (_server, mut heard) = follow(vec![Collection::of(Kind::ClusterNetworkPolicy)], vec![policies()]);
    assert_eq!(heard.words(2), ["ClusterNetworkPolicy admin", "in sync"]);
}
