//! Queues over the API: what waits begins by itself and in its order, whoever serves then; what never can is taken out and
//! told.

use std::collections::HashMap;
use std::sync::Arc;

use meridian_core::playbook::Playbook;
use meridian_core::queue::WAITING_MAX;
use meridian_core::time::{Span, Timestamp};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::queue_service_client::QueueServiceClient;
use meridian_proto::r#gen::v1::request_rollout_response::Result as Answer;
use meridian_proto::r#gen::v1::rollout::State;
use meridian_server::{Config, StoreChoice, backup};
use meridian_store::Store;
use meridian_store::memory::MemoryStore;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::rollouts::{baking, switched};
use crate::support::fixture::{self, PLAYBOOK, SERVICE, playbook};
use crate::support::pair::Pair;
use crate::support::{Server, config, until, uuid, why};

fn queues(server: &Server) -> QueueServiceClient<Channel> {
    QueueServiceClient::new(server.channel.clone())
}

fn wish(version: &str, concurrency: v1::Concurrency) -> v1::RequestRolloutRequest {
    v1::RequestRolloutRequest {
        release: format!("{SERVICE}/releases/{version}"),
        playbook: PLAYBOOK.to_owned(),
        rollout_id: format!("q-{}", version.replace('.', "-")),
        actor: "ann".to_owned(),
        reason: "the next one".to_owned(),
        concurrency: concurrency.into(),
        ..Default::default()
    }
}

async fn ask(server: &Server, wish: v1::RequestRolloutRequest) -> Result<Answer, Status> {
    queues(server).request_rollout(wish).await.map(|answer| answer.into_inner().result.unwrap())
}

/// The request that waits now.
async fn queued(server: &Server, version: &str) -> v1::QueuedRollout {
    server.add_release(version).await;
    match ask(server, wish(version, v1::Concurrency::Queue)).await.unwrap() {
        Answer::Queued(queued) => queued,
        Answer::Rollout(begun) => panic!("{} has begun", begun.name),
    }
}

async fn list(server: &Server) -> v1::ListQueueResponse {
    let request = v1::ListQueueRequest { parent: SERVICE.to_owned() };
    queues(server).list_queue(request).await.unwrap().into_inner()
}

fn codes(queued: &v1::QueuedRollout) -> Vec<&str> {
    queued.waits.iter().map(|wait| wait.code.as_str()).collect()
}

fn quick() -> Playbook {
    let mut quick = playbook(Span::ZERO);
    quick.rollback.retention = Span::ZERO;
    quick
}

async fn take_back(server: &Server, name: &str) {
    let back = v1::RollbackRolloutRequest { name: name.to_owned(), actor: "bob".to_owned(), ..Default::default() };
    server.rollouts().rollback_rollout(back).await.unwrap();
}

async fn release_hold(server: &Server) {
    let (name, actor, reason) = (SERVICE.to_owned(), "bob".to_owned(), "looked at it".to_owned());
    let order = v1::ReleaseHoldRequest { name, actor, reason, request_id: String::new() };
    server.services().release_hold(order).await.unwrap();
}

async fn stable(server: &Server, name: &str) {
    until(name, || async {
        let request = v1::GetRolloutRequest { name: name.to_owned() };
        let rollout = server.rollouts().get_rollout(request).await.ok()?.into_inner().rollout?;
        (rollout.state == i32::from(State::Stable)).then_some(())
    })
    .await;
}

/// What is said of a rollout that is not there: the code, the reason, and what goes with it.
async fn unbegun(server: &Server, id: &str) -> (Code, String, HashMap<String, String>) {
    let name = format!("{SERVICE}/rollouts/{id}");
    let get = v1::GetRolloutRequest { name: name.clone() };
    let refused = server.rollouts().get_rollout(get).await.unwrap_err();
    let watch = v1::WatchRolloutsRequest { target: name.clone(), start_revision: 0 };
    assert_eq!(why(&server.rollouts().watch_rollouts(watch).await.unwrap_err()), why(&refused));
    let pause = v1::PauseRolloutRequest { name, actor: "bob".to_owned(), ..Default::default() };
    assert_eq!(why(&server.rollouts().pause_rollout(pause).await.unwrap_err()), why(&refused));
    let (code, reason) = why(&refused);
    (code, reason, refused.get_error_details().error_info().unwrap().metadata.clone())
}

/// The first decision about a rollout.
async fn start_of(server: &Server, name: &str) -> v1::Decision {
    let request = v1::ListDecisionsRequest { parent: name.to_owned(), page_size: 1, ..Default::default() };
    server.rollouts().list_decisions(request).await.unwrap().into_inner().decisions.remove(0)
}

#[tokio::test]
async fn what_waits_begins_by_itself_and_in_its_order() {
    let server = Server::plain().await;
    let (_agents, _) = switched(&server, Span::ZERO).await;
    let first = baking(&server, "1.1.0").await;
    server.put_playbook(&quick()).await;
    server.add_release("1.2.0").await;
    let again = v1::RequestRolloutRequest { request_id: uuid(), ..wish("1.2.0", v1::Concurrency::Queue) };
    let check = v1::RequestRolloutRequest { validate_only: true, ..again.clone() };
    assert!(matches!(ask(&server, check).await.unwrap(), Answer::Queued(_)));
    assert!(list(&server).await.waiting.is_empty(), "it was only checked");
    for _twice in 0..2 {
        let Answer::Queued(second) = ask(&server, again.clone()).await.unwrap() else { panic!("it has begun") };
        assert_eq!((second.place, codes(&second)), (1, vec!["LANE_HELD"]));
        assert_eq!(second.waits[0].rollout, first.name);
    }
    let third = queued(&server, "1.3.0").await;
    assert_eq!((third.place, codes(&third)), (2, vec!["LANE_HELD", "QUEUE_AHEAD"]));
    let (code, reason, with) = unbegun(&server, "q-1-3-0").await;
    assert_eq!((code, reason.as_str()), (Code::NotFound, "ROLLOUT_QUEUED"));
    assert_eq!((with["place"].as_str(), with["actor"].as_str()), ("2", "ann"));
    assert_eq!(with["asked"], third.create_time.unwrap().to_string());
    // The release that goes back waits for itself: it is vetoed then.
    let vetoed = v1::RequestRolloutRequest { rollout_id: "q-bad".to_owned(), ..wish("1.1.0", v1::Concurrency::Queue) };
    ask(&server, vetoed).await.unwrap();
    take_back(&server, &first.name).await;
    let left = until("the vetoed one is taken out", || async { list(&server).await.left.first().cloned() }).await;
    assert_eq!((left.code.as_str(), left.actor.as_str()), ("DIGEST_VETOED", "meridian"));
    assert!(left.message.contains("bob"), "{}", left.message);
    let (code, reason, with) = unbegun(&server, "q-bad").await;
    assert_eq!((code, reason.as_str()), (Code::NotFound, "ROLLOUT_TAKEN_OUT"));
    assert_eq!((with["code"].as_str(), with["taken_out_by"].as_str()), ("DIGEST_VETOED", "meridian"));
    assert_eq!(unbegun(&server, "q-never").await.1, "NOT_FOUND", "nobody asked for it");
    until("lanes are free", || async { (codes(&list(&server).await.waiting[0]) == ["AUTOMATION_HELD"]).then_some(()) })
        .await;
    server.add_release("1.4.0").await;
    let plan = server.plan("1.4.0").await;
    let refused = server.rollouts().create_rollout(fixture::rollout(&plan.name)).await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "QUEUE_AHEAD".to_owned()));
    release_hold(&server).await;
    let names = ["q-1-2-0", "q-1-3-0"].map(|id| format!("{SERVICE}/rollouts/{id}"));
    for name in &names {
        stable(&server, name).await;
    }
    assert!(list(&server).await.waiting.is_empty());
    let (second, third) = (start_of(&server, &names[0]).await, start_of(&server, &names[1]).await);
    assert!(second.message.contains("from the queue: request 1 of ann: the next one"), "{}", second.message);
    assert!(second.epoch.unwrap().counter < third.epoch.unwrap().counter);
    assert_eq!(server.rollout(&names[0]).await.requester, "ann");
    let Answer::Rollout(begun) = ask(&server, again).await.unwrap() else { panic!("it has begun long ago") };
    assert_eq!(begun.name, names[0]);
}

#[tokio::test]
async fn the_policy_of_the_playbook_counts_unless_the_caller_says_another() {
    let server = Server::plain().await;
    let (_agents, _) = switched(&server, Span::ZERO).await;
    let first = baking(&server, "1.1.0").await;
    server.add_release("1.2.0").await;
    let unsaid = wish("1.2.0", v1::Concurrency::Unspecified);
    let refused = ask(&server, unsaid.clone()).await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "LANE_HELD".to_owned()));
    let mut waits = playbook(Span::from_secs(3600));
    waits.concurrency = meridian_core::playbook::Concurrency::Queue;
    let put = server.put_playbook(&waits).await;
    assert_eq!(put.concurrency, i32::from(v1::Concurrency::Queue));
    assert!(matches!(ask(&server, unsaid.clone()).await.unwrap(), Answer::Queued(_)));
    let missing = v1::RequestRolloutRequest { rollout_id: "x".to_owned(), ..wish("9.9.9", v1::Concurrency::Queue) };
    assert_eq!(why(&ask(&server, missing).await.unwrap_err()).0, Code::NotFound, "what is missing never waits");
    let over = v1::RequestRolloutRequest { rollout_id: "over".to_owned(), ..wish("1.2.0", v1::Concurrency::Supersede) };
    let Answer::Rollout(begun) = ask(&server, over).await.unwrap() else { panic!("it waits") };
    assert_eq!(begun.supersedes.unwrap().rollout, first.name);
    let waiting = list(&server).await.waiting;
    assert_eq!((waiting.len(), waiting[0].waits[0].rollout.as_str()), (1, begun.name.as_str()));
}

#[tokio::test]
async fn a_queue_is_bounded_and_people_take_requests_out() {
    let server = Server::plain().await;
    let (_agents, _) = switched(&server, Span::ZERO).await;
    baking(&server, "1.1.0").await;
    server.add_release("1.2.0").await;
    let named =
        |id: &str| v1::RequestRolloutRequest { rollout_id: id.to_owned(), ..wish("1.2.0", v1::Concurrency::Queue) };
    for n in 0..WAITING_MAX {
        ask(&server, named(&format!("q-{n}"))).await.unwrap();
    }
    assert_eq!(why(&ask(&server, named("one-more")).await.unwrap_err()).1, "QUEUE_FULL");
    assert_eq!(why(&ask(&server, named("q-0")).await.unwrap_err()).1, "ALREADY_QUEUED");
    let plan = v1::RequestRolloutRequest { release: format!("plans/{}", "0".repeat(64)), ..named("x") };
    assert_eq!(why(&ask(&server, plan).await.unwrap_err()).1, "PLAN_CANT_WAIT");
    let odd = v1::RequestRolloutRequest { concurrency: 9, ..named("x") };
    assert_eq!(why(&ask(&server, odd).await.unwrap_err()).0, Code::InvalidArgument);
    let nobody = v1::RequestRolloutRequest { actor: String::new(), ..named("x") };
    assert_eq!(why(&ask(&server, nobody).await.unwrap_err()).1, "REQUESTER_UNNAMED");
    let remove = |reason: &str| v1::RemoveFromQueueRequest {
        name: format!("{SERVICE}/rollouts/q-0"),
        actor: "bob".to_owned(),
        reason: reason.to_owned(),
        request_id: String::new(),
    };
    let refused = queues(&server).remove_from_queue(remove("")).await.unwrap_err();
    assert_eq!(why(&refused).1, "REASON_NEEDED");
    queues(&server).remove_from_queue(remove("too many")).await.unwrap();
    let refused = queues(&server).remove_from_queue(remove("too many")).await.unwrap_err();
    assert_eq!(why(&refused).0, Code::NotFound);
    let seen = list(&server).await;
    assert_eq!((seen.waiting.len(), seen.waiting[0].place), (WAITING_MAX - 1, 1));
    assert_eq!((seen.left[0].code.as_str(), seen.left[0].message.as_str()), ("REMOVED", "too many"));
    let refused = queues(&server)
        .resume_queue(v1::ResumeQueueRequest {
            parent: SERVICE.to_owned(),
            actor: "bob".to_owned(),
            reason: "go".to_owned(),
            request_id: String::new(),
        })
        .await
        .unwrap_err();
    assert_eq!(why(&refused).1, "QUEUE_NOT_HELD");
}

#[tokio::test]
async fn whoever_serves_when_lanes_are_free_starts_what_waits() {
    let pair = Pair::start().await;
    let owner = pair.owner("checkout").await;
    let [one, two] = pair.servers;
    let (owner, other) = if owner == 0 { (one, two) } else { (two, one) };
    let (_agents, _) = switched(&other, Span::ZERO).await;
    let first = baking(&other, "1.1.0").await;
    other.put_playbook(&quick()).await;
    let waits = queued(&owner, "1.2.0").await;
    owner.running.shutdown().await;
    take_back(&other, &first.name).await;
    release_hold(&other).await;
    stable(&other, &waits.name).await;
    assert!(list(&other).await.waiting.is_empty());
}

#[tokio::test]
async fn what_waits_is_part_of_a_backup_and_starts_after_a_restore_only_once_a_person_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let server = Server::with(Config { store: StoreChoice::Given(store.clone()), ..config() }).await;
    let (agents, _) = switched(&server, Span::ZERO).await;
    baking(&server, "1.1.0").await;
    queued(&server, "1.2.0").await;
    drop(agents);
    server.running.shutdown().await;
    let (file, at) = (dir.path().join("backup"), Timestamp::from_millis(1_900_000_000_000));
    backup::take(store.as_ref(), &file, at).await.unwrap();
    let fresh: Arc<dyn Store> = Arc::new(MemoryStore::default());
    backup::restore(fresh.clone(), &file, "carla", 0, at).await.unwrap();
    let server = Server::with(Config { store: StoreChoice::Given(fresh), ..config() }).await;
    let seen = list(&server).await;
    assert_eq!(seen.hold.unwrap().actor, "carla");
    assert_eq!(codes(&seen.waiting[0]), ["QUEUE_HELD", "LANE_HELD"]);
    let (parent, actor, reason) = (SERVICE.to_owned(), "bob".to_owned(), "compared it".to_owned());
    let resume = v1::ResumeQueueRequest { parent, actor, reason, request_id: uuid() };
    for _twice in 0..2 {
        queues(&server).resume_queue(resume.clone()).await.unwrap();
    }
    let seen = list(&server).await;
    assert!(seen.hold.is_none());
    assert_eq!(codes(&seen.waiting[0]), ["LANE_HELD"]);
    server.running.shutdown().await;
}
