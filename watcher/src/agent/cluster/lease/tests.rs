use kube::Config;

use super::super::fake::{Answer, Server};
use super::*;
use crate::agent::board::{Enforcing, LeaseReport, Report};

/// No longer than a test waits.
const TIMING: Timing = Timing { renew: Duration::from_secs(60), pause: Duration::from_secs(10) };

fn at(server: &Server) -> Config {
    Config::new(format!("http://{}/", server.address).parse().unwrap())
}

fn holder() -> Holder {
    let pod = "palisade-x/0-1".parse().ok();
    Holder { namespace: "palisade-system".to_owned(), node: "node-a".to_owned(), pod }
}

fn report(generation: u64) -> Report {
    Report {
        version: 1,
        ready: true,
        enforcing: Enforcing::Sources,
        generation,
        generation_age_seconds: Some(0),
        ..Report::default()
    }
}

fn lease() -> Lease {
    Lease::new(holder(), Arc::new(Board::new()), TIMING)
}

fn said(lease: &Lease) -> LeaseReport {
    lease.board.lease(Instant::now()).unwrap()
}

#[tokio::test]
async fn it_is_written_when_something_is_new_and_renewed_when_nothing_is() {
    let server = Server::start(vec![Answer::of(201, "{}"), Answer::of(200, "{}"), Answer::of(200, "{}")]);
    let (mut lease, way) = (lease(), Way::of(at(&server)));
    let begun = Instant::now();
    let after = |seconds| begun + Duration::from_secs(seconds);
    lease.step(&way, begun).await;
    assert_eq!(server.asked().len(), 0, "the loop has said nothing yet");
    lease.board.post(report(1));
    lease.step(&way, begun).await;
    // A second write of the same within the time of renewal, or of something else at once, is none.
    lease.step(&way, after(50)).await;
    lease.board.post(report(2));
    lease.step(&way, after(5)).await;
    assert_eq!(server.asked().len(), 1);
    lease.step(&way, after(11)).await;
    assert_eq!(server.asked().len(), 2);
    let (_, at) = lease.written.clone().unwrap();
    lease.step(&way, at + RENEW).await;
    let uri = "/apis/coordination.k8s.io/v1/namespaces/palisade-system/leases/node-a?fieldManager=palisade&force=true";
    assert_eq!(server.asked(), [uri; 3]);
    assert_eq!((said(&lease).age_seconds, said(&lease).fault), (Some(0), None));
    let generation = |body: &String| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        body["metadata"]["annotations"]["palisade.dev/generation"].as_str().unwrap().to_owned()
    };
    assert_eq!(server.bodies().iter().map(generation).collect::<Vec<_>>(), ["1", "2", "2"]);
}

#[tokio::test]
async fn what_is_refused_is_named_and_tried_again_later() {
    let forbidden = r#"{"message":"leases.coordination.k8s.io \"node-a\" is forbidden"}"#;
    let busy = Answer::of(429, "").with_header("Retry-After: 30");
    let server = Server::start(vec![Answer::of(403, forbidden), busy, Answer::of(200, "{}")]);
    let (mut lease, way) = (lease(), Way::of(at(&server)));
    lease.board.post(report(1));
    lease.step(&way, Instant::now()).await;
    let why = said(&lease).fault.unwrap();
    assert!(why.contains("403") && why.contains("is forbidden"), "{why}");
    assert!(!lease.may_try(Instant::now() + PAUSE / 2) && lease.may_try(Instant::now() + PAUSE * 2));
    lease.step(&way, Instant::now() + PAUSE * 2).await;
    assert!(!lease.may_try(Instant::now() + Duration::from_secs(29)));
    lease.step(&way, Instant::now() + Duration::from_secs(60)).await;
    assert_eq!(said(&lease).fault, None);
    assert_eq!(lease.board.metrics.lease_errors.get(), 2);
    // Of all that the agent is not ready for, this is nothing.
    assert!(lease.board.report().ready);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_no_more_than_a_fault() {
    let (mut lease, way) = (lease(), Way::of(Config::new("http://127.0.0.1:1/".parse().unwrap())));
    lease.board.post(report(1));
    lease.step(&way, Instant::now()).await;
    assert!(said(&lease).fault.is_some_and(|why| why.contains("refused")));
    assert_eq!(said(&lease).age_seconds, None);
}
