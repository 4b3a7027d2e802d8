//! A pilot that waits for feedback, over one store: it is left on what is said there, and on nothing that is no longer so.

use meridian_core::rollout::state::{LaneAt, Phase};
use meridian_core::watch::{Decimal, FeedbackPolicy, Opinion};
use meridian_server::engine::Status;
use meridian_store::{Expect, Txn, layout, record};

use super::frozen::Frozen;
use super::stage::{Stage, service};

const VERSION: &str = "1.1.0";

async fn piloted() -> Stage {
    let score_min = Decimal::from_millionths(4_000_000).unwrap();
    let policy = FeedbackPolicy { score_min, answers_min: 2, blockers_max: 0, pilot_waits: true };
    let mut stage = Stage::set(&["eu", "us"]).await;
    stage.feedback = Some(policy);
    stage
}

/// People have said this, of so many answers.
async fn say(stage: &Stage, version: &str, answers: u64, blockers: u64) {
    let key = layout::opinion(&service(), &version.parse().unwrap());
    let expect = stage.store.get(&key).await.unwrap().item.map_or(Expect::Absent, |item| Expect::At(item.mod_revision));
    let opinion = Opinion { answers, scores: 5 * answers, blockers };
    stage.store.commit(Txn::new().put(key, record::encode_opinion(opinion), expect)).await.unwrap();
}

fn waits_for_people(status: &Status) -> bool {
    status.waits.iter().any(|wait| wait.code() == "FEEDBACK")
}

/// The rollout before: it serves when the next one is piloted.
async fn served(stage: &Stage, engine: &meridian_server::engine::Engine) {
    say(stage, "1.0.0", 2, 0).await;
    let first = stage.open(engine, "1.0.0").await;
    stage.until(engine, &first, Phase::is_terminal).await;
}

#[tokio::test]
async fn a_pilot_waits_for_people_on_every_replica_and_goes_on_when_they_are_content() {
    let stage = piloted().await;
    let (one, other) = (stage.engine(), stage.engine());
    let _agents = stage.agents(&one).await;
    served(&stage, &one).await;
    let rollout = stage.open(&one, VERSION).await;
    for engine in [&one, &other] {
        let held = stage.until_status(engine, &rollout, waits_for_people).await;
        let told: Vec<_> = held.waits.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|wait| wait.ends_with("2 of 2 answers are missing")), "{told:?}");
    }
    say(&stage, VERSION, 1, 0).await;
    say(&stage, VERSION, 2, 0).await;
    stage.until(&one, &rollout, Phase::is_terminal).await;
    stage.check_audit().await;
    stage.shut(one).await;
    stage.shut(other).await;
}

#[tokio::test]
async fn a_replica_that_has_not_heard_of_a_blocker_leaves_no_pilot() {
    let stage = piloted().await;
    let frozen = Frozen::new(stage.store.clone());
    let engine = stage.engine_on(frozen.clone());
    let agents = stage.agents(&engine).await;
    served(&stage, &engine).await;
    agents.hold_evidence();
    say(&stage, VERSION, 2, 0).await;
    let rollout = stage.open(&engine, VERSION).await;
    stage.until_moved(&engine, &rollout).await;
    let heard = |status: &Status| status.sight.values().any(|seen| seen.feedback.is_some_and(|said| said.answers == 2));
    stage.until_status(&engine, &rollout, heard).await;
    frozen.freeze();
    say(&stage, VERSION, 3, 1).await;
    // The pilot settles now, and all that it has heard is good.
    agents.pass();
    stage.until_status(&engine, &rollout, waits_for_people).await;
    let record = stage.record(&rollout).await;
    let waiting =
        |region: &str| record.lanes.iter().any(|(id, lane)| id.as_str() == region && lane.at == LaneAt::Waiting);
    assert!(waiting("us") && !waiting("eu"), "{:?}", record.lanes);
    stage.shut(engine).await;
}
