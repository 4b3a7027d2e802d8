//! Milestones are what the records say, at every moment of a launch.

use meridian_core::plan::Plan;
use meridian_core::playbook::StageKind;
use meridian_core::watch::{FeedbackPolicy, Milestone, Opinion, Reached, Watch, WatchPolicy, milestones, open};

use super::site::{Site, days, number};
use super::world::World;
use super::world::design::Design;

const GOOD: Opinion = Opinion { answers: 2, scores: 9, blockers: 0 };

fn policy() -> WatchPolicy {
    let feedback = FeedbackPolicy { score_min: number("4"), answers_min: 2, blockers_max: 0, pilot_waits: false };
    WatchPolicy { feedback: Some(feedback), ..WatchPolicy::default() }
}

/// A region before the others, for this.
fn first_for(kind: StageKind) -> World {
    let mut world = World::new(&Design::of(&[&[0], &[1, 2]]));
    let mut plan = Plan::clone(&world.record.plan);
    plan.waves[0].stage = kind;
    plan.waves[1].stage = StageKind::Production;
    world.record.plan = plan.into();
    world
}

fn piloted() -> World {
    first_for(StageKind::Pilot)
}

fn words(world: &World, feedback: Opinion, watch: Option<&Watch>) -> [&'static str; 3] {
    milestones(&world.record, &policy(), feedback, watch).map(|(_, reached)| reached.as_str())
}

#[test]
fn they_are_reached_one_after_the_other() {
    let mut world = piloted();
    assert_eq!(words(&world, GOOD, None), ["pending"; 3], "a pilot that runs has not settled");
    world.until("the second wave", |world| world.word(1) != "waiting");
    assert_eq!(words(&world, GOOD, None), ["reached", "pending", "pending"]);
    let pilot = |feedback| milestones(&world.record, &policy(), feedback, None)[0];
    let little = Opinion { answers: 1, scores: 5, blockers: 0 };
    assert_eq!(pilot(little), (Milestone::InternalPilot, Reached::NotYet("too little feedback is in")));
    let bad = Opinion { blockers: 1, ..GOOD };
    assert_eq!(pilot(bad).1, Reached::NotYet("its feedback fails"));
    world.until_phase("switched");
    assert_eq!(words(&world, GOOD, None), ["reached", "pending", "pending"], "retention is not over");
    world.until_phase("stable");
    let mut site = Site::standard();
    site.watch = open(&world.record, WatchPolicy::default(), world.now).unwrap();
    assert_eq!(words(&world, GOOD, Some(&site.watch)), ["reached", "reached", "pending"]);
    site.at(days(3));
    site.evaluate(Some("enough seen")).unwrap();
    assert_eq!(words(&world, GOOD, Some(&site.watch)), ["reached"; 3]);
}

#[test]
fn without_a_policy_some_feedback_has_to_be_in() {
    let mut world = piloted();
    world.until_phase("stable");
    let pilot = |feedback| milestones(&world.record, &WatchPolicy::default(), feedback, None)[0].1;
    assert_eq!(pilot(Opinion::default()), Reached::NotYet("no feedback is in"));
    assert_eq!(pilot(GOOD), Reached::Yes(None));
}

#[test]
fn what_is_taken_back_has_none_and_what_has_no_pilot_has_no_pilot() {
    let mut world = first_for(StageKind::Staging);
    world.until_phase("switched");
    assert_eq!(words(&world, GOOD, None), ["missed", "pending", "pending"]);
    world.rollback(meridian_core::playbook::Scope::Fleet).unwrap();
    assert_eq!(words(&world, GOOD, None), ["missed"; 3]);
}
