//! Regions that come after a launch and regions that go: who comes late gets what the fleet has, also from the next owner
//! and while something else is under way; what was drained may be forgotten.

use meridian_core::time::Span;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::rollout::State;
use tonic::{Code, Status};

use crate::support::agent::{Link, Obedient};
use crate::support::fixture::{self, SERVICE, playbook};
use crate::support::pair::Pair;
use crate::support::{Server, fields, until, why};

/// 1.0.0 is stable in `eu`, launched at once over whoever was there.
async fn launched(server: &Server) -> (Obedient, String) {
    server.put_service(SERVICE).await;
    let mut quick = playbook(Span::ZERO);
    quick.rollback.retention = Span::ZERO;
    server.put_playbook(&quick).await;
    server.add_release("1.0.0").await;
    let agent = Obedient::start(server.channel.clone(), "eu").await;
    let plan = server.plan("1.0.0").await;
    let name = server.start_rollout(&plan.name).await.name;
    reached(server, &name, State::Stable).await;
    (agent, name)
}

async fn reached(server: &Server, name: &str, state: State) {
    until(state.as_str_name(), || async { (server.rollout(name).await.state == i32::from(state)).then_some(()) }).await;
}

async fn region(server: &Server, id: &str) -> v1::Region {
    let request = v1::GetRegionRequest { name: format!("regions/{id}") };
    server.regions().get_region(request).await.unwrap().into_inner().region.unwrap()
}

/// The joins that there were, the oldest first.
async fn joins(server: &Server) -> Vec<v1::Rollout> {
    let request = v1::ListRolloutsRequest { parent: SERVICE.to_owned(), ..Default::default() };
    let all = server.rollouts().list_rollouts(request).await.unwrap().into_inner().rollouts;
    let mut joins: Vec<_> = all.into_iter().filter(|rollout| !rollout.join_after.is_empty()).collect();
    joins.sort_by_key(|rollout| rollout.revision);
    joins
}

/// The join of a region, once it is there.
async fn join_of(server: &Server, id: &str) -> v1::Rollout {
    until("the region joins", || async {
        joins(server).await.into_iter().find(|join| join.lanes.iter().any(|lane| lane.region == id))
    })
    .await
}

async fn join(server: &Server, id: &str, service: &str) -> Result<String, Status> {
    let (name, service, actor) = (format!("regions/{id}"), service.to_owned(), "ann".to_owned());
    let request = v1::JoinRegionRequest { name, service, actor, request_id: String::new() };
    Ok(server.regions().join_region(request).await?.into_inner().rollout)
}

async fn drain(server: &Server, id: &str, reason: &str) -> Result<v1::RegionDrain, Status> {
    let (name, actor, reason) = (format!("regions/{id}"), "ann".to_owned(), reason.to_owned());
    let request = v1::DrainRegionRequest { name, actor, reason, request_id: String::new() };
    Ok(server.regions().drain_region(request).await?.into_inner().region.unwrap().drain.unwrap())
}

async fn delete(server: &Server, id: &str) -> Result<(), Status> {
    let request = v1::DeleteRegionRequest { name: format!("regions/{id}"), ..Default::default() };
    server.regions().delete_region(request).await.map(|_| ())
}

#[tokio::test]
async fn who_comes_late_gets_what_the_fleet_has_while_others_go_on_and_from_the_next_owner() {
    let pair = Pair::start().await;
    let (_, other) = pair.of("checkout").await;
    let (_eu, launch) = launched(other).await;
    // Something newer is under way where the fleet was when that began.
    bakes_elsewhere(other, "1.1.0").await;
    let _us = Obedient::start(other.channel.clone(), "us").await;
    let first = join_of(other, "us").await;
    assert_eq!(first.join_after, launch);
    reached(other, &first.name, State::Stable).await;
    let us = region(other, "us").await;
    assert_eq!(us.lanes[0].stable.as_ref().unwrap().release.as_ref().unwrap().version, "1.0.0");
    assert_eq!(us.joins, []);
    // The owner goes; the other one takes over, and has nothing but the store to know the launch from.
    let owner = pair.owner("checkout").await;
    let Pair { store: _store, servers } = pair;
    let mut servers = Vec::from(servers);
    servers.remove(owner).running.shutdown().await;
    let left = &servers[0];
    let _ap = Obedient::start(left.channel.clone(), "ap").await;
    let second = join_of(left, "ap").await;
    assert_eq!(second.join_after, launch, "a join is no launch");
    reached(left, &second.name, State::Stable).await;
    assert_eq!(joins(left).await.len(), 2, "each has joined once");
}

/// A rollout of `eu` alone that bakes for an hour.
async fn bakes_elsewhere(server: &Server, version: &str) {
    server.add_release(version).await;
    server.put_playbook(&playbook(Span::from_secs(3600))).await;
    let plan = server.plan(version).await;
    let name = server.start_rollout(&plan.name).await.name;
    until("it bakes", || async {
        let lanes = server.rollout(&name).await.lanes;
        (lanes[0].state == i32::from(v1::rollout_lane::State::Baking)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_join_that_failed_is_tried_again_when_a_person_says_so() {
    let server = Server::plain().await;
    let (_eu, _) = launched(&server).await;
    let refused = join(&server, "eu", SERVICE).await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "NOTHING_TO_JOIN".to_owned()));
    assert_eq!(why(&join(&server, "us", SERVICE).await.unwrap_err()).0, Code::NotFound);
    // An agent that is there and does nothing.
    let idle = Link::introduced(server.channel.clone(), "us").await;
    let first = join_of(&server, "us").await;
    let scope = Some(v1::rollback_rollout_request::Scope::Fleet(v1::rollback_rollout_request::FleetScope {}));
    let (name, actor, reason) = (first.name.clone(), "bob".to_owned(), "not today".to_owned());
    let back = v1::RollbackRolloutRequest { name, actor, reason, scope, ..Default::default() };
    server.rollouts().rollback_rollout(back).await.unwrap();
    drop(idle);
    let _us = Obedient::start(server.channel.clone(), "us").await;
    reached(&server, &first.name, State::Aborted).await;
    let waits = until("it is told why", || async {
        let joins = region(&server, "us").await.joins;
        (!joins.is_empty()).then_some(joins)
    })
    .await;
    assert_eq!((waits[0].code.as_str(), waits[0].rollout.as_str()), ("JOIN_FAILED_BEFORE", first.name.as_str()));
    assert_eq!(joins(&server).await.len(), 1);
    let second = join(&server, "us", SERVICE).await.unwrap();
    reached(&server, &second, State::Stable).await;
}

#[tokio::test]
async fn what_is_drained_is_taken_by_no_plan_and_may_be_forgotten() {
    let server = Server::plain().await;
    let (eu, _) = launched(&server).await;
    let refused = delete(&server, "eu").await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "REGION_NOT_DRAINED".to_owned()));
    server.add_release("1.1.0").await;
    let before = server.plan("1.1.0").await;
    assert_eq!(fields(&drain(&server, "eu", " ").await.unwrap_err()), ["reason"]);
    let drained = drain(&server, "eu", "the site is given up").await.unwrap();
    assert!(drained.drained && drained.waits.is_empty() && drained.actor == "ann", "{drained:?}");
    let again = drain(&server, "eu", "once more").await.unwrap();
    assert_eq!(again.reason, "the site is given up", "who said it first stays");
    let refused = server.plans().create_plan(fixture::plan("1.1.0")).await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "EMPTY_WAVE".to_owned()));
    let refused = server.rollouts().create_rollout(fixture::rollout(&before.name)).await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "REGION_DRAINING".to_owned()));
    let name = "regions/eu".to_owned();
    let (actor, reason) = ("bob".to_owned(), "the site stays".to_owned());
    let undrain = v1::UndrainRegionRequest { name, actor, reason, ..Default::default() };
    for _again in 0..2 {
        let undrain = undrain.clone();
        assert_eq!(server.regions().undrain_region(undrain).await.unwrap().into_inner().region.unwrap().drain, None);
    }
    let undrains = region(&server, "eu").await.undrains;
    let said = |it: &v1::RegionUndrain| [&it.drain.as_ref().unwrap().actor, &it.actor, &it.reason].map(String::clone);
    let known = undrains.iter().map(said).collect::<Vec<_>>();
    assert_eq!(known, [["ann", "bob", "the site stays"]], "who had it go, and who kept it: {undrains:?}");
    assert_eq!(undrains[0].drain.as_ref().unwrap().since_time, Some(drained.since_time.unwrap()));
    assert!(undrains[0].time.is_some());
    let held = server.start_rollout(&before.name).await.name;
    let waits = drain(&server, "eu", "now it goes").await.unwrap().waits;
    assert!(waits.iter().all(|rollout| *rollout == held), "{waits:?}");
    reached(&server, &held, State::Stable).await;
    until("it is drained", || async { region(&server, "eu").await.drain?.drained.then_some(()) }).await;
    drop(eu);
    delete(&server, "eu").await.unwrap();
    server.put_region("eu").await;
    assert_eq!(region(&server, "eu").await.lanes, [], "it comes anew");
}
