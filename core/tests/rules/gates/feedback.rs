//! The gate behind a pilot: it opens on what people say, names what is missing, and no way back ever waits for it.

use meridian_core::playbook::Scope;
use meridian_core::rollout::reason::Wait;

use crate::world::World;
use crate::world::design::Design;

/// The pilot has settled, and waits for two answers.
fn piloted() -> World {
    let mut world = World::new(&Design { answers: 2, ..Design::of(&[&[0], &[1]]) });
    world.until("the pilot has settled", |world| world.word(0) == "settled");
    world.rest();
    world
}

fn told(world: &mut World) -> Option<String> {
    let waits = world.pass(1).waits;
    waits.iter().find(|wait| matches!(wait, Wait::Feedback { .. })).map(ToString::to_string)
}

#[test]
fn a_pilot_is_left_when_its_feedback_passes_and_says_what_is_missing_till_then() {
    let mut world = piloted();
    assert_eq!(told(&mut world).unwrap(), "feedback of the pilot: no answers; 2 of 2 answers are missing");
    world.say(1, 5, 0);
    let expected = "feedback of the pilot: 5.0 of 5 over 1 answers, 0 blockers; 1 of 2 answers are missing";
    assert_eq!(told(&mut world).unwrap(), expected);
    assert_eq!(world.word(1), "waiting");
    world.say(1, 4, 0);
    world.until_phase("switched");
    // What people say later is looked at in reviews, and stops nothing.
    world.say(9, 1, 9);
    world.until_phase("stable");
}

#[test]
fn a_pilot_whose_feedback_fails_is_not_left() {
    let mut world = piloted();
    world.say(2, 3, 0);
    let told_so = told(&mut world).unwrap();
    assert!(told_so.ends_with("it fails: at least 4 of 5 and at most 0 blockers are asked for"), "{told_so}");
    // More answers raise the mean; a blocker stays one.
    world.say(2, 5, 1);
    assert!(told(&mut world).unwrap().contains("1 blockers; it fails"));
    world.pass(1000);
    assert_eq!(world.word(1), "waiting");
    world.rollback(Scope::Fleet).unwrap();
    world.until_phase("rolled-back");
}

#[test]
fn a_server_that_has_heard_nothing_of_it_leaves_no_pilot() {
    let mut world = piloted();
    world.say(2, 5, 0);
    world.sight.values_mut().for_each(|seen| seen.feedback = None);
    assert!(world.look().waits.iter().any(|wait| wait.code() == "FEEDBACK"));
}

#[test]
fn where_nobody_asks_nothing_waits() {
    let mut world = World::new(&Design::of(&[&[0], &[1]]));
    world.say(9, 1, 9);
    world.until_phase("switched");
}
