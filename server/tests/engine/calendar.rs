//! A timetable in the real shell: what is frozen waits and says so, and goes back all the same.

use super::stage::Stage;
use meridian_core::calendar::{Entry, Timetable, When, Zone};
use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Event, Order};
use meridian_core::rollout::state::Phase;
use meridian_core::time::Timestamp;

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
