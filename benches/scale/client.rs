//! Whoever changes the cluster, many requests at once.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Request};
use kube::Client;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::administrator;

/// Requests that are under way at the same time.
const AT_ONCE: usize = 24;

/// A change of one object.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) merge: Value,
}

pub(crate) struct Changer {
    runtime: Runtime,
    client: Client,
}

impl Changer {
    pub(crate) fn new(kubeconfig: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(administrator::client(kubeconfig));
        Self { runtime, client }
    }

    /// Makes one change; returns when the request was sent.
    pub(crate) fn change(&self, change: &Change) -> Instant {
        let begun = Instant::now();
        self.runtime.block_on(patch(&self.client, change));
        begun
    }

    /// Makes changes at a steady rate, one after another.
    pub(crate) fn at_rate(&self, per_second: u32, changes: impl Iterator<Item = Change>) {
        self.runtime.block_on(async {
            let mut clock = tokio::time::interval(Duration::from_secs(1) / per_second);
            for change in changes {
                clock.tick().await;
                patch(&self.client, &change).await;
            }
        });
    }

    /// Makes changes as fast as the server takes them.
    pub(crate) fn at_full_speed(&self, changes: impl Iterator<Item = Change>) {
        self.runtime.block_on(async {
            let client = Arc::new(self.client.clone());
            let mut under_way = JoinSet::new();
            for change in changes {
                if under_way.len() == AT_ONCE {
                    under_way.join_next().await.unwrap().unwrap();
                }
                let client = Arc::clone(&client);
                under_way.spawn(async move { patch(&client, &change).await });
            }
            while let Some(done) = under_way.join_next().await {
                done.unwrap();
            }
        });
    }
}

async fn patch(client: &Client, change: &Change) {
    let request = Request::builder()
        .method(Method::PATCH)
        .uri(&change.path)
        .header("content-type", "application/merge-patch+json")
        .body(change.merge.to_string().into_bytes())
        .unwrap();
    client.request::<Value>(request).await.unwrap();
}
