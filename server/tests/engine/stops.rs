//! Stop-the-line over one store: every replica obeys, also one that has not heard of it; and what goes back never asks.

use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Event, Order};
use meridian_core::rollout::gates::stops::{StopOrder, StopScope};
use meridian_core::rollout::state::Phase;
use meridian_server::engine::{Engine, Status, StopCall};

use super::frozen::Frozen;
use super::stage::{Stage, service};

async fn say(engine: &Engine, order: StopOrder) {
    let (actor, reason) = ("bob".to_owned(), "phones ring".to_owned());
    engine.stop_the_line(&StopCall { order, actor, reason, request: None }).await.unwrap();
}

fn is_stopped(status: &Status) -> bool {
    status.waits.iter().any(|wait| wait.code() == "STOP_THE_LINE")
}

#[tokio::test]
async fn a_stop_holds_every_replica_until_it_is_lifted_or_exempts() {
    let stage = Stage::set(&["eu", "us"]).await;
    let (one, other) = (stage.engine(), stage.engine());
    let _agents = stage.agents(&one).await;
    let scope = StopScope::Service(service());
    say(&other, StopOrder::Raise(scope.clone())).await;
    let first = stage.open(&one, "1.0.0").await;
    for engine in [&one, &other] {
        let held = stage.until_status(engine, &first, is_stopped).await;
        assert!(matches!(held.record.phase, Phase::Running(_)), "{:?}", held.record.phase);
    }
    say(&one, StopOrder::Exempt(scope.clone(), first.clone())).await;
    stage.until(&other, &first, Phase::is_terminal).await;
    let second = stage.open(&one, "1.1.0").await;
    stage.until_status(&one, &second, is_stopped).await;
    say(&other, StopOrder::Lift(scope)).await;
    stage.until(&one, &second, Phase::is_terminal).await;
    let stops = one.stops().await.unwrap();
    let log = one.stop_log(&stops, 10).await.unwrap();
    let kinds: Vec<&str> = log.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!((kinds.as_slice(), stops.number), (&["lift", "exempt", "raise"][..], 3));
    assert!(stops.standing.is_empty());
    stage.shut(one).await;
    stage.shut(other).await;
}

#[tokio::test]
async fn a_replica_that_has_not_heard_of_a_stop_commits_nothing_forward() {
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
    let other = stage.engine();
    say(&other, StopOrder::Raise(StopScope::Organisation)).await;
    // Now there is something to do, and it believes that it may.
    agents.pass();
    stage.until_status(&engine, &second, is_stopped).await;
    let record = stage.record(&second).await;
    assert_eq!(record.epoch, before.record.epoch, "it has gone forward past a stop");
    let order = Order { actor: "anna".to_owned(), reason: "to see it".to_owned() };
    engine.order(&second, Event::Rollback(order, Scope::Fleet), None, None).await.unwrap();
    stage.until(&engine, &second, Phase::is_terminal).await;
    stage.shut(engine).await;
    stage.shut(other).await;
}
