//! Rollouts from plan to end, with agents that obey.

mod proof;
mod sets;

use std::sync::Arc;
use std::time::Duration;

use meridian_core::time::Span;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::rollout::State;
use meridian_server::{Config, StoreChoice};
use meridian_store::etcd::testing::EtcdProcess;
use meridian_store::etcd::{EtcdOptions, EtcdStore};
use meridian_store::{CommitError, Expect, Key, Revision, Store, Txn};
use tonic::Code;

use crate::support::agent::Obedient;
use crate::support::fixture::{self, SERVICE, playbook};
use crate::support::{Server, config, until, why};

async fn reached(server: &Server, name: &str, state: State) -> v1::Rollout {
    until(state.as_str_name(), || async {
        let rollout = server.rollout(name).await;
        (rollout.state == i32::from(state)).then_some(rollout)
    })
    .await
}

/// A service whose first release is switched in two regions.
pub async fn switched(server: &Server, bake: Span) -> (Vec<Obedient>, v1::Rollout) {
    server.put_service(SERVICE).await;
    let mut quick = playbook(bake);
    quick.rollback.retention = Span::ZERO;
    server.put_playbook(&quick).await;
    server.add_release("1.0.0").await;
    let agents =
        vec![Obedient::start(server.channel.clone(), "eu").await, Obedient::start(server.channel.clone(), "us").await];
    let plan = server.plan("1.0.0").await;
    let rollout = server.start_rollout(&plan.name).await;
    let stable = reached(server, &rollout.name, State::Stable).await;
    (agents, stable)
}

#[tokio::test]
async fn a_rollout_goes_its_way_and_tells_of_it() {
    let server = Server::plain().await;
    let (_agents, stable) = switched(&server, Span::ZERO).await;
    assert_eq!(stable.lanes.len(), 2);
    assert!(stable.actions.is_empty() && stable.cause.is_none());
    assert_eq!(stable.requester, "ann");
    let request = v1::ListDecisionsRequest { parent: stable.name.clone(), page_size: 2, ..Default::default() };
    let (mut decisions, mut token) = (Vec::new(), String::new());
    loop {
        let page = v1::ListDecisionsRequest { page_token: token, ..request.clone() };
        let page = server.rollouts().list_decisions(page).await.unwrap().into_inner();
        decisions.extend(page.decisions);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(decisions.first().unwrap().kind, "start");
    assert!(decisions.windows(2).all(|pair| pair[1].previous_digest == pair[0].digest), "the chain is broken");
    assert_eq!(decisions.last().unwrap().epoch, stable.epoch);
    let region = v1::GetRegionRequest { name: "regions/eu".to_owned() };
    let region = server.regions().get_region(region).await.unwrap().into_inner().region.unwrap();
    assert_eq!(region.contact, i32::from(v1::Contact::Live));
    let lane = &region.lanes[0];
    assert_eq!(lane.service, SERVICE);
    assert_eq!(lane.stable.as_ref().unwrap().release, stable.release);
    assert!(lane.rollout.is_empty(), "nobody holds the lane any more");
}

/// A rollout of another release that bakes its first step in both regions.
pub async fn baking(server: &Server, version: &str) -> v1::Rollout {
    server.put_playbook(&playbook(Span::from_secs(3600))).await;
    server.add_release(version).await;
    let made = server.plans().create_plan(fixture::plan(version)).await.unwrap().into_inner();
    assert!(made.warnings.is_empty(), "{:?}", made.warnings);
    let rollout = server.start_rollout(&made.plan.unwrap().name).await;
    until("both bake", || async {
        let rollout = server.rollout(&rollout.name).await;
        let bakes = |lane: &v1::RolloutLane| lane.state == i32::from(v1::rollout_lane::State::Baking);
        rollout.lanes.iter().all(bakes).then_some(rollout)
    })
    .await
}

#[tokio::test]
async fn parameters_are_pinned_for_each_region_and_kept_for_the_way_back() {
    let server = Server::plain().await;
    let (_agents, _) = switched(&server, Span::ZERO).await;
    let layer = |regions: &[&str], value: &str| v1::ParameterLayer {
        regions: regions.iter().map(|region| (*region).to_owned()).collect(),
        values: [("DB".to_owned(), value.to_owned())].into(),
        ..v1::ParameterLayer::default()
    };
    let declare = async |layers: Vec<v1::ParameterLayer>| {
        let service = v1::Service { name: SERVICE.to_owned(), parameters: layers, ..v1::Service::default() };
        let request = v1::UpdateServiceRequest { service: Some(service), ..Default::default() };
        server.services().update_service(request).await
    };
    let refused = declare(vec![layer(&[], "x"), layer(&[], "y\n")]).await.unwrap_err();
    assert_eq!(why(&refused), (Code::InvalidArgument, "PARAMETER_VALUE_INVALID".to_owned()));
    declare(vec![layer(&[], "db"), layer(&["us"], "db.us")]).await.unwrap();
    server.add_release("1.1.0").await;
    let plan = server.plan("1.1.0").await;
    let pinned = |plan: &v1::Plan| plan.lanes.iter().map(|lane| lane.parameters["DB"].clone()).collect::<Vec<_>>();
    assert_eq!(pinned(&plan), ["db", "db.us"]);
    assert!(plan.lanes.iter().all(|lane| lane.base.as_ref().unwrap().parameters.is_empty()));
    let rollout = server.start_rollout(&plan.name).await;
    reached(&server, &rollout.name, State::Stable).await;
    // What is declared later changes nothing that was pinned.
    declare(vec![layer(&[], "later")]).await.unwrap();
    server.add_release("1.2.0").await;
    let plan = server.plan("1.2.0").await;
    assert_eq!(pinned(&plan), ["later", "later"]);
    let bases = plan.lanes.iter().map(|lane| lane.base.as_ref().unwrap().parameters["DB"].as_str());
    assert_eq!(bases.collect::<Vec<_>>(), ["db", "db.us"]);
}

#[tokio::test]
async fn nothing_jumps_back_over_a_two_phase_pair() {
    let server = Server::plain().await;
    let (_agents, _) = switched(&server, Span::ZERO).await;
    let pair = |prepares: &str, version: &str| {
        let mut request = fixture::release(version);
        request.release.as_mut().unwrap().prepares = prepares.to_owned();
        request
    };
    server.add_release("1.1.0").await;
    server.releases().create_release(pair("1.1.0", "1.2.0")).await.unwrap();
    let early = server.plans().create_plan(fixture::plan("1.2.0")).await.unwrap_err();
    assert_eq!(why(&early), (Code::FailedPrecondition, "NOT_PREPARED".to_owned()));
    for version in ["1.1.0", "1.2.0"] {
        let rollout = server.start_rollout(&server.plan(version).await.name).await;
        reached(&server, &rollout.name, State::Stable).await;
    }
    let jump = server.plans().create_plan(fixture::plan("1.0.0")).await.unwrap_err();
    assert_eq!(why(&jump), (Code::FailedPrecondition, "JUMPS_BACK".to_owned()));
    server.plan("1.1.0").await;
}

#[tokio::test]
async fn an_operator_takes_it_back() {
    let server = Server::plain().await;
    let (_agents, _) = switched(&server, Span::ZERO).await;
    let baking = baking(&server, "1.1.0").await;
    for lane in &baking.lanes {
        let split = lane.observed_split.unwrap();
        assert_eq!(split.blue_basis_points.min(split.green_basis_points), 2000);
        assert_eq!(lane.observed_split, lane.ordered_split);
        assert!(lane.confirmed);
    }
    assert!(baking.waits.iter().any(|wait| wait.code == "BAKE" && wait.until.is_some()), "{:?}", baking.waits);
    let back = v1::RollbackRolloutRequest {
        name: baking.name.clone(),
        actor: "bob".to_owned(),
        reason: "it smells".to_owned(),
        ..Default::default()
    };
    server.rollouts().rollback_rollout(back).await.unwrap();
    let back = reached(&server, &baking.name, State::RolledBack).await;
    let cause = back.cause.unwrap();
    assert_eq!((cause.code.as_str(), cause.message.as_str()), ("OPERATOR", "bob: it smells"));
    listed(&server).await;
}

/// etcd takes nothing any more, from anybody; what goes back has to go through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_goes_through_when_etcd_is_full() {
    let quota = ["--quota-backend-bytes", "8388608"];
    let etcd = EtcdProcess::start_with(&quota).await.unwrap_or_else(|error| panic!("{error}"));
    let store: Arc<dyn Store> = Arc::new(EtcdStore::connect(EtcdOptions::new([etcd.endpoint()])).await.unwrap());
    let server = Server::with(Config { store: StoreChoice::Given(store.clone()), ..config() }).await;
    let (_agents, _) = switched(&server, Span::ZERO).await;
    let baking = baking(&server, "1.1.0").await;
    // As housekeeping does now and then.
    store.compact(Revision::ZERO).await.unwrap();
    for index in 0.. {
        let name = Key::new(format!("/others/{index}")).unwrap();
        match store.commit(Txn::new().put(name, vec![b'x'; 100_000], Expect::Absent)).await {
            Ok(_) => {}
            Err(CommitError::Full { .. }) => break,
            Err(error) => panic!("{error}"),
        }
        // What etcd has not flushed it does not count.
        tokio::time::sleep(Duration::from_millis(110)).await; // tidy: paced
    }
    let forward = server.releases().create_release(fixture::release("1.2.0")).await.unwrap_err();
    assert_eq!(why(&forward).1, "STORE_FULL");
    let back = v1::RollbackRolloutRequest { name: baking.name.clone(), actor: "bob".to_owned(), ..Default::default() };
    server.rollouts().rollback_rollout(back).await.unwrap();
    reached(&server, &baking.name, State::RolledBack).await;
    server.running.shutdown().await;
}

/// Two have ended, none is active, and a page holds one.
async fn listed(server: &Server) {
    let active = v1::ListRolloutsRequest { parent: SERVICE.to_owned(), active_only: true, ..Default::default() };
    assert!(server.rollouts().list_rollouts(active).await.unwrap().into_inner().rollouts.is_empty());
    let all = v1::ListRolloutsRequest { parent: SERVICE.to_owned(), page_size: 1, ..Default::default() };
    let page = server.rollouts().list_rollouts(all.clone()).await.unwrap().into_inner();
    assert_eq!(page.rollouts.len(), 1);
    let rest = v1::ListRolloutsRequest { page_token: page.next_page_token, ..all };
    let rest = server.rollouts().list_rollouts(rest).await.unwrap().into_inner();
    assert_eq!((rest.rollouts.len(), rest.next_page_token.as_str()), (1, ""));
}

#[tokio::test]
async fn a_first_release_warns_that_there_is_no_way_back() {
    let server = Server::plain().await;
    server.stocked().await;
    let made = server.plans().create_plan(fixture::plan("1.0.0")).await.unwrap().into_inner();
    assert!(made.warnings.iter().any(|warning| warning.contains("no way back in eu")), "{:?}", made.warnings);
    assert!(made.warnings.iter().any(|warning| warning.contains("not connected now: eu")), "{:?}", made.warnings);
    kept_but_not_started(&server, made.plan.unwrap()).await;
}

async fn kept_but_not_started(server: &Server, plan: v1::Plan) {
    let kept = v1::GetPlanRequest { name: plan.name.clone() };
    assert_eq!(server.plans().get_plan(kept).await.unwrap().into_inner().plan.unwrap(), plan);
    let checked = v1::CreateRolloutRequest { validate_only: true, ..fixture::rollout(&plan.name) };
    let shown = server.rollouts().create_rollout(checked).await.unwrap().into_inner().rollout.unwrap();
    assert!(shown.etag.is_empty() && shown.name.starts_with("services/checkout/rollouts/checkout-1-0-0-"));
    let all = v1::ListRolloutsRequest { parent: SERVICE.to_owned(), ..Default::default() };
    assert!(server.rollouts().list_rollouts(all).await.unwrap().into_inner().rollouts.is_empty());
}
