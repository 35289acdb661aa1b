//! Each kind of change of a cluster, one after the other, and what packets may do once both nodes have it in force.

use serde_json::{Value, json};

use crate::administrator::Administrator;
use crate::agent::Agent;
use crate::cluster::{Cluster, NODES, POLICIES};
use crate::figures::Timed;

const PODS: &str = "/api/v1/namespaces/shop/pods";
const CONFIG_MAPS: &str = "/api/v1/namespaces/kube-system/configmaps";
const BASELINE: &str = "/api/v1/namespaces/kube-system/configmaps/palisade-egress-baseline";

#[test]
#[ignore = "needs an API server: make e2e"]
fn every_kind_of_change_reaches_the_packets_of_both_nodes() {
    let _timed = Timed::begin("changes");
    let cluster = Cluster::up();
    let mut agents = cluster.agents();
    pods_come_change_end_and_leave_their_address_to_others(&cluster);
    an_ended_pod_is_no_subject_either(&cluster);
    namespaces_get_and_lose_labels(&cluster);
    policies_change(&cluster);
    named_ports_are_those_of_each_pod(&cluster);
    the_baseline_is_edited_broken_and_deleted(&cluster, &mut agents);
}

/// `db` is reached from these peers only, at these ports.
fn db_is_reached_from(cluster: &Cluster, from: &Value, ports: &Value) {
    let spec = json!({"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{"from": from, "ports": ports}]});
    cluster.administrator.create(POLICIES, &json!({"metadata": {"name": "db"}, "spec": spec}));
}

fn carts() -> Value {
    json!([{"podSelector": {"matchLabels": {"app": "cart"}}}])
}

fn labels(administrator: &Administrator, path: &str, labels: &Value) {
    administrator.patch(path, &json!({"metadata": {"labels": labels}}));
}

fn pods_come_change_end_and_leave_their_address_to_others(cluster: &Cluster) {
    let administrator = &cluster.administrator;
    db_is_reached_from(cluster, &carts(), &json!([]));
    let addresses = cluster.addresses("spare/b1");
    let (open, shut) = ("8080/TCP shop/db\nspare/b1 open\n", "8080/TCP shop/db\nspare/b1 drop\nshop/cart open\n");
    cluster.becomes(shut);
    administrator.pod("shop", "late", &json!({"app": "cart"}), NODES[1], &addresses);
    cluster.becomes(open);
    labels(administrator, &format!("{PODS}/late"), &json!({"app": "basket"}));
    cluster.becomes(shut);
    labels(administrator, &format!("{PODS}/late"), &json!({"app": "cart"}));
    cluster.becomes(open);
    administrator.pod_status("shop", "late", "Succeeded", &addresses);
    cluster.becomes(shut);
    // Its address is another pod's before its object goes.
    administrator.pod("shop", "heir", &json!({"app": "cart"}), NODES[1], &addresses);
    cluster.becomes(open);
    administrator.delete(&format!("{PODS}/late"));
    cluster.becomes(open);
    administrator.delete(&format!("{PODS}/heir"));
    cluster.becomes(shut);
    administrator.delete(&format!("{POLICIES}/db"));
    cluster.becomes(open);
}

fn an_ended_pod_is_no_subject_either(cluster: &Cluster) {
    let administrator = &cluster.administrator;
    db_is_reached_from(cluster, &carts(), &json!([]));
    let addresses = cluster.addresses("spare/a1");
    administrator.pod("shop", "copy", &json!({"app": "db"}), NODES[0], &addresses);
    cluster.becomes("8080/TCP spare/a1\nshop/web drop\nshop/cart open\n");
    administrator.pod_status("shop", "copy", "Failed", &addresses);
    administrator.pod("shop", "other", &json!({"app": "other"}), NODES[0], &addresses);
    cluster.becomes("8080/TCP spare/a1\nshop/web open\nshop/cart open\n");
    for name in ["copy", "other"] {
        administrator.delete(&format!("{PODS}/{name}"));
    }
    administrator.delete(&format!("{POLICIES}/db"));
}

fn namespaces_get_and_lose_labels(cluster: &Cluster) {
    let administrator = &cluster.administrator;
    administrator.namespace("ops", &json!({"team": "green"}));
    administrator.pod("ops", "tool", &json!({}), NODES[1], &cluster.addresses("spare/b2"));
    let green = json!([{"namespaceSelector": {"matchLabels": {"team": "green"}}}]);
    db_is_reached_from(cluster, &green, &json!([]));
    cluster.becomes("8080/TCP shop/db\nspare/b2 open\nshop/web drop\n");
    labels(administrator, "/api/v1/namespaces/ops", &json!({"team": "blue"}));
    cluster.becomes("8080/TCP shop/db\nspare/b2 drop\nshop/web drop\n");
    labels(administrator, "/api/v1/namespaces/shop", &json!({"team": "green"}));
    cluster.becomes("8080/TCP shop/db\nspare/b2 drop\nshop/web open\n");
    labels(administrator, "/api/v1/namespaces/shop", &json!({"team": null}));
    labels(administrator, "/api/v1/namespaces/ops", &json!({"team": "green"}));
    cluster.becomes("8080/TCP shop/db\nspare/b2 open\nshop/web drop\n");
    administrator.delete(&format!("{POLICIES}/db"));
    administrator.delete("/api/v1/namespaces/ops/pods/tool");
}

fn policies_change(cluster: &Cluster) {
    let port = |port: u16| json!([{"port": port}]);
    db_is_reached_from(cluster, &carts(), &port(8080));
    cluster.becomes("8080/TCP shop/db\nshop/cart open\nshop/web drop\n\n8081/TCP shop/db\nshop/cart drop\n");
    let ingress = json!([{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": port(8081)}]);
    cluster.administrator.patch(&format!("{POLICIES}/db"), &json!({"spec": {"ingress": ingress}}));
    cluster.becomes("8080/TCP shop/db\nshop/cart drop\nshop/web drop\n\n8081/TCP shop/db\nshop/web open\n");
    let types = json!({"spec": {"ingress": null, "policyTypes": ["Egress"]}});
    cluster.administrator.patch(&format!("{POLICIES}/db"), &types);
    cluster.becomes("8080/TCP shop/db shop/web\nshop/cart open open\nshop/db - drop\n");
    cluster.administrator.delete(&format!("{POLICIES}/db"));
    cluster.becomes("8080/TCP shop/db shop/web\nshop/cart open open\nshop/db - open\n");
}

fn named_ports_are_those_of_each_pod(cluster: &Cluster) {
    let administrator = &cluster.administrator;
    for (spare, node, port) in [("a1", NODES[0], 8080), ("b1", NODES[1], 8081)] {
        let ports = json!([{"name": "http", "containerPort": port}]);
        let addresses = cluster.addresses(&format!("spare/{spare}"));
        administrator.pod_with_ports("shop", spare, &json!({"app": "named"}), node, &addresses, &ports);
    }
    let spec = json!({"podSelector": {"matchLabels": {"app": "named"}}, "ingress": [{"ports": [{"port": "http"}]}]});
    administrator.create(POLICIES, &json!({"metadata": {"name": "named"}, "spec": spec}));
    cluster.becomes(
        "8080/TCP spare/a1 spare/b1\nshop/web open drop\nshop/cart open drop\n\n\
         8081/TCP spare/a1 spare/b1\nshop/web drop open\nshop/cart drop open\n",
    );
    administrator.delete(&format!("{POLICIES}/named"));
    for spare in ["a1", "b1"] {
        administrator.delete(&format!("{PODS}/{spare}"));
    }
}

fn the_baseline_is_edited_broken_and_deleted(cluster: &Cluster, agents: &mut [Agent; 2]) {
    let administrator = &cluster.administrator;
    let metadata = json!({"name": "palisade-egress-baseline"});
    let about = |rules: &str| {
        let text = format!(
            "apiVersion: palisade.dev/v1alpha1\nkind: EgressBaseline\nmetadata: {{name: standard}}\n\
             default: pass\notherwise: allow\n{rules}"
        );
        json!({"metadata": metadata, "data": {"baseline.yaml": text}})
    };
    let denies = |pod: &str| {
        let block = |address: &String| format!("'{address}/{}'", if address.contains(':') { 128 } else { 32 });
        let blocks: Vec<String> = cluster.addresses(pod).iter().map(block).collect();
        about(&format!("deny: [{{name: it, to: [{}]}}]\n", blocks.join(", ")))
    };
    administrator.create(CONFIG_MAPS, &denies("shop/db"));
    cluster.becomes("8080/TCP shop/db shop/cart\nshop/web drop open\n");
    administrator.patch(BASELINE, &denies("shop/cart"));
    let of_the_last_good = "8080/TCP shop/db shop/cart\nshop/web open drop\n";
    cluster.becomes(of_the_last_good);

    let say = |agents: &[Agent; 2], words: &str| {
        let is_said = |report: &Value| report["findings"].to_string().contains(words) && report["ready"] == true;
        for agent in agents {
            agent.until(words, is_said);
        }
    };
    administrator.patch(BASELINE, &json!({"data": {"baseline.yaml": "kind: EgressBaseline\n"}}));
    say(agents, "the baseline is broken: the last good one is enforced");
    cluster.is(of_the_last_good);
    administrator.delete(BASELINE);
    say(agents, "the baseline is gone: the last good one stays enforced");
    cluster.is(of_the_last_good);
    for agent in &mut *agents {
        agent.kill();
        agent.resume(&cluster.lab);
    }
    say(agents, "the baseline is gone: the last good one stays enforced");
    cluster.is(of_the_last_good);
    // One that restricts nothing ends it.
    administrator.create(CONFIG_MAPS, &about(""));
    cluster.becomes("8080/TCP shop/db shop/cart\nshop/web open open\n");
}
