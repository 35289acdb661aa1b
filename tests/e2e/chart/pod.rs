//! What the agent's pod may do on its node, in every shape of the chart.

use serde_json::{Value, json};

use super::{cases, of_kind};
use crate::tools;

#[test]
#[ignore = "needs helm: make e2e"]
fn no_shape_of_the_chart_gives_the_agent_more_than_it_needs() {
    for (case, values) in cases() {
        for daemon_set in of_kind(&tools::objects(&values), "DaemonSet") {
            let pod = &daemon_set["spec"]["template"]["spec"];
            let [container] = &pod["containers"].as_array().unwrap()[..] else { panic!("{case}: {pod}") };
            let mut limits = container["securityContext"].clone();
            limits.as_object_mut().unwrap().remove("seLinuxOptions");
            let wanted = json!({
                "runAsUser": 0, "runAsGroup": 0, "privileged": false, "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
            });
            assert_eq!(limits, wanted, "{case}");
            assert_eq!(pod["securityContext"], json!({"seccompProfile": {"type": "RuntimeDefault"}}), "{case}");
            assert_eq!(pod["hostNetwork"], true, "{case}");
            for absent in ["hostPID", "hostIPC", "initContainers", "shareProcessNamespace"] {
                assert!(pod[absent].is_null(), "{case}: {absent}");
            }
            let mounts = container["volumeMounts"].as_array().unwrap();
            let is_written = |mount: &&Value| mount["readOnly"] != true;
            let written: Vec<_> = mounts.iter().filter(is_written).map(|mount| &mount["mountPath"]).collect();
            assert_eq!(written, ["/run/palisade", "/var/lib/palisade"], "{case}");

            let update = &daemon_set["spec"]["updateStrategy"];
            assert!(update["type"] == "OnDelete" || update["rollingUpdate"]["maxSurge"] == 0, "{case}: {update}");
            let live = &container["livenessProbe"];
            assert_eq!([&live["httpGet"]["path"], &container["startupProbe"]["httpGet"]["path"]], ["/live"; 2]);
            assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/ready");
            let patience =
                |probe: &Value| probe["periodSeconds"].as_u64().unwrap() * probe["failureThreshold"].as_u64().unwrap();
            assert!(patience(live) >= 300, "{case}: {live}");
            assert!(patience(&container["startupProbe"]) >= 200, "{case}");
        }
    }
}

/// With a canary every node has exactly one of the two.
#[test]
#[ignore = "needs helm: make e2e"]
fn a_canary_takes_the_nodes_with_the_label_and_no_others() {
    let (_, values) = cases().into_iter().find(|(name, _)| name == "canary-values").unwrap();
    let objects = tools::objects(&values);
    let daemon_sets = of_kind(&objects, "DaemonSet");
    assert_eq!(daemon_sets.len(), 2);
    for (daemon_set, operator, image) in
        [(daemon_sets[0], "NotIn", "palisade:0.1.0"), (daemon_sets[1], "In", "palisade:0.2.0")]
    {
        let pod = &daemon_set["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["image"], image);
        let own = json!({"key": "example.com/ring", "operator": operator, "values": ["0"]});
        let required = &pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        let role = |role| json!({"key": "example.com/role", "operator": "In", "values": [role]});
        let terms = ["worker", "edge"].map(|name| json!({"matchExpressions": [role(name), own]}));
        assert_eq!(required["nodeSelectorTerms"], json!(terms));
    }
    // A Service of both selects both, and neither DaemonSet the other's pods.
    let selectors = daemon_sets.iter().map(|daemon_set| &daemon_set["spec"]["selector"]["matchLabels"]);
    let tracks: Vec<_> = selectors.map(|selector| &selector["palisade.dev/track"]).collect();
    assert_eq!(tracks, ["stable", "canary"]);
    let configs = of_kind(&objects, "ConfigMap");
    let texts: Vec<_> = configs.iter().map(|config| config["data"]["palisade.yaml"].as_str().unwrap().trim()).collect();
    assert_eq!(texts, ["podInterfaces: cali", "denial: reject\npodInterfaces: cali"]);
}
