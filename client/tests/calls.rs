//! Single calls against a server in memory: what arrives, what is tried again, what is given up and how it is said.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use meridian_client::fake::{FakeServer, SeenCall, sample};
use meridian_client::{
    Client, ClientError, Endpoint, Intent, OperatorOrder, RefusalKind, RequestId, RolloutStart, ServiceChange, Tls,
};
use meridian_core::id::ServiceId;
use meridian_core::plan::parameters::Parameters;
use meridian_core::playbook::Scope;
use meridian_core::release::{Note, NoteKind, Notes, Release, Reversibility};
use tokio::net::TcpListener;

fn change(name: &str) -> ServiceChange {
    let labels = BTreeMap::from([("tier".to_owned(), "low".to_owned())]);
    let (description, owner) = ("sells".to_owned(), "shop".to_owned());
    ServiceChange {
        id: ServiceId::new(name).unwrap(),
        description,
        owner,
        labels,
        parameters: Parameters::default(),
        etag: None,
    }
}

fn order() -> OperatorOrder {
    OperatorOrder { actor: "ann".to_owned(), reason: "errors".to_owned(), etag: None }
}

fn endpoint(addresses: Vec<String>, timeout: Duration) -> Endpoint {
    Endpoint { addresses, tls: None, timeout }
}

/// An address where nothing listens.
async fn dead_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn calls(seen: &[SeenCall], call: &str) -> Vec<SeenCall> {
    seen.iter().filter(|seen| seen.call == call).cloned().collect()
}

#[tokio::test]
async fn services_are_made_read_listed_over_pages_and_deleted() {
    let server = FakeServer::start().await;
    let client = server.client().await.unwrap();
    for name in ["a", "b", "c", "d", "e"] {
        client.apply_service(&change(name), Intent::Commit, &RequestId::random()).await.unwrap();
    }
    client.apply_service(&change("checked"), Intent::Check, &RequestId::random()).await.unwrap();
    let names: Vec<_> = client.services().await.unwrap().into_iter().map(|view| view.id.to_string()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    let id = ServiceId::new("a").unwrap();
    let view = client.service(&id).await.unwrap();
    assert_eq!((view.owner.as_str(), view.labels["tier"].as_str()), ("shop", "low"));
    client.delete_service(&id, &RequestId::random()).await.unwrap();
    assert!(client.service(&id).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn releases_and_rollouts_come_back_as_they_went() {
    let server = FakeServer::start().await;
    let client = server.client().await.unwrap();
    let view = sample::rollout();
    let release = Release {
        service: sample::service(),
        version: view.release.version.clone(),
        digest: view.release.digest,
        notes: Notes::of(vec![Note { kind: NoteKind::Performance, breaking: false, text: "faster".to_owned() }]),
        reversibility: Reversibility::Costly,
        prepares: None,
    };
    let made = client.create_release(&release, Intent::Commit, &RequestId::random()).await.unwrap();
    assert_eq!(made.release, release);
    assert_eq!(client.releases(&sample::service()).await.unwrap()[0].release, release);
    server.put_rollout(&view);
    let mut read = client.rollout(&view.name).await.unwrap();
    (read.etag, read.revision) = (view.etag.clone(), view.revision);
    assert_eq!(read, view);
    assert_eq!(client.rollouts(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_unavailable_is_tried_again_with_the_same_request_id() {
    let server = FakeServer::start().await;
    let client = server.client().await.unwrap();
    server.refuse_next([(RefusalKind::Unavailable, "STORE_UNAVAILABLE"); 4]);
    client.apply_service(&change("a"), Intent::Commit, &RequestId::random()).await.unwrap();
    let seen = calls(&server.seen(), "UpdateService");
    assert_eq!(seen.len(), 5);
    assert!(seen.iter().all(|call| call.request_id == seen[0].request_id && !call.request_id.is_empty()));
    server.refuse_next([(RefusalKind::Unavailable, "STORE_UNAVAILABLE"); 5]);
    let error = client.apply_service(&change("b"), Intent::Commit, &RequestId::random()).await.unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("STORE_UNAVAILABLE", true));
    assert_eq!(calls(&server.seen(), "UpdateService").len(), 10);
}

#[tokio::test]
async fn refusals_are_told_whole_and_not_tried_again() {
    let server = FakeServer::start().await;
    let client = server.client().await.unwrap();
    let table = [
        (RefusalKind::Conflict, "STALE_ETAG"),
        (RefusalKind::Precondition, "TRANSITION_NOT_ALLOWED"),
        (RefusalKind::Invalid, "INVALID_MANIFEST"),
        (RefusalKind::Exhausted, "TOO_MANY"),
        (RefusalKind::Deadline, "SLOW"),
        (RefusalKind::Internal, "BROKEN"),
    ];
    for (index, (kind, reason)) in table.into_iter().enumerate() {
        server.refuse_next([(kind, reason)]);
        let error = client.pause_rollout(&sample::name("r-1"), &order(), &RequestId::random()).await.unwrap_err();
        let refusal = error.refusal().unwrap();
        assert_eq!((refusal.kind, error.code(), error.retryable()), (kind, reason, false));
        assert_eq!(refusal.metadata["given"], "as the test wanted");
        assert_eq!(refusal.trace, "trace-1");
        assert_eq!(refusal.violations.len(), usize::from(kind == RefusalKind::Invalid));
        assert_eq!(calls(&server.seen(), "PauseRollout").len(), index + 1);
    }
}

#[tokio::test]
async fn orders_carry_actor_reason_and_scope() {
    let server = FakeServer::start().await;
    let client = server.client().await.unwrap();
    let view = sample::rollout();
    server.put_rollout(&view);
    let (name, request) = (&view.name, RequestId::random());
    client.roll_back_rollout(name, &Scope::Fleet, &order(), &request).await.unwrap();
    client.roll_back_rollout(name, &Scope::Wave, &order(), &request).await.unwrap();
    client.roll_back_rollout(name, &Scope::Region(sample::region("us-east")), &order(), &request).await.unwrap();
    let scopes: Vec<_> = server.seen().iter().map(|call| call.words[3].clone()).collect();
    assert_eq!(scopes, ["fleet", "wave", "us-east"]);
    assert_eq!(server.seen()[0].words[..3], [name.to_string(), "ann".to_owned(), "errors".to_owned()]);
    let start = RolloutStart {
        service: name.service.clone(),
        plan: view.plan,
        id: Some(name.rollout.clone()),
        actor: "ann".to_owned(),
    };
    assert_eq!(client.start_rollout(&start, Intent::Commit, &request).await.unwrap().name, *name);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_and_a_silent_one_times_out() {
    let nobody = Client::connect(endpoint(vec![dead_address().await], Duration::from_secs(5))).await.unwrap();
    let error = nobody.services().await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
    assert!(error.retryable());
    let server = FakeServer::start().await;
    server.hang_next();
    let short = Duration::from_millis(200);
    let client = Client::connect(endpoint(vec![server.address()], short)).await.unwrap();
    let error = client.services().await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error:?}");
    assert!(!error.retryable());
}

#[tokio::test]
async fn other_addresses_take_over_from_dead_and_from_silent_ones() {
    let server = FakeServer::start().await;
    let silent = FakeServer::start().await;
    let timeout = Duration::from_secs(3);
    let addresses = vec![dead_address().await, silent.address(), server.address()];
    let client = Client::connect(endpoint(addresses, timeout)).await.unwrap();
    silent.hang_next();
    client.services().await.unwrap();
    assert_eq!((silent.seen().len(), server.seen().len()), (1, 1));
    // The one that answered is asked first from now on.
    client.services().await.unwrap();
    assert_eq!((silent.seen().len(), server.seen().len()), (1, 2));
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let server = FakeServer::start().await;
    let client = server.client().await.unwrap();
    client.services().await.unwrap();
    let server = server.restart().await;
    client.services().await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn endpoints_that_cannot_work_are_refused_before_any_call() {
    let files =
        |ca: Option<&str>, cert: Option<&str>| Tls { ca: ca.map(Into::into), cert: cert.map(Into::into), key: None };
    let table = [
        (vec![], None),
        (vec!["127.0.0.1:7401".to_owned()], None),
        (vec!["ftp://x".to_owned()], None),
        (vec!["https://x".to_owned()], None),
        (vec!["http://x".to_owned()], Some(files(None, None))),
        (vec!["https://x".to_owned()], Some(files(None, None))),
        (vec!["https://x".to_owned()], Some(files(Some("/nowhere/ca.pem"), None))),
    ];
    for (addresses, tls) in table {
        let error =
            Client::connect(Endpoint { addresses: addresses.clone(), tls, timeout: Duration::from_secs(1) }).await;
        let error = error.unwrap_err();
        assert!(matches!(error, ClientError::Address { .. } | ClientError::Pem { .. }), "{addresses:?}: {error:?}");
    }
}
