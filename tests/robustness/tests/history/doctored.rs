//! One thing wrong each; the checker must name it.

use meridian_core::epoch::Epoch;
use meridian_robustness::history::{ActKind, History, Order, Outcome, Probe, check};

use crate::story::Story;

/// Good, bad, good, with an order in between: clean until it is doctored.
fn clean() -> History {
    let mut story = Story::new();
    story.good("r1", "1.0.0");
    story.open("r2", "start-r2");
    story.call("op-1", "r2", Order::Pause, Outcome::Acked, |story| story.decide("r2", "pause", "op-1", "held"));
    story.call("op-2", "r2", Order::Resume, Outcome::Acked, |story| story.decide("r2", "resume", "op-2", "running"));
    story.step("r2", 3_000, "1.1.0");
    story.go_back("r2", "meridian");
    story.back("r2");
    story.good("r3", "1.2.0");
    story.told()
}

fn fails(id: &str, doctor: impl FnOnce(&mut History)) {
    let mut history = clean();
    assert!(check(&history).is_empty(), "clean before: {:?}", check(&history));
    doctor(&mut history);
    let found = check(&history);
    assert!(found.iter().any(|violation| violation.id == id), "{id} was not found: {found:?}");
}

fn position(history: &History, rollout: &str, phase: &str) -> usize {
    let mut decisions = history.decisions.iter();
    decisions.position(|decision| decision.rollout == rollout && decision.phase == phase).unwrap()
}

#[test]
fn s1_an_agent_that_obeys_an_older_goal() {
    fails("S1", |history| {
        let acts = history.acts.get_mut("eu").unwrap();
        let old = acts[2].clone();
        acts.push(old);
    });
    fails("S1", |history| {
        let acts = history.acts.get_mut("eu").unwrap();
        let mut old = acts[2].clone();
        old.kind = ActKind::Resumed;
        acts.push(old);
    });
}

#[test]
fn s2_an_epoch_that_is_missing() {
    fails("S2", |history| {
        history.decisions.remove(4);
        history.audits.remove(4);
    });
}

#[test]
fn s3_an_epoch_decided_twice() {
    fails("S3", |history| {
        let mut twin = history.decisions[5].clone();
        twin.content = "another".to_owned();
        twin.revision += 1;
        history.decisions.insert(6, twin);
    });
    fails("S3", |history| {
        let at = position(history, "r2", "rolling-back");
        history.decisions[at + 1].lanes.get_mut("eu").unwrap().hash = "another".to_owned();
    });
}

#[test]
fn s4_a_goal_that_nobody_decided() {
    fails("S4", |history| history.acts.get_mut("us").unwrap()[3].hash = Some("invented".to_owned()));
    fails("S4", |history| {
        let acts = history.acts.get_mut("us").unwrap();
        let mut phantom = acts.last().unwrap().clone();
        phantom.epoch = Epoch::new(1, 900);
        acts.push(phantom);
    });
}

#[test]
fn s7_forward_after_the_rollback() {
    fails("S7", |history| {
        let at = position(history, "r2", "rolled-back");
        history.decisions[at].lanes.get_mut("eu").unwrap().weight_new = 3_000;
    });
    fails("S7", |history| history.ends.get_mut("eu").unwrap().serves = Some("1.1.0".to_owned()));
}

#[test]
fn s8_a_gap_in_a_switch() {
    fails("S8", |history| {
        let probes = history.probes.get_mut("eu").unwrap();
        probes.drain(8..16);
    });
    fails("S8", |history| {
        let probes = history.probes.get_mut("us").unwrap();
        let Probe { slot, version, .. } = &mut probes[12];
        (*slot, *version) = (None, None);
    });
}

#[test]
fn s15_an_end_that_was_none() {
    fails("S15", |history| {
        let at = position(history, "r2", "rolled-back");
        history.decisions[at - 1].is_end = true;
    });
}

#[test]
fn s16_two_rollouts_on_one_lane() {
    fails("S16", |history| {
        let at = position(history, "r2", "rolled-back");
        history.decisions[at].is_end = false;
    });
}

#[test]
fn s18_an_audit_that_was_changed() {
    fails("S18", |history| history.audits[3].record = "another".to_owned());
    fails("S18", |history| history.audits[3].previous = None);
    fails("S18", |history| {
        history.audits.remove(7);
    });
    fails("S18", |history| {
        let mut stray = history.audits[7].clone();
        (stray.revision, stray.previous) = (stray.revision + 1, Some(stray.digest.clone()));
        history.audits.insert(8, stray);
    });
}

#[test]
fn s23_and_s24_orders_that_are_not_what_was_answered() {
    // Acknowledged and never decided.
    fails("S24", |history| history.calls.iter_mut().find(|call| call.actor == "op-2").unwrap().actor = "op-9".into());
    // Refused and decided.
    fails("S24", |history| {
        let call = history.calls.iter_mut().find(|call| call.actor == "op-1").unwrap();
        call.outcome = Outcome::Refused("not now".to_owned());
    });
    // Of unknown outcome and decided twice.
    fails("S23", |history| {
        history.audits.iter_mut().find(|audit| audit.actor == "op-2").unwrap().actor = "op-1".into();
        history.calls.iter_mut().find(|call| call.actor == "op-1").unwrap().outcome = Outcome::Unknown("lost".into());
    });
    // Decided before what was answered before it was asked.
    fails("S24", |history| {
        let first = history.calls.iter().position(|call| call.actor == "op-1").unwrap();
        let (before, after) = history.calls.split_at_mut(first + 1);
        std::mem::swap(&mut before[first].actor, &mut after[0].actor);
        std::mem::swap(&mut before[first].order, &mut after[0].order);
    });
}
