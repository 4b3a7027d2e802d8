//! The stories: decisions are committed before they are spoken, and whoever comes next goes on from the record.

use super::stage::Stage;
use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Event, Order};
use meridian_core::rollout::state::Phase;
use meridian_store::record;

fn order() -> Order {
    Order { actor: "anna".to_owned(), reason: "to see it".to_owned() }
}

#[tokio::test]
async fn a_rollout_goes_through_and_frees_its_lanes() {
    let stage = Stage::set(&["eu", "us"]).await;
    let engine = stage.engine();
    let _agents = stage.agents(&engine).await;
    let first = stage.open(&engine, "1.0.0").await;
    let ended = stage.until(&engine, &first, |phase| phase.is_terminal()).await;
    assert!(matches!(ended.record.phase, Phase::Stable { .. }), "{:?}", ended.record.phase);
    let second = stage.open(&engine, "1.1.0").await;
    stage.until(&engine, &second, |phase| matches!(phase, Phase::Stable { .. })).await;
    stage.shut(engine).await;
}

#[tokio::test]
async fn a_rollback_is_committed_once_and_every_lane_confirms() {
    let stage = Stage::set(&["eu", "us"]).await;
    let engine = stage.engine();
    let agents = stage.agents(&engine).await;
    let first = stage.open(&engine, "1.0.0").await;
    stage.until(&engine, &first, Phase::is_terminal).await;
    agents.hold_evidence();
    let second = stage.open(&engine, "1.1.0").await;
    stage.until_moved(&engine, &second).await;
    let back = engine.order(&second, Event::Rollback(order(), Scope::Fleet), None, None).await.unwrap();
    assert!(matches!(back.record.phase, Phase::RollingBack { .. } | Phase::RolledBack { .. }));
    let again = engine.order(&second, Event::Rollback(order(), Scope::Fleet), None, None).await;
    let ended = stage.until(&engine, &second, Phase::is_terminal).await;
    assert!(matches!(ended.record.phase, Phase::RolledBack { .. }), "{:?} after {again:?}", ended.record.phase);
    let refused = engine.order(&second, Event::Pause(order()), None, None).await.unwrap_err();
    assert_eq!(refused.code(), "ROLLOUT_ENDED");
    stage.shut(engine).await;
}

#[tokio::test]
async fn a_new_engine_goes_on_where_the_old_one_stopped() {
    let stage = Stage::set(&["eu", "us"]).await;
    let engine = stage.engine();
    let agents = stage.agents(&engine).await;
    let first = stage.open(&engine, "1.0.0").await;
    stage.until(&engine, &first, Phase::is_terminal).await;
    agents.hold_evidence();
    let second = stage.open(&engine, "1.1.0").await;
    stage.until_moved(&engine, &second).await;
    stage.shut(engine).await;
    drop(agents);

    let successor = stage.engine();
    let _agents = stage.agents(&successor).await;
    stage.until(&successor, &second, |phase| matches!(phase, Phase::Stable { .. })).await;
    stage.check_audit().await;
    stage.shut(successor).await;
}

#[tokio::test]
async fn two_engines_on_one_store_never_split_a_decision() {
    let stage = Stage::set(&["eu"]).await;
    let (one, other) = (stage.engine(), stage.engine());
    let _agents = stage.agents(&one).await;
    let first = stage.open(&one, "1.0.0").await;
    stage.until(&one, &first, Phase::is_terminal).await;
    let second = stage.open(&other, "1.1.0").await;
    let orders = (0..20).map(|turn| {
        let engine = if turn % 2 == 0 { &one } else { &other };
        let event = if turn % 3 == 0 { Event::Resume(order()) } else { Event::Pause(order()) };
        engine.order(&second, event, None, None)
    });
    futures::future::join_all(orders).await;
    let back = Event::Rollback(order(), Scope::Fleet);
    // Whoever lost a race reads again; in the end the rollback stands.
    let (a, b) = tokio::join!(one.order(&second, back.clone(), None, None), other.order(&second, back, None, None));
    assert!(a.is_ok() || b.is_ok(), "{a:?} {b:?}");
    stage.until(&one, &second, |phase| matches!(phase, Phase::RolledBack { .. } | Phase::Aborted { .. })).await;
    stage.check_audit().await;
    stage.shut(one).await;
    stage.shut(other).await;
}

#[tokio::test]
async fn the_same_request_has_the_effect_of_once() {
    let stage = Stage::set(&["eu"]).await;
    let engine = stage.engine();
    let _agents = stage.agents(&engine).await;
    let opened = stage.open_many(&engine, "1.0.0", 100).await;
    let ids: std::collections::BTreeSet<_> = opened.iter().map(|status| status.record.id.clone()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let items = stage.records().await;
    let rollouts = items.iter().filter(|item| item.key.as_str().starts_with("/rollouts/"));
    assert_eq!(rollouts.clone().count(), 1);
    assert!(rollouts.clone().all(|item| record::has_ended(&item.key, &item.value).is_ok()));
    stage.shut(engine).await;
}
