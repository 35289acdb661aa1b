//! Others who filter on the same node: what they drop stays dropped, what we drop they cannot save, and nothing of
//! theirs is touched.

use watcher::lab::{Layout, Namespace};

use super::enforce::{Cluster, Rules, deny_all, policy};
use super::services::NODES;
use crate::privilege::can_make_namespaces;

/// Docker's chains on a node that has a container. `cali4` stands for `docker0`: a container of the laboratory has a wire of
/// its own.
const DOCKER: &str = "
*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
:DOCKER -
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s CONTAINERS ! -o cali4 -j MASQUERADE
-A DOCKER -i cali4 -j RETURN
-A DOCKER ! -i cali4 -p tcp -m tcp --dport 5000 -j DNAT --to-destination PUBLISHED
COMMIT
*filter
:INPUT ACCEPT
:FORWARD DROP
:OUTPUT ACCEPT
:DOCKER -
:DOCKER-ISOLATION-STAGE-1 -
:DOCKER-ISOLATION-STAGE-2 -
:DOCKER-USER -
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o cali4 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o cali4 -j DOCKER
-A FORWARD -i cali4 ! -o cali4 -j ACCEPT
-A FORWARD -i cali4 -o cali4 -j ACCEPT
-A DOCKER -d CONTAINER ! -i cali4 -o cali4 -p tcp -m tcp --dport 8080 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i cali4 ! -o cali4 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o cali9 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
%user%
-A DOCKER-USER -j RETURN
COMMIT
";

/// What an administrator puts into `DOCKER-USER` so that pods are forwarded at all.
const PODS_TOO: &str = "-A DOCKER-USER -s PODS -j ACCEPT\n-A DOCKER-USER -d PODS -j ACCEPT";

fn docker(node: &Namespace, layout: Layout, user: &str) {
    let families = [
        ("iptables", "172.17.0.0/16", "172.17.0.2", "172.17.0.2:8080", "10.244.0.0/16"),
        ("ip6tables", "2001:db8:17::/64", "2001:db8:17::2", "[2001:db8:17::2]:8080", "2001:db8:244::/48"),
    ];
    for (family, containers, container, published, pods) in families {
        let rules = DOCKER.replace("%user%", user).replace("CONTAINERS", containers);
        let rules = rules.replace("CONTAINER", container).replace("PUBLISHED", published).replace("PODS", pods);
        layout.restore(node, family, &rules).unwrap();
    }
}

#[test]
fn dec_3_docker_and_palisade_each_keep_what_they_deny() {
    if !can_make_namespaces("dec_3_docker") {
        return;
    }
    for layout in [Layout::IptablesNft, Layout::IptablesLegacy] {
        // The container is no pod: it is not in the cluster's inventory.
        let mut cluster = Cluster::new(
            &NODES.replacen("process", "pod docker node-a 172.17.0.2 2001:db8:17::2\nprocess", 1),
            &["8080/TCP", "8081/TCP"],
        );
        cluster.inventory.pods.retain(|name, _| &*name.namespace != "docker");
        let node = cluster.namespace("node-a");
        let alpha = "{ipBlock: {cidr: 203.0.113.10/32}}, {ipBlock: {cidr: '2001:db8:ffff::10/128'}}";
        let policies = deny_all("shop", "Ingress") + &policy("shop/db", "Ingress", &format!("[{{from: [{alpha}]}}]"));
        let rules = Rules { policies: &policies, ..Rules::default() };

        docker(node, layout, "");
        let theirs = layout.listing(node).unwrap();
        cluster.enforce_on("node-a", &rules);
        // Their FORWARD DROP holds: an accept of ours saves nothing, and the container is as reachable as without us.
        cluster.assert_tables(
            &format!("{layout:?}, FORWARD DROP"),
            "8080/TCP   shop/db  shop/web  docker
             alpha      drop     drop      open
             docker     open     drop      -
             kubelet-a  open     open      open

             8081/TCP   shop/db  docker
             alpha      drop     drop
             docker     drop     -\n"
                .replace("docker     open     drop ", "docker     drop     drop ")
                .as_str(),
        );
        assert_eq!(layout.listing(node).unwrap(), theirs, "{layout:?}");

        docker(node, layout, PODS_TOO);
        let theirs = layout.listing(node).unwrap();
        cluster.enforce_on("node-a", &rules);
        // With pods let through by DOCKER-USER our denies hold, and so does theirs for the container.
        cluster.assert_tables(
            &format!("{layout:?}, DOCKER-USER"),
            "8080/TCP   shop/db  shop/web  ops/agent  docker
             alpha      open     drop      open       open
             docker     drop     drop      open       -
             ops/agent  drop     drop      -          open

             8081/TCP   shop/db  ops/agent  docker
             alpha      open     open       drop
             docker     drop     open       -

             5000/TCP   node-a
             alpha      open\n",
        );
        assert_eq!(layout.listing(node).unwrap(), theirs, "{layout:?}");
        cluster.tear_down("node-a");
        assert_eq!(layout.listing(node).unwrap(), theirs, "{layout:?}");
        cluster
            .assert_tables("without us", "8080/TCP shop/web docker\nalpha open open\n\n8081/TCP docker\nalpha drop\n");
    }
}
