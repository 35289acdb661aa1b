//! What the Lease says (coordination.k8s.io/v1).

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::super::super::board::Report;
use super::super::request::escape;
use crate::visible;

/// After how many seconds without a renewal nobody may believe it any more: three renewals.
const LASTS_SECONDS: u64 = 180;

/// Most characters of the reason of not being ready.
const REASON: usize = 300;

/// Whose Lease it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Holder {
    /// Where it is.
    pub namespace: String,
    /// The node, whose name it has.
    pub node: String,
    /// The pod that it goes with, if it is to.
    pub pod: Option<Pod>,
}

/// A pod that owns the Lease: it is collected with the pod, so that nodes that are gone leave none behind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pod {
    /// Its name, in the Lease's namespace.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

impl FromStr for Pod {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((name, uid)) if !name.is_empty() && !uid.is_empty() => {
                Ok(Self { name: name.to_owned(), uid: uid.to_owned() })
            }
            Some(_) | None => Err("a pod is `NAME/UID`".to_owned()),
        }
    }
}

/// A time of the day, which is only told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TimeOfDay(SystemTime);

impl TimeOfDay {
    pub(super) fn now() -> Self {
        Self(SystemTime::now())
    }
}

/// As `MicroTime` is written.
impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_rfc3339_micros(self.0))
    }
}

/// What is written besides the time. Equal states are one that is only renewed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct State {
    generation: u64,
    /// Since when it is programmed; nothing before anything was.
    since: Option<TimeOfDay>,
    enforcing: &'static str,
    not_ready_because: Option<String>,
    program: String,
}

impl State {
    /// What a report says at this time. Its ages are in whole seconds, so a generation that was written before keeps the
    /// time that it had then.
    pub(super) fn of(report: &Report, before: Option<&Self>, now: TimeOfDay) -> Self {
        let kept = before.filter(|before| before.generation == report.generation).and_then(|before| before.since);
        let counted = || now.0.checked_sub(Duration::from_secs(report.generation_age_seconds?)).map(TimeOfDay);
        Self {
            generation: report.generation,
            since: kept.or_else(counted),
            enforcing: report.enforcing.word(),
            not_ready_because: report
                .not_ready_because
                .as_ref()
                .map(|why| visible::line(why).chars().take(REASON).collect()),
            program: report.program.clone(),
        }
    }
}

impl Holder {
    /// Where it is written to.
    pub(super) fn uri(&self) -> String {
        let mut uri = "/apis/coordination.k8s.io/v1/namespaces/".to_owned();
        escape(&self.namespace, &mut uri);
        uri.push_str("/leases/");
        escape(&self.node, &mut uri);
        uri + "?fieldManager=palisade&force=true"
    }

    /// All of it that is this agent's, as of now.
    pub(super) fn body(&self, state: &State, begun: TimeOfDay, now: TimeOfDay) -> Value {
        let State { generation, since, enforcing, not_ready_because, program } = state;
        let mut annotations = json!({
            "palisade.dev/enforcing": enforcing,
            "palisade.dev/generation": generation.to_string(),
            "palisade.dev/ready": not_ready_because.is_none().to_string(),
            "palisade.dev/version": program,
        });
        if let Some(since) = since {
            annotations["palisade.dev/programmed-since"] = since.to_string().into();
        }
        if let Some(why) = not_ready_because {
            annotations["palisade.dev/not-ready-because"] = why.as_str().into();
        }
        let owner = |Pod { name, uid }: &Pod| json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid});
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self.node,
                "namespace": self.namespace,
                "labels": {"app.kubernetes.io/name": "palisade", "app.kubernetes.io/managed-by": "palisade-agent"},
                "annotations": annotations,
                "ownerReferences": self.pod.iter().map(owner).collect::<Vec<_>>(),
            },
            "spec": {
                "holderIdentity": self.pod.as_ref().map_or(&self.node, |pod| &pod.name),
                "leaseDurationSeconds": LASTS_SECONDS,
                "acquireTime": begun.to_string(),
                "renewTime": now.to_string(),
            },
        })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_which_generation_is_programmed_and_since_when() {
        let at = |millis: u64| TimeOfDay(SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_000 + millis));
        let (now, later) = (at(0), at(400));
        let of = State::of;
        let aged = |age| Report { generation: 7, generation_age_seconds: Some(age), ..Report::default() };
        let first = of(&aged(100), None, now);
        // The ages of a report are whole seconds: the time of one generation is the same all the same.
        assert_eq!(of(&aged(101), Some(&first), later), first);
        assert_ne!(of(&Report { generation: 8, ..aged(0) }, Some(&first), later), first);
        let pod = "palisade-x/0-1".parse().ok();
        let holder = Holder { namespace: "palisade-system".to_owned(), node: "node-a".to_owned(), pod };
        let body = holder.body(&first, now, later);
        let annotations = &body["metadata"]["annotations"];
        assert_eq!(annotations["palisade.dev/programmed-since"], "2027-01-15T07:58:20.000000Z");
        assert_eq!(
            (annotations["palisade.dev/ready"].as_str(), body["spec"]["renewTime"].as_str()),
            (Some("true"), Some("2027-01-15T08:00:00.400000Z"))
        );
        assert_eq!(body["metadata"]["ownerReferences"][0]["uid"], "0-1");
        let why = "é".repeat(1_000);
        let not_ready = Report { ready: false, not_ready_because: Some(why), ..aged(0) };
        let body = Holder { pod: None, ..holder }.body(&of(&not_ready, None, now), now, now);
        assert_eq!(body["metadata"]["annotations"]["palisade.dev/ready"], "false");
        assert_eq!(
            body["metadata"]["annotations"]["palisade.dev/not-ready-because"].as_str().unwrap().chars().count(),
            300
        );
        assert_eq!(body["spec"]["holderIdentity"], "node-a");
        assert_eq!(body["metadata"]["ownerReferences"], serde_json::json!([]));
    }
}
