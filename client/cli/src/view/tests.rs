//! Pictures and lines of rollouts as operators see them. The recordings beside this file are to be read as
//! documentation.

use meridian_client::fake::sample::{self, STARTED};
use meridian_client::{ContactView, LanePosition, RolloutState, RolloutView};
use meridian_core::evidence::{Outcome, StepRef};
use meridian_core::slot::Slot;
use meridian_core::time::{Span, Timestamp};
use meridian_core::weight::{Split, Weight};

use super::{Scene, frame, frame_of, transitions};
use crate::style::Paint;

fn now() -> Timestamp {
    STARTED.after(Span::from_secs(725))
}

fn picture(rollout: &RolloutView) -> String {
    frame(rollout, now(), 110).join("\n")
}

fn at(seconds: u64) -> Timestamp {
    STARTED.after(Span::from_secs(seconds))
}

fn held() -> RolloutView {
    let mut rollout = sample::rollout();
    (rollout.state, rollout.since) = (RolloutState::Held, at(700));
    rollout.summary = "held".to_owned();
    let message = "us-east: evidence stays undecided: inconclusive errors: 0 against 100 over 12 samples";
    rollout.cause = Some(sample::reason("INCONCLUSIVE", message, Some("us-east"), None));
    rollout.waits = vec![sample::reason("HELD", "held: undecided; resume or roll back", None, None)];
    let mut verdict = sample::verdict(Outcome::Inconclusive);
    (verdict.samples, verdict.measured) = (12, 0);
    rollout.lanes[1].verdict = Some(verdict);
    rollout.actions = ["resume", "rollback"].map(str::to_owned).to_vec();
    rollout
}

fn rolling_back() -> RolloutView {
    let mut rollout = sample::rollout();
    (rollout.state, rollout.since) = (RolloutState::RollingBack, at(715));
    rollout.summary = "rolling-back: 1 back, 1 pending, 1 unknown".to_owned();
    let message = "us-east votes fail errors: 480 against 100 over 1200 samples";
    rollout.cause = Some(sample::reason("VOTES", message, Some("us-east"), None));
    for lane in &mut rollout.lanes {
        lane.position = LanePosition::Reverting;
        lane.at = None;
        lane.ordered = Some(Split::all(Slot::Blue));
    }
    rollout.lanes[0].contact = ContactView::Lost;
    rollout.lanes[0].last_seen = Some(at(683));
    rollout.lanes[0].observed = None;
    rollout.lanes[1].vote = Some(sample::verdict(Outcome::Fail));
    rollout.lanes[2].position = LanePosition::Reverted;
    let wait = "eu-west: its agent can't be reached";
    rollout.waits = vec![
        sample::reason("NO_CONTACT", wait, Some("eu-west"), None),
        sample::reason("NOT_CONFIRMED", "us-east: the agent has not confirmed its goal yet", Some("us-east"), None),
    ];
    rollout.actions = vec!["rollback".to_owned()];
    rollout
}

fn all(rollout: &mut RolloutView, position: LanePosition, weight: Weight) {
    for lane in &mut rollout.lanes {
        lane.position = position;
        lane.ordered = Some(Split::toward(Slot::Green, weight));
        lane.observed = lane.ordered;
        lane.contact = ContactView::Live;
    }
    rollout.waits.clear();
}

#[test]
fn running() {
    insta::assert_snapshot!(picture(&sample::rollout()));
}

#[test]
fn soaking() {
    let mut rollout = sample::rollout();
    (rollout.state, rollout.wave, rollout.since) = (RolloutState::Soaking, 0, at(660));
    rollout.summary = "soaking: wave 1 of 2".to_owned();
    rollout.lanes[1] = sample::lane("us-east", LanePosition::Waiting, 0);
    rollout.waits = vec![sample::reason("SOAK", "the wave rests before the next one", None, Some(at(960)))];
    insta::assert_snapshot!(picture(&rollout));
}

#[test]
fn held_for_a_human() {
    insta::assert_snapshot!(picture(&held()));
}

#[test]
fn rolling_back_with_an_unknown_region() {
    insta::assert_snapshot!(picture(&rolling_back()));
}

#[test]
fn rolled_back() {
    let mut rollout = rolling_back();
    (rollout.state, rollout.since) = (RolloutState::RolledBack, at(720));
    rollout.summary = "rolled-back".to_owned();
    all(&mut rollout, LanePosition::Reverted, Weight::NONE);
    rollout.actions.clear();
    insta::assert_snapshot!(picture(&rollout));
}

#[test]
fn stable() {
    let mut rollout = sample::rollout();
    (rollout.state, rollout.since) = (RolloutState::Stable, at(720));
    rollout.summary = "stable".to_owned();
    all(&mut rollout, LanePosition::Settled, Weight::WHOLE);
    for lane in &mut rollout.lanes[1..] {
        (lane.at, lane.steps) = (Some(StepRef { wave: 1, step: 2 }), 3);
    }
    rollout.actions.clear();
    insta::assert_snapshot!(picture(&rollout));
}

#[test]
fn narrow_lost_and_with_events() {
    let before = sample::rollout();
    let after = rolling_back();
    let events = transitions(Some(&before), &after);
    let scene = Scene { rollout: &after, events: &events, lost: Some("connection refused") };
    let lines = frame_of(&scene, now(), 72, Paint::Plain);
    assert!(lines.iter().all(|line| console::measure_text_width(line) <= 72));
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn lines_for_logs() {
    let before = sample::rollout();
    let mut lines: Vec<_> = transitions(None, &before).iter().map(super::Transition::line).collect();
    assert_eq!(transitions(Some(&before), &before), []);
    lines.push("-- later --".to_owned());
    lines.extend(transitions(Some(&before), &rolling_back()).iter().map(super::Transition::line));
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn colours_only_add() {
    let rollout = rolling_back();
    let colored = frame_of(&Scene::of(&rollout), now(), 110, Paint::Color);
    let plain: Vec<_> = colored.iter().map(|line| console::strip_ansi_codes(line).into_owned()).collect();
    assert!(colored.iter().any(|line| line.contains('\u{1b}')));
    assert_eq!(plain, frame(&rollout, now(), 110));
}
