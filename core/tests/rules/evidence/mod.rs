//! Evidence at the gate: no data is not success, foreign data is no data, and what stays undecided needs a human.

mod queries;

use meridian_core::rollout::state::{Cause, Phase, Run};
use meridian_core::time::Span;

use crate::world::World;
use crate::world::design::{Design, region};
use crate::world::site::Mood;

fn baking() -> World {
    let mut world = World::new(&Design::of(&[&[0]]));
    world.until("it bakes", |world| world.word(0) == "baking");
    world
}

#[test]
fn only_its_own_enough_and_good_evidence_ends_a_bake() {
    let moods = [
        (Mood::Good, true),
        (Mood::Quiet, false),
        (Mood::Silent, false),
        (Mood::Foreign(0), false),
        (Mood::Foreign(1), false),
        (Mood::Foreign(2), false),
        (Mood::Foreign(3), false),
    ];
    for (mood, ends) in moods {
        let mut world = baking();
        world.mood(mood);
        let answer = world.pass(10);
        assert_eq!(world.at(0).step().unwrap().step == 1, ends, "{mood:?}");
        let waits = answer.waits.iter().any(|wait| wait.code() == "INCONCLUSIVE");
        assert_eq!(waits, !ends, "{mood:?} {answer:?}");
        assert_eq!(world.phase().as_str(), "running", "undecided evidence is no vote");
    }
}

#[test]
fn a_bake_is_not_cut_short() {
    let mut world = baking();
    let answer = world.pass(9);
    assert_eq!(world.at(0).step().unwrap().step, 0);
    assert_eq!(answer.waits[0].code(), "BAKE");
    assert_eq!(answer.wake, answer.waits[0].until());
    world.pass(1);
    assert_eq!(world.at(0).step().unwrap().step, 1);
}

#[test]
fn a_pass_that_was_not_renewed_does_not_count() {
    let mut world = baking();
    let site = world.site(0).clone();
    let early = site.observed(world.now.after(Span::from_secs(9)));
    assert!(early.evidence.is_some());
    world.now = world.now.after(Span::from_secs(30));
    world.sight.get_mut(&region(0)).unwrap().observed = Some(early);
    let answer = world.look();
    assert_eq!(world.at(0).step().unwrap().step, 0);
    assert_eq!(answer.waits[0].code(), "INCONCLUSIVE");
}

#[test]
fn undecided_evidence_extends_then_holds_then_extends_again() {
    let mut world = baking();
    world.mood(Mood::Quiet);
    world.pass(10 + 299);
    assert_eq!(world.phase().as_str(), "running");
    world.pass(1);
    let Phase::Running(Run { hold: Some(hold), .. }) = world.phase() else { panic!("{:?}", world.phase()) };
    assert!(matches!(&hold.cause, Cause::Inconclusive { region: at, .. } if *at == region(0)), "{hold:?}");
    world.pass(1000);
    assert_eq!(world.phase().as_str(), "held");
    world.resume().unwrap();
    world.pass(10 + 299);
    assert_eq!(world.phase().as_str(), "running", "a human gives it another extension");
    world.mood(Mood::Good);
    world.until_phase("switched");
}

#[test]
fn without_checks_time_alone_ends_a_bake() {
    let mut design = Design::of(&[&[0]]);
    design.checked = false;
    let mut world = World::new(&design);
    world.mood(Mood::Silent);
    world.until_phase("switched");
}
