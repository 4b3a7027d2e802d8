//! Several engines on one store: who has lost a shard commits nothing more of it, whatever it believes; and nobody has to own
//! anything for a rollback.

use std::time::Duration;

use meridian_core::id::{RegionId, ReplicaId};
use meridian_core::ownership::Shard;
use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Event, Order};
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::Phase;
use meridian_server::clock::{Clock, SystemClock};
use meridian_server::engine::Status;
use meridian_server::session::AgentFacts;
use meridian_store::{Expect, Txn, layout, record};

use super::frozen::Frozen;
use super::stage::{self, PATIENCE, Stage};

fn order() -> Order {
    Order { actor: "anna".to_owned(), reason: "to see it".to_owned() }
}

fn owner_key() -> meridian_store::Key {
    layout::owner(Shard::of(&stage::service()))
}

fn ghost() -> bytes::Bytes {
    record::encode_owner(&ReplicaId::new("ghost").unwrap())
}

/// Gives the service to nobody that lives, so that from now on nothing of it has an owner.
async fn given_to_a_ghost(stage: &Stage) {
    let item = stage.store.get(&owner_key()).await.unwrap().item.unwrap();
    stage.store.commit(Txn::new().put(owner_key(), ghost(), Expect::At(item.mod_revision))).await.unwrap();
}

/// The owner's lease ends, and another takes the service.
async fn taken_over(stage: &Stage) {
    let item = stage.store.get(&owner_key()).await.unwrap().item.unwrap();
    stage.store.commit(Txn::new().delete(owner_key(), Expect::At(item.mod_revision))).await.unwrap();
    stage.store.commit(Txn::new().put(owner_key(), ghost(), Expect::Absent)).await.unwrap();
}

#[tokio::test]
async fn an_owner_that_does_not_know_yet_that_it_is_none_commits_nothing() {
    let stage = Stage::set(&["eu", "us"]).await;
    let frozen = Frozen::new(stage.store.clone());
    let engine = stage.engine_on(frozen.clone());
    let agents = stage.agents(&engine).await;
    let first = stage.open(&engine, "1.0.0").await;
    stage.until(&engine, &first, Phase::is_terminal).await;
    agents.hold_evidence();
    let second = stage.open(&engine, "1.1.0").await;
    let before = stage.until_moved(&engine, &second).await;
    frozen.freeze();
    taken_over(&stage).await;
    assert!(engine.ownership().claim(&stage::service()).is_some(), "it has learnt of it too early for this test");
    // Now there is something to do, and it believes that this is its own to do.
    agents.pass();
    stage.until_refused().await;
    let record = stage.record(&second).await;
    assert_eq!(record.epoch, before.record.epoch, "a replica that owns nothing has moved it");
    assert!(engine.ownership().claim(&stage::service()).is_none());
    stage.shut(engine).await;
}

#[tokio::test]
async fn a_rollback_needs_no_owner_from_the_order_to_the_last_confirmation() {
    let stage = Stage::set(&["eu", "us"]).await;
    let (one, other) = (stage.engine(), stage.engine());
    let agents = stage.agents(&one).await;
    let first = stage.open(&one, "1.0.0").await;
    stage.until(&one, &first, Phase::is_terminal).await;
    agents.hold_evidence();
    let second = stage.open(&other, "1.1.0").await;
    stage.until_moved(&one, &second).await;
    given_to_a_ghost(&stage).await;
    other.order(&second, Event::Rollback(order(), Scope::Fleet), None, None).await.unwrap();
    for engine in [&one, &other] {
        stage.until(engine, &second, |phase| matches!(phase, Phase::RolledBack { .. })).await;
        assert!(engine.ownership().claim(&stage::service()).is_none(), "nobody should own it");
    }
    stage.check_audit().await;
    stage.shut(one).await;
    drop(other);
}

#[tokio::test]
async fn a_breach_takes_it_back_though_nobody_owns_it() {
    let stage = Stage::set(&["eu", "us"]).await;
    let (one, other) = (stage.engine(), stage.engine());
    let agents = stage.agents(&one).await;
    let first = stage.open(&one, "1.0.0").await;
    stage.until(&one, &first, Phase::is_terminal).await;
    agents.hold_evidence();
    let second = stage.open(&one, "1.1.0").await;
    stage.until_moved(&one, &second).await;
    given_to_a_ghost(&stage).await;
    agents.fail();
    stage.until(&other, &second, |phase| matches!(phase, Phase::RolledBack { .. })).await;
    stage.check_audit().await;
    stage.shut(one).await;
    drop(other);
}

#[tokio::test]
async fn the_last_goals_are_told_also_where_nobody_ran_the_rollout() {
    let stage = Stage::set(&["eu"]).await;
    let behind = Frozen::new(stage.store.clone());
    let (one, other) = (stage.engine(), stage.engine_on(behind.clone()));
    let _agents = stage.agents(&other).await;
    let first = stage.open(&one, "1.0.0").await;
    stage.until(&one, &first, Phase::is_terminal).await;
    given_to_a_ghost(&stage).await;
    // The replica that the agent is connected to reads from the past and can't run the rollout; then that has ended.
    behind.hide_plans(true);
    let second = stage.open(&one, "1.1.0").await;
    behind.until_missed().await;
    one.order(&second, Event::Rollback(order(), Scope::Fleet), None, None).await.unwrap();
    let ended = stage.until(&one, &second, Phase::is_terminal).await;
    behind.hide_plans(false);
    behind.freeze();
    behind.thaw();
    let (region, record) = (RegionId::new("eu").unwrap(), ended.record);
    let told = goal(&record, &region).unwrap().epoch;
    let heard = wait_until(|| {
        let seen = other.sessions().sight(&record, SystemClock.now());
        seen.get(&region).and_then(|seen| seen.observed.as_ref()).is_some_and(|observed| observed.accepted == told)
    });
    tokio::time::timeout(PATIENCE, heard).await.expect("the agent never heard of the end");
    stage.shut(one).await;
    drop(other);
}

#[tokio::test]
async fn a_rollout_that_nobody_owns_says_so() {
    let stage = Stage::set(&["eu"]).await;
    let alone = Frozen::new(stage.store.clone());
    let engine = stage.engine_on(alone.clone());
    let agents = stage.agents(&engine).await;
    agents.hold_evidence();
    let id = stage.open(&engine, "1.0.0").await;
    let owned = stage.until_moved(&engine, &id).await;
    let is_unowned = |status: &Status| status.waits.iter().any(|wait| wait.code() == "NO_OWNER");
    assert!(!is_unowned(&owned), "{:?}", owned.waits);
    // Its lease can't be kept any more, and it stops by its own clock.
    alone.freeze();
    stage.until_status(&engine, &id, is_unowned).await;
    alone.thaw();
    stage.until_status(&engine, &id, |status| !is_unowned(status)).await;
    stage.shut(engine).await;
}

/// It came late, over a slow way or from an agent that has died since: what it says may be older than what the region has
/// accepted in between, and would look like a lost memory.
#[tokio::test]
async fn a_hello_is_not_heard_after_that_of_a_later_session() {
    let stage = Stage::set(&["eu"]).await;
    let (here, there) = (stage.engine_on(stage.store.clone()), stage.engine_on(stage.store.clone()));
    let eu = RegionId::new("eu").unwrap();
    let late = here.standing(&eu).await.unwrap();
    let first = there.greet(there.standing(&eu).await.unwrap(), AgentFacts::default()).await.unwrap();
    let refused = here.greet(late, AgentFacts::default()).await.unwrap_err();
    assert_eq!(refused.code(), "CONTENDED");
    let again = here.greet(here.standing(&eu).await.unwrap(), AgentFacts::default()).await.unwrap();
    assert_eq!(again.number, first.number + 1);
}

async fn wait_until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(5)).await; // tidy: paced
    }
}
