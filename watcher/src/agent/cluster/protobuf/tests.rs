use policy_lang::manifest::tree::Value;
use policy_lang::source::{Sources, Span};
use serde_json::value::RawValue;

use super::super::collection::Kind;
use super::super::{json, strip};
use super::*;

fn envelope(object: &impl Message) -> Vec<u8> {
    [MAGIC, &Unknown { raw: object.encode_to_vec().into() }.encode_to_vec()].concat()
}

fn event(happened: &str, raw: Vec<u8>) -> Vec<u8> {
    WatchEvent { happened: happened.to_owned(), object: Some(RawExtension { raw: raw.into() }) }.encode_to_vec()
}

fn said_of(event: Vec<u8>) -> Result<Said, String> {
    said(event.into())
}

/// A frame of a watch about a pod on a node `n`, as a server sends it; a bookmark of no pod if it has no name.
pub(in super::super) fn frame(happened: &str, name: &str, version: u32, address: &str, is_end: bool) -> Vec<u8> {
    let annotations = is_end.then(|| (INITIAL_EVENTS_END.to_owned(), "true".to_owned()));
    let metadata = ObjectMeta {
        name: name.to_owned(),
        namespace: "x".to_owned(),
        resource_version: version.to_string(),
        annotations: annotations.into_iter().collect(),
        ..ObjectMeta::default()
    };
    let pod = Pod {
        metadata: Some(metadata),
        spec: Some(PodSpec { node_name: "n".to_owned(), ..PodSpec::default() }),
        status: Some(PodStatus {
            phase: "Running".to_owned(),
            pod_ips: vec![PodIp { ip: address.to_owned() }],
            ..PodStatus::default()
        }),
    };
    let event = event(happened, envelope(&pod));
    [&u32::try_from(event.len()).unwrap().to_be_bytes()[..], &event].concat()
}

fn full() -> Pod {
    let port = |name: &str, number| ContainerPort { name: name.to_owned(), number, protocol: "TCP".to_owned() };
    Pod {
        metadata: Some(ObjectMeta {
            name: "p".to_owned(),
            namespace: "x".to_owned(),
            resource_version: "7".to_owned(),
            deletion_timestamp: Some(Time { seconds: 1_700_000_000 }),
            labels: [("b", "2"), ("a", "1")].map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            annotations: BTreeMap::new(),
        }),
        spec: Some(PodSpec {
            containers: vec![
                Container { ports: vec![port("http", 80), port("", 81)], restart_policy: None },
                Container::default(),
            ],
            node_name: "n".to_owned(),
            host_network: true,
            init_containers: vec![Container {
                ports: vec![port("early", 82)],
                restart_policy: Some("Always".to_owned()),
            }],
        }),
        status: Some(PodStatus {
            phase: "Running".to_owned(),
            pod_ip: "10.0.0.1".to_owned(),
            pod_ips: vec![PodIp { ip: "10.0.0.1".to_owned() }, PodIp { ip: "2001:db8::1".to_owned() }],
        }),
    }
}

fn put(pod: &Pod) -> Value {
    match said_of(event("ADDED", envelope(pod))) {
        Ok(Said::Put(_, Reduced::Pod(pod))) => pod.tree(nowhere()),
        other => panic!("{other:?}"),
    }
}

fn nowhere() -> Span {
    Span { source: Sources::default().add("pod", ""), start: 0, end: 0 }
}

/// What the loader is given of a pod that came as JSON.
fn of_json(text: &str) -> Value {
    let text = strip::strip(Kind::Pod, &RawValue::from_string(text.to_owned()).unwrap());
    json::tree(&text, nowhere()).unwrap()
}

#[test]
fn a_pod_is_the_same_tree_in_both_forms() {
    let json = r#"{"metadata":{"name":"p","namespace":"x","resourceVersion":"7","deletionTimestamp":"2023-11-14T22:13:20Z",
        "labels":{"a":"1","b":"2"}},
        "spec":{"containers":[{"name":"c","ports":[{"name":"http","containerPort":80,"protocol":"TCP"},{"containerPort":81,"protocol":"TCP"}]},{"name":"d"}],
            "initContainers":[{"name":"i","restartPolicy":"Always","ports":[{"name":"early","containerPort":82,"protocol":"TCP"}]}],
            "nodeName":"n","hostNetwork":true},
        "status":{"phase":"Running","podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"},{"ip":"2001:db8::1"}]}}"#;
    assert_eq!(put(&full()), of_json(json));
    let bare = Pod {
        metadata: full().metadata.map(|metadata| ObjectMeta {
            name: "p".to_owned(),
            namespace: "x".to_owned(),
            labels: metadata.labels,
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec::default()),
        status: Some(PodStatus::default()),
    };
    let json = r#"{"metadata":{"name":"p","namespace":"x","labels":{"a":"1","b":"2"}},"spec":{},"status":{}}"#;
    assert_eq!(put(&bare), of_json(json));
}

/// Kubernetes' own code writes what is read here (tests/data/protobuf): a field with a wrong number would be written and
/// read alike by ours.
#[test]
fn what_kubernetes_writes_is_read_as_it_is_meant() {
    let Ok(Said::Put(identity, Reduced::Pod(pod))) =
        said(Bytes::from_static(include_bytes!("../../../../../tests/data/protobuf/pod.event")))
    else {
        panic!("no pod");
    };
    let tree = pod.tree(nowhere());
    let json = include_str!("../../../../../tests/data/protobuf/pod.json");
    assert_eq!(tree, of_json(json));
    let text = format!("{tree:?}");
    assert_eq!(
        (identity.namespace.as_str(), identity.name.as_str(), identity.resource_version.as_str()),
        ("x", "p", "7")
    );
    for word in ["deletionTimestamp", "hostNetwork", "nodeName", "early", "Always", "SCTP", "Running", "2001:db8::1"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    match said(Bytes::from_static(include_bytes!("../../../../../tests/data/protobuf/bookmark.event"))) {
        Ok(Said::Bookmark { version, ends_the_beginning: true }) => assert_eq!(version, "8"),
        other => panic!("{other:?}"),
    }
    match said(Bytes::from_static(include_bytes!("../../../../../tests/data/protobuf/error.event"))) {
        Ok(Said::Error(Status { code: 410, message, reason, details: Some(Details { retry_after_seconds: 3 }) })) => {
            assert_eq!((message.as_str(), reason.as_str()), ("too old", "Expired"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_says_how_long_to_wait() {
    let refusal = MetaStatus {
        message: "too old".to_owned(),
        reason: "Expired".to_owned(),
        details: Some(MetaStatusDetails { retry_after_seconds: 3 }),
        code: 410,
    };
    let Ok(Said::Error(Status { code: 410, message, reason, details: Some(Details { retry_after_seconds: 3 }) })) =
        said_of(event("ERROR", envelope(&refusal)))
    else {
        panic!("{:?}", said_of(event("ERROR", envelope(&refusal))));
    };
    assert_eq!((message.as_str(), reason.as_str()), ("too old", "Expired"));
}

#[test]
fn what_is_no_event_is_refused_wherever_it_is_cut_or_changed() {
    let whole = event("MODIFIED", envelope(&full()));
    assert!(said_of(whole.clone()).is_ok());
    assert!(said_of(event("OTHER", envelope(&full()))).is_err());
    assert!(said_of(event("ADDED", full().encode_to_vec())).is_err(), "without its envelope");
    for at in 0..whole.len() {
        let _ends_without_a_panic = said_of(whole[..at].to_vec());
        for bit in 0..8 {
            let mut other = whole.clone();
            other[at] ^= 1 << bit;
            let _ends_without_a_panic = said_of(other);
        }
    }
    for seconds in [i64::MIN, -1, i64::MAX] {
        let metadata = ObjectMeta { deletion_timestamp: Some(Time { seconds }), ..ObjectMeta::default() };
        let tree = put(&Pod { metadata: Some(metadata), ..Pod::default() });
        assert!(format!("{tree:?}").contains("1970-01-01"));
    }
}

#[test]
fn a_pod_of_another_version_is_the_same_pod_and_one_with_another_label_is_not() {
    let digest = |pod: &Pod| match said_of(event("MODIFIED", envelope(pod))) {
        Ok(Said::Put(_, pod)) => pod.digest(),
        other => panic!("{other:?}"),
    };
    let changed = |change: &dyn Fn(&mut ObjectMeta)| {
        let mut pod = full();
        change(pod.metadata.as_mut().unwrap());
        digest(&pod)
    };
    assert_eq!(changed(&|metadata| metadata.resource_version = "8".to_owned()), digest(&full()));
    assert_eq!(changed(&|metadata| drop(metadata.annotations.insert("a".to_owned(), "b".to_owned()))), digest(&full()));
    assert_ne!(changed(&|metadata| drop(metadata.labels.insert("a".to_owned(), "2".to_owned()))), digest(&full()));
}
