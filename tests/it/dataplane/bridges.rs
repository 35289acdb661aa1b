//! Pods on one bridge, with `br_netfilter` and without.

use std::fs;
use std::path::PathBuf;
use std::process::{self, Command};

use engine::compile::options::{Bridged, Denial, PodOptions};
use engine::eval::ruleset::{End, Host, Packet, Transport, bridge};
use engine::render;
use engine::ruleset::{Expr, Family as TableFamily, Hook, Ruleset, TableKey};

use super::enforce::{Cluster, Family, Rules, deny_all, policy};
use super::services::NODES;
use crate::privilege::{can_make_namespaces, report};

const PORTS: [&str; 3] = ["8080/TCP", "8081/TCP", "8080/UDP"];

/// `shop/web` asks `shop/db` for one port; both are closed to everybody else, and to everything else.
fn policies() -> String {
    deny_all("shop", "Ingress, Egress")
        + &policy("shop/db", "Ingress", "[{from: [{podSelector: {matchLabels: {pod: web}}}], ports: [{port: 8080}]}]")
        + &policy("shop/web", "Egress", "[{to: [{podSelector: {matchLabels: {pod: db}}}], ports: [{port: 8080}]}]")
}

/// What the policies say of pods on one bridge.
const JUDGED: &str = "
8080/TCP   shop/db  shop/web  ops/agent
shop/web   open     -         drop
shop/db    -        drop      drop
ops/agent  drop     drop      -

8081/TCP   shop/db  ops/agent
shop/web   drop     drop

8080/UDP   shop/db
shop/web   drop

echo       shop/db
shop/web   drop
";

#[test]
fn dec_19_pods_on_a_bridge_with_br_netfilter_are_judged() {
    if !can_make_namespaces("dec_19_br_netfilter") {
        return;
    }
    let cluster = Cluster::new(&format!("plumbing bridge\n{NODES}"), &PORTS);
    cluster.enforce(&Rules { policies: &policies(), ..Rules::default() });
    cluster.assert_tables("with br_netfilter", JUDGED);
}

#[test]
fn dec_19_pods_that_a_bridge_hides_are_named_and_what_is_routed_is_judged_all_the_same() {
    if !can_make_namespaces("dec_19_named") {
        return;
    }
    let cluster = Cluster::new(&format!("plumbing bridge-without-calls\n{NODES}"), &PORTS);
    let folder = manifests(&cluster);
    let node = cluster.namespace("node-a");
    let palisade = |arguments: &str| {
        // `/sys` shows the namespace in which it was mounted.
        let script = format!("mount -t sysfs sysfs /sys && exec \"$0\" {arguments}");
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script, env!("CARGO_BIN_EXE_palisade")]);
        command.env("PALISADE_RUN_DIR", folder.join("run")).env("FOLDER", folder.join("manifests"));
        let output = node.run(|| command.output()).unwrap().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let named = "bridge cni0 hands its frames to no IP hook (bridge-nf-call-iptables): policies are not enforced between \
                 ops/agent, shop/db, shop/web\n";
    for round in ["written", "in sync"] {
        let (code, stdout, stderr) = palisade("apply --manifests \"$FOLDER\" --node node-a");
        assert_eq!(code, 1, "{round}: {stdout}{stderr}");
        assert!(stderr.contains(&format!("warning: {named}")), "{round}: {stderr}");
    }
    let (code, stdout, stderr) = palisade("status");
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stdout.starts_with("in sync\n") && stdout.contains(named), "{stdout}");
    let (_, json, _) = palisade("status --format json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["notEnforced"][0]["bridge"], "cni0");
    assert_eq!(json["notEnforced"][0]["pods"].as_array().unwrap().len(), 3);

    // It is as bad as that, and no worse: what is routed is judged.
    cluster.assert_tables(
        "hidden",
        "8080/TCP  shop/db  ops/agent  node-a  alpha  shop/api
         shop/web  open     open       drop    drop   drop
         ops/agent open     -          open    open   open
         alpha     drop     open       -       -      open\n",
    );

    // Where the bridge hands its frames over nothing is named, and the same rules judge.
    node.sysctl(&[("bridge/bridge-nf-call-iptables", "1"), ("bridge/bridge-nf-call-ip6tables", "1")]).unwrap();
    let (code, stdout, stderr) = palisade("status");
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(!stdout.contains("bridge cni0") && !stderr.contains("bridge cni0"), "{stdout}{stderr}");
    cluster.assert_tables("handed over", JUDGED);
    fs::remove_dir_all(folder).unwrap();
}

/// A folder of its own with the cluster as manifests.
fn manifests(cluster: &Cluster) -> PathBuf {
    use std::fmt::Write as _;
    let folder = std::env::temp_dir().join(format!("palisade-bridges-{}", process::id()));
    fs::create_dir_all(folder.join("manifests")).unwrap();
    let mut text = policies();
    for (name, pod) in &cluster.inventory.pods {
        let addresses: Vec<_> = pod.addresses.iter().map(|address| format!("{{ip: '{address}'}}")).collect();
        write!(
            text,
            "---\napiVersion: v1\nkind: Pod\n\
             metadata: {{name: {0}, namespace: {1}, labels: {{pod: {0}}}}}\n\
             spec: {{nodeName: {2}, containers: [{{name: c}}]}}\nstatus: {{phase: Running, podIPs: [{3}]}}\n",
            name.name,
            name.namespace,
            pod.node.as_deref().unwrap(),
            addresses.join(", ")
        )
        .unwrap();
    }
    fs::write(folder.join("manifests/all.yaml"), text).unwrap();
    folder
}

fn by_table() -> PodOptions {
    PodOptions { bridged: Bridged::ByTable, denial: Denial::Reject, ..PodOptions::default() }
}

#[test]
fn dec_19_a_table_on_the_bridge_judges_where_the_kernel_has_conntrack_there() {
    if !can_make_namespaces("dec_19_bridge_table") {
        return;
    }
    let cluster = Cluster::new(&format!("plumbing bridge-without-calls\n{NODES}"), &PORTS);
    let node = cluster.namespace("node-a");
    let probe = "table bridge probe { chain f { type filter hook forward priority 0; ct state established accept; }; }";
    if let Err(error) = node.nft(probe) {
        let reason = "this kernel has no conntrack for bridges (NF_CONNTRACK_BRIDGE)";
        report(&format!("left out: dec_19_bridge_table: {reason}: {error}"));
        return;
    }
    node.nft("delete table bridge probe").unwrap();
    cluster.enforce(&Rules { policies: &policies(), options: by_table(), ..Rules::default() });
    cluster.assert_tables("on the bridge", JUDGED);
}

#[test]
fn dec_19_a_table_on_the_bridge_holds_copies_and_says_the_same_in_the_simulator() {
    if !can_make_namespaces("dec_19_simulated") {
        return;
    }
    let cluster = Cluster::new(&format!("plumbing bridge-without-calls\n{NODES}"), &[]);
    let policies = policies();
    let drops = PodOptions { denial: Denial::Drop, ..by_table() };
    let ruleset = cluster.compile("node-a", &Rules { policies: &policies, options: drops, ..Rules::default() });
    let [on_bridge, routed] =
        [TableFamily::Bridge, TableFamily::Inet].map(|family| &ruleset.tables[&TableKey::ours(family)]);
    assert!(!on_bridge.sets.is_empty() && !on_bridge.counters.is_empty());
    for (name, chain) in &on_bridge.chains {
        assert_eq!(Some(chain), routed.chains.get(name), "{name}");
    }
    for (name, set) in &on_bridge.sets {
        assert_eq!(Some(set), routed.sets.get(name), "{name}");
    }
    assert!(render::ruleset(&ruleset).contains("table bridge palisade {"));

    // What cannot be at this hook is not there, whatever is asked for.
    let rejecting = cluster.compile("node-a", &Rules { policies: &policies, options: by_table(), ..Rules::default() });
    let rejects = |family| {
        let rules = rejecting.tables[&TableKey::ours(family)].chains.values().flat_map(|chain| &chain.rules);
        rules.flat_map(|rule| &rule.exprs).any(|expr| matches!(expr, Expr::Reject(_)))
    };
    assert!(rejects(TableFamily::Inet) && !rejects(TableFamily::Bridge));

    let bridge_alone = Ruleset { tables: [(TableKey::ours(TableFamily::Bridge), on_bridge.clone())].into() };
    for family in Family::BOTH {
        let sent = |from: &str, to: &str, port: u16| {
            let transport = Transport::syn(4000, port);
            let mut packet = Packet::new(cluster.address(from, family), cluster.address(to, family), transport);
            packet.input = Some("veth1".into());
            packet.output = Some("veth2".into());
            bridge(&bridge_alone, &Host::default(), packet).end
        };
        let passed = End::Sent("veth2".into());
        let dropped = End::Dropped(Hook::Forward);
        assert_eq!(sent("shop/web", "shop/db", 8080), passed, "{family:?}");
        assert_eq!(sent("shop/web", "shop/db", 8081), dropped, "{family:?}");
        assert_eq!(sent("shop/db", "shop/web", 8080), dropped, "{family:?}");
        assert_eq!(sent("ops/agent", "shop/db", 8080), dropped, "{family:?}");
        assert_eq!(sent("ops/agent", "alpha", 8080), passed, "{family:?}");
        assert_eq!(sent("alpha", "shop/db", 8080), dropped, "{family:?}");
    }
}
