//! A request id has the effect of once, however often it is sent.

use meridian_proto::r#gen::v1;
use tokio::task::JoinSet;
use tonic::Code;

use crate::support::fixture::{self, SERVICE};
use crate::support::{Server, uuid, why};

/// As many as are sent at once.
const PARALLEL: usize = 100;

#[tokio::test]
async fn one_rollout_comes_of_a_hundred_equal_requests() {
    let server = Server::plain().await;
    server.stocked().await;
    let plan = server.plan("1.0.0").await;
    let request = v1::CreateRolloutRequest { request_id: uuid(), ..fixture::rollout(&plan.name) };
    let mut calls = JoinSet::new();
    for _ in 0..PARALLEL {
        let (mut rollouts, request) = (server.rollouts(), request.clone());
        calls.spawn(async move { rollouts.create_rollout(request).await });
    }
    let mut names = Vec::new();
    while let Some(answer) = calls.join_next().await {
        names.push(answer.unwrap().unwrap().into_inner().rollout.unwrap().name);
    }
    names.dedup();
    assert_eq!(names.len(), 1, "{names:?}");
    let list = v1::ListRolloutsRequest { parent: "services/-".to_owned(), ..Default::default() };
    assert_eq!(server.rollouts().list_rollouts(list).await.unwrap().into_inner().rollouts.len(), 1);
}

#[tokio::test]
async fn one_change_comes_of_a_hundred_equal_requests() {
    let server = Server::plain().await;
    let service = v1::Service { name: SERVICE.to_owned(), owner: "ann".to_owned(), ..Default::default() };
    let request = v1::UpdateServiceRequest {
        service: Some(service),
        allow_missing: true,
        request_id: uuid(),
        ..Default::default()
    };
    let mut calls = JoinSet::new();
    for _ in 0..PARALLEL {
        let (mut services, request) = (server.services(), request.clone());
        calls.spawn(async move { services.update_service(request).await });
    }
    let mut etags = Vec::new();
    while let Some(answer) = calls.join_next().await {
        etags.push(answer.unwrap().unwrap().into_inner().service.unwrap().etag);
    }
    etags.dedup();
    assert_eq!(etags.len(), 1, "{etags:?}");
}

#[tokio::test]
async fn an_id_used_for_something_else_is_refused() {
    let server = Server::plain().await;
    server.stocked().await;
    let id = uuid();
    let write = |owner: &str| v1::UpdateServiceRequest {
        service: Some(v1::Service { name: SERVICE.to_owned(), owner: owner.to_owned(), ..Default::default() }),
        request_id: id.clone(),
        ..Default::default()
    };
    server.services().update_service(write("ann")).await.unwrap();
    server.services().update_service(write("ann")).await.unwrap();
    let refused = server.services().update_service(write("bob")).await.unwrap_err();
    assert_eq!(why(&refused), (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned()));
    let plan = v1::CreatePlanRequest { request_id: id.clone(), ..fixture::plan("1.0.0") };
    let refused = server.plans().create_plan(plan).await.unwrap_err();
    assert_eq!(why(&refused), (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned()));
    let delete = v1::DeleteServiceRequest { name: SERVICE.to_owned(), request_id: id, ..Default::default() };
    let refused = server.services().delete_service(delete).await.unwrap_err();
    assert_eq!(why(&refused), (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned()));
}

#[tokio::test]
async fn an_order_sent_again_is_answered_even_if_it_would_no_longer_fit() {
    let server = Server::plain().await;
    server.stocked().await;
    let plan = server.plan("1.0.0").await;
    let rollout = server.start_rollout(&plan.name).await;
    let pause = v1::PauseRolloutRequest {
        name: rollout.name.clone(),
        etag: rollout.etag.clone(),
        reason: "lunch".to_owned(),
        request_id: uuid(),
        ..Default::default()
    };
    let held = server.rollouts().pause_rollout(pause.clone()).await.unwrap().into_inner().rollout.unwrap();
    assert_eq!(held.state, i32::from(v1::rollout::State::Held));
    let again = server.rollouts().pause_rollout(pause).await.unwrap().into_inner().rollout.unwrap();
    assert_eq!((again.state, again.epoch), (held.state, held.epoch));
}

#[tokio::test]
async fn what_was_removed_stays_removed_and_its_history_goes_on() {
    let server = Server::plain().await;
    server.stocked().await;
    let delete =
        v1::DeletePlaybookRequest { name: fixture::PLAYBOOK.to_owned(), request_id: uuid(), ..Default::default() };
    server.playbooks().delete_playbook(delete.clone()).await.unwrap();
    server.playbooks().delete_playbook(delete.clone()).await.unwrap();
    let other = v1::DeletePlaybookRequest { request_id: uuid(), ..delete };
    let refused = server.playbooks().delete_playbook(other).await.unwrap_err();
    assert_eq!(why(&refused), (Code::NotFound, "NOT_FOUND".to_owned()));
    let old = v1::GetPlaybookRequest { name: format!("{}/revisions/1", fixture::PLAYBOOK) };
    server.playbooks().get_playbook(old).await.unwrap();
    let anew = server.put_playbook(&fixture::playbook(meridian_core::time::Span::ZERO)).await;
    assert_eq!(anew.revision, 2);
    let all = server.playbooks().list_playbooks(v1::ListPlaybooksRequest::default()).await.unwrap().into_inner();
    assert_eq!(all.playbooks, [anew]);
}
