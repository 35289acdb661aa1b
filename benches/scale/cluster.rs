//! A cluster of a chosen size, as the API server stores it: namespaces with as many pods and policies each, pods of the
//! weight that real ones have, and one node that runs the pods that the agent under test has to care for.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use serde_json::{Value, json};

/// The node of the agent under test.
pub(crate) const NODE: &str = "node-0";

/// What the cluster is made of.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) pods: usize,
    pub(crate) policies: usize,
    pub(crate) namespaces: usize,
    /// Pods of [`NODE`]: the first of as many namespaces.
    pub(crate) local: usize,
}

/// Apps of a namespace: a policy names one as its subject and one as its peer.
const APPS: usize = 10;

impl Size {
    /// Writes one line for each object, in the form of the API server's `--seed`.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for n in 0..self.namespaces {
            let namespace = json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": namespace(n), "uid": uid(1, n), "labels": {"team": format!("t{}", n % 20)}},
            });
            line(&mut file, &format!("namespaces/{}", self::namespace(n)), &namespace)?;
        }
        for n in 0..self.pods {
            let (namespace, name) = self.pod(n);
            line(&mut file, &format!("pods/{namespace}/{name}"), &self.pod_object(n))?;
        }
        for n in 0..self.policies {
            let namespace = namespace(n % self.namespaces);
            line(&mut file, &format!("networkpolicies/{namespace}/np-{n}"), &self.policy_object(n))?;
        }
        file.into_inner()?.flush()
    }

    /// Namespace and name of a pod.
    pub(crate) fn pod(&self, n: usize) -> (String, String) {
        (namespace(n % self.namespaces), format!("pod-{n}-7d4b9c6f5-x{n:05}"))
    }

    /// The app of a pod: as many pods of a namespace have each.
    fn app(&self, n: usize) -> String {
        format!("a{}", n / self.namespaces % APPS)
    }

    fn pod_object(&self, n: usize) -> Value {
        let (namespace, name) = self.pod(n);
        let number = u32::try_from(n).unwrap();
        let address4 = Ipv4Addr::from(0x0a40_0000 + number).to_string();
        let address6 = Ipv6Addr::from((0x2001_0db8_0244_u128 << 80) | (u128::from(number) + 1)).to_string();
        let node = if n < self.local { NODE.to_owned() } else { format!("node-{}", 1 + n % 900) };
        let time = "2026-11-01T08:00:00Z";
        let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": time});
        let mount =
            json!([{"name": "token", "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]);
        // What the control plane and the kubelet leave behind on every pod.
        let managed = |manager: &str, fields: Value| json!({"manager": manager, "operation": "Update", "apiVersion": "v1", "time": time, "fieldsType": "FieldsV1", "fieldsV1": fields});
        let of_controller = json!({
            "f:metadata": {"f:generateName": {}, "f:labels": {".": {}, "f:app": {}, "f:tier": {}, "f:pod-template-hash": {}}, "f:ownerReferences": {".": {}, "k:{\"uid\":\"x\"}": {}}},
            "f:spec": {"f:containers": {"k:{\"name\":\"main\"}": {".": {}, "f:env": {".": {}, "k:{\"name\":\"LOG\"}": {".": {}, "f:name": {}, "f:value": {}}}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {}, "f:ports": {".": {}, "k:{\"containerPort\":8080,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}, "f:name": {}, "f:protocol": {}}}, "f:resources": {".": {}, "f:limits": {".": {}, "f:memory": {}}, "f:requests": {".": {}, "f:cpu": {}, "f:memory": {}}}}}, "f:dnsPolicy": {}, "f:restartPolicy": {}, "f:schedulerName": {}, "f:terminationGracePeriodSeconds": {}},
        });
        let of_kubelet = json!({"f:status": {"f:conditions": {"k:{\"type\":\"Ready\"}": {".": {}, "f:lastTransitionTime": {}, "f:status": {}, "f:type": {}}}, "f:containerStatuses": {}, "f:hostIP": {}, "f:phase": {}, "f:podIP": {}, "f:podIPs": {}, "f:startTime": {}}});
        let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map(condition);
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": namespace, "uid": uid(2, n), "creationTimestamp": time,
                "labels": {"app": self.app(n), "tier": format!("t{}", n % 3), "pod-template-hash": "7d4b9c6f5"},
                "managedFields": [managed("kube-controller-manager", of_controller), managed("kubelet", of_kubelet)],
            },
            "spec": {
                "nodeName": node, "serviceAccountName": "default", "restartPolicy": "Always", "dnsPolicy": "ClusterFirst",
                "containers": [{
                    "name": "main", "image": "registry.example/shop/main:1.2.3", "imagePullPolicy": "IfNotPresent",
                    "env": [{"name": "LOG", "value": "info"}],
                    "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                    "volumeMounts": mount,
                }],
                "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
                "volumes": [{"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}]}}],
            },
            "status": {
                "phase": "Running", "hostIP": "192.0.2.10", "startTime": time,
                "podIP": address4, "podIPs": [{"ip": address4}, {"ip": address6}],
                "conditions": conditions,
            },
        })
    }

    fn policy_object(&self, n: usize) -> Value {
        let app = |by: usize| json!({"matchLabels": {"app": format!("a{}", (n / self.namespaces + by) % APPS)}});
        let spec = match n % 4 {
            0 => {
                json!({"podSelector": app(0), "ingress": [{"from": [{"podSelector": app(1)}], "ports": [{"port": 8080}]}]})
            }
            1 => {
                json!({"podSelector": app(0), "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": format!("t{}", n % 20)}}, "podSelector": app(1)}], "ports": [{"port": "http"}]}]})
            }
            2 => {
                json!({"podSelector": app(0), "ingress": [{"from": [{"ipBlock": {"cidr": format!("172.{}.0.0/16", n % 256), "except": [format!("172.{}.9.0/24", n % 256)]}}, {"podSelector": app(1)}]}]})
            }
            _ => {
                json!({"podSelector": app(0), "policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": app(1)}]}, {"to": [{"ipBlock": {"cidr": format!("198.51.{}.0/24", n % 256)}}], "ports": [{"port": 443}]}]})
            }
        };
        let (namespace, name) = (namespace(n % self.namespaces), format!("np-{n}"));
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": namespace, "uid": uid(3, n), "creationTimestamp": "2026-11-01T08:00:00Z"},
            "spec": spec,
        })
    }
}

/// The name of a namespace.
pub(crate) fn namespace(n: usize) -> String {
    format!("ns-{n}")
}

fn uid(kind: usize, n: usize) -> String {
    format!("00000000-0000-4000-800{kind}-{n:012}")
}

fn line(file: &mut impl io::Write, key: &str, object: &Value) -> io::Result<()> {
    writeln!(file, "{}", json!({"key": key, "object": object}))
}
