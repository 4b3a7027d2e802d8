//! A timetable in the real shell: what is frozen waits and says so, and goes back all the same; what takes a train
//! waits for it.

use super::stage::Stage;
use meridian_core::calendar::{Entry, Timetable, Train, When, Zone};
use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Event, Order};
use meridian_core::rollout::state::{LaneAt, Phase};
use meridian_core::time::{Span, Timestamp};

fn always_but(to: &str) -> Timetable {
    let when = When::Range { from: "2000-01-01T00:00".to_owned(), to: to.to_owned() };
    let freeze = Entry { name: "long-rest".to_owned(), zone: Zone::Named("Asia/Tokyo".to_owned()), when };
    Timetable { freezes: vec![freeze], ..Timetable::default() }
}

#[tokio::test]
async fn a_freeze_holds_a_start_and_no_rollback() {
    let mut stage = Stage::set(&["eu", "us"]).await;
    let engine = stage.engine();
    let _agents = stage.agents(&engine).await;
    stage.timetable = always_but("2001-01-01T00:00");
    let first = stage.open(&engine, "1.0.0").await;
    let ended = stage.until(&engine, &first, Phase::is_terminal).await;
    assert!(matches!(ended.record.phase, Phase::Stable { .. }), "a freeze that is over holds nothing");

    stage.timetable = always_but("9999-01-01T00:00");
    let second = stage.open(&engine, "1.1.0").await;
    let waits = |status: &meridian_server::engine::Status| status.waits.iter().any(|wait| wait.code() == "FREEZE");
    let held = stage.until_status(&engine, &second, waits).await;
    let until = held.waits.iter().find_map(|wait| wait.until().filter(|_| wait.code() == "FREEZE"));
    // Midnight in Tokyo.
    assert_eq!(until, Some(Timestamp::from_millis(253_370_732_400_000)));
    let order = Order { actor: "anna".to_owned(), reason: "to see it".to_owned() };
    engine.order(&second, Event::Rollback(order, Scope::Fleet), None, None).await.unwrap();
    let ended = stage.until(&engine, &second, Phase::is_terminal).await;
    assert!(matches!(ended.record.phase, Phase::Aborted { .. } | Phase::RolledBack { .. }), "{:?}", ended.record.phase);
    stage.shut(engine).await;
}

fn train(name: &str, departs: &str, from: Option<&str>) -> Train {
    let (zone, boarding) = ("Asia/Tokyo".to_owned(), Span::from_secs(7200));
    let from = from.map(str::to_owned);
    Train { name: name.to_owned(), zone, departs: departs.to_owned(), boarding, from, every: 1 }
}

#[tokio::test]
async fn a_rollout_waits_for_its_train_until_somebody_lets_it_take_another() {
    let mut stage = Stage::set(&["eu", "us"]).await;
    let engine = stage.engine();
    let _agents = stage.agents(&engine).await;
    // One that nobody lives to see, and one that boards at every hour.
    let trains = vec![train("late", "0 9 * * TUE", Some("9999-01-01")), train("hourly", "0 * * * *", None)];
    stage.timetable = Timetable { trains, train: Some("late".to_owned()), ..Timetable::default() };
    let id = stage.open(&engine, "1.0.0").await;
    let waits = |status: &meridian_server::engine::Status| status.waits.iter().any(|wait| wait.code() == "TRAIN");
    let held = stage.until_status(&engine, &id, waits).await;
    assert_eq!(held.record.train.as_deref(), Some("late"));
    assert!(held.record.lanes.values().all(|lane| lane.at == LaneAt::Waiting));
    let order = Order { actor: "anna".to_owned(), reason: "it can't wait".to_owned() };
    engine.order(&id, Event::Board(order, Some("hourly".to_owned())), None, None).await.unwrap();
    let ended = stage.until(&engine, &id, Phase::is_terminal).await;
    assert!(matches!(ended.record.phase, Phase::Stable { .. }), "{:?}", ended.record.phase);
    stage.check_audit().await;
    stage.shut(engine).await;
}
