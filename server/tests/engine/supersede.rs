//! One rollout taking over the lanes of another, over one store: both decisions or none, whichever replica is asked and
//! whoever owns the old one; and nothing forward before the lanes are read back at their base.

use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Event, Order};
use meridian_core::rollout::state::{LaneAt, Phase, Rollout};
use meridian_core::weight::Split;
use meridian_server::engine::Engine;
use meridian_store::{layout, record};

use super::stage::{Stage, service};

/// A release is stable, and the next one bakes in the first of two regions, for want of evidence.
async fn baking(stage: &Stage, engine: &Engine) -> (super::agent::Agents, Rollout) {
    let agents = stage.agents(engine).await;
    let first = stage.open(engine, "1.0.0").await;
    stage.until(engine, &first, Phase::is_terminal).await;
    agents.hold_evidence();
    let second = stage.open(engine, "1.1.0").await;
    stage.until_moved(engine, &second).await;
    (agents, stage.record(&second).await)
}

async fn holders(stage: &Stage) -> Vec<String> {
    let key = layout::lanes(&service());
    let item = stage.store.get(&key).await.unwrap().item.unwrap();
    let lanes = record::decode_lanes(&key, &item.value).unwrap();
    lanes.into_values().map(|lane| format!("{} {}", lane.rollout.unwrap(), lane.held)).collect()
}

#[tokio::test]
async fn a_replica_that_owns_nothing_supersedes_what_another_one_runs() {
    let stage = Stage::set(&["eu", "us"]).await;
    let owner = stage.engine();
    let (agents, old) = baking(&stage, &owner).await;
    assert!(owner.ownership().claim(&service()).is_some(), "the first replica has taken the shard");
    let other = stage.engine();
    let order = stage.takeover(&old.id, "1.2.0").await;
    let new = other.open(order.clone()).await.unwrap().record.id.clone();
    assert_eq!(holders(&stage).await, ["r-1-2-0 true", "r-1-2-0 true"]);
    for engine in [&owner, &other] {
        let ended = stage.until(engine, &old.id, Phase::is_terminal).await;
        assert!(matches!(&ended.record.phase, Phase::Superseded { by, .. } if *by == new), "{:?}", ended.record.phase);
        assert_eq!(ended.record.lanes, old.lanes, "where it was stays on the record");
    }
    // The agents obey the new one: back at the base first, then on to its release.
    let there = stage.until_moved(&owner, &new).await;
    let eu = there.record.lanes.keys().next().unwrap().clone();
    let planned = &there.record.plan.lanes[&eu];
    assert_eq!(planned.base, old.plan.lanes[&eu].base, "the way back is the last stable release");
    assert!(there.record.lanes[&eu].moved);
    let refused = other.open(order).await.unwrap_err();
    assert_eq!(refused.code(), "NOT_SUPERSEDABLE", "it is superseded already");
    let order = Order { actor: "anna".to_owned(), reason: "to see it".to_owned() };
    let refused = owner.order(&old.id, Event::Rollback(order, Scope::Fleet), None, None).await.unwrap_err();
    assert_eq!(refused.code(), "ROLLOUT_ENDED");
    agents.pass();
    stage.until(&owner, &new, |phase| matches!(phase, Phase::Stable { .. })).await;
    stage.check_audit().await;
    stage.shut(owner).await;
    stage.shut(other).await;
}

#[tokio::test]
async fn nothing_goes_forward_before_the_base_is_read_back() {
    let stage = Stage::set(&["eu", "us"]).await;
    let engine = stage.engine();
    let (agents, old) = baking(&stage, &engine).await;
    drop(agents);
    let new = engine.open(stage.takeover(&old.id, "1.2.0").await).await.unwrap().record.id.clone();
    let waits = |status: &meridian_server::engine::Status| !status.waits.is_empty();
    let waiting = stage.until_status(&engine, &new, waits).await;
    let eu = old.lanes.iter().find(|(_, lane)| lane.moved).map(|(region, _)| region.clone()).unwrap();
    assert_eq!(waiting.record.lanes[&eu].at, LaneAt::Reverting);
    let goal = meridian_core::rollout::goals::goal(&waiting.record, &eu).unwrap();
    assert_eq!(goal.split, Some(Split::all(old.plan.lanes[&eu].slot.other())));
    let agents = stage.agents(&engine).await;
    agents.pass();
    stage.until(&engine, &new, |phase| matches!(phase, Phase::Stable { .. })).await;
    stage.check_audit().await;
    stage.shut(engine).await;
}

#[tokio::test]
async fn of_a_rollback_and_a_supersede_at_once_one_wins_and_the_other_is_refused() {
    let stage = Stage::set(&["eu", "us"]).await;
    let (one, other) = (stage.engine(), stage.engine());
    let (_agents, old) = baking(&stage, &one).await;
    let order = stage.takeover(&old.id, "1.2.0").await;
    let back = Order { actor: "anna".to_owned(), reason: "to see it".to_owned() };
    let back = Event::Rollback(back, Scope::Fleet);
    let (taken, back) = tokio::join!(other.open(order), one.order(&old.id, back, None, None));
    let ended = stage.until(&one, &old.id, Phase::is_terminal).await;
    match (&taken, &back) {
        (Ok(_), Err(refused)) => {
            assert_eq!(refused.code(), "ROLLOUT_ENDED");
            assert!(matches!(ended.record.phase, Phase::Superseded { .. }), "{:?}", ended.record.phase);
        }
        (Err(refused), Ok(_)) => {
            assert!(["NOT_SUPERSEDABLE", "AUTOMATION_HELD", "PLAN_STALE"].contains(&refused.code()), "{refused}");
            assert!(matches!(ended.record.phase, Phase::RolledBack { .. }), "{:?}", ended.record.phase);
        }
        (Ok(_), Ok(_)) | (Err(_), Err(_)) => panic!("{taken:?} {back:?}"),
    }
    stage.check_audit().await;
    stage.shut(one).await;
    stage.shut(other).await;
}
