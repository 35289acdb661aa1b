//! The documents of a case as objects of the API server: what is new is created, what changed is updated, what is gone
//! is deleted, one object after the other, as a person with kubectl would.

use std::collections::BTreeMap;

use http::Method;
use serde_json::json;

use crate::administrator::Administrator;
use crate::cases::cluster::Cluster;
use crate::cases::script::Object;

/// What the API server was made to hold.
pub(crate) struct Objects<'a> {
    administrator: &'a Administrator,
    held: BTreeMap<Object, String>,
}

impl<'a> Objects<'a> {
    pub(crate) fn new(administrator: &'a Administrator) -> Self {
        Self { administrator, held: BTreeMap::new() }
    }

    /// Makes it hold the documents of a case, and no others.
    pub(crate) fn become_those_of(&mut self, cluster: &Cluster) {
        let wanted = &cluster.documents;
        self.held.retain(|object, _| {
            let is_wanted = wanted.contains_key(object);
            if !is_wanted {
                self.administrator.delete(&path(object));
            }
            is_wanted
        });
        for (object, document) in wanted {
            let known = self.held.insert(object.clone(), document.clone());
            if known.as_ref() != Some(document) {
                self.put(object, document, known.is_none());
            }
        }
    }

    fn put(&self, object: &Object, document: &str, is_new: bool) {
        let path = path(object);
        // An address of each family is more than a server-side apply of a node can take.
        if object.kind == "Node" {
            assert!(is_new, "a case that changes {object:?}");
            self.administrator.write(&Method::POST, "/api/v1/nodes", document);
            return self.administrator.write(&Method::PUT, &format!("{path}/status"), document);
        }
        self.administrator.apply(&path, document);
        // What a controller does for a namespace, and a kubelet for a pod.
        match object.kind.as_str() {
            "Namespace" if is_new => {
                let accounts = format!("{path}/serviceaccounts");
                self.administrator.create(&accounts, &json!({"metadata": {"name": "default"}}));
            }
            "Pod" => self.administrator.apply(&format!("{path}/status"), document),
            _ => {}
        }
    }
}

/// Where an object is.
fn path(object: &Object) -> String {
    let Object { kind, name } = object;
    let (group, plural) = match kind.as_str() {
        "Namespace" => ("/api/v1", "namespaces"),
        "Node" => ("/api/v1", "nodes"),
        "Pod" => ("/api/v1", "pods"),
        "NetworkPolicy" => ("/apis/networking.k8s.io/v1", "networkpolicies"),
        other => panic!("a case with a {other}"),
    };
    match name.split_once('/') {
        Some((namespace, name)) => format!("{group}/namespaces/{namespace}/{plural}/{name}"),
        None => format!("{group}/{plural}/{name}"),
    }
}
