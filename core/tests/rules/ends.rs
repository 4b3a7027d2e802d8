//! What is left when a rollout has ended: lanes, and a next rollout over them.

use meridian_core::epoch::Epoch;
use meridian_core::id::RolloutId;
use meridian_core::lane::LaneState;
use meridian_core::plan::HashedPlan;
use meridian_core::playbook::Scope;
use meridian_core::rollout::goals::lane_after;
use meridian_core::rollout::open::{OpenRefused, open};
use meridian_core::rollout::reason::Refused;
use meridian_core::rollout::step::Moment;
use meridian_core::rollout::veto::Vetoes;
use meridian_core::slot::Slot;

use super::world::World;
use super::world::design::{Design, region};

#[test]
fn lanes_are_taken_held_and_freed() {
    let mut world = World::new(&Design::of(&[&[0], &[1]]));
    let taken = world.lanes.clone();
    assert!(taken.values().all(|lane| lane.held && lane.epoch == world.record.epoch));
    world.until_phase("switched");
    assert_eq!(world.lanes, taken, "nothing is written while it goes on");
    world.until_phase("stable");
    for lane in world.lanes.values() {
        assert!(!lane.held);
        assert_eq!(lane.stable.as_ref().unwrap().release, world.record.plan.release);
        assert_eq!(lane.epoch, world.record.epoch);
    }
}

#[test]
fn the_next_rollout_goes_to_the_other_slot() {
    let design = Design::of(&[&[0]]);
    let mut world = World::new(&design);
    world.until_phase("stable");
    world.reopen(&design, "3.0.0");
    world.until_phase("stable");
    assert_eq!(world.lanes[&region(0)].stable.as_ref().unwrap().slot, Slot::Blue);
    assert_eq!(world.sites[&region(0)].local.slots.green, None);
}

#[test]
fn after_a_rollback_the_next_one_replaces_what_went_wrong() {
    let design = Design::of(&[&[0]]);
    let mut world = World::new(&design);
    world.until("it bakes", |world| world.word(0) == "baking");
    world.rollback(Scope::Fleet).unwrap();
    world.round();
    assert_eq!(world.phase().as_str(), "rolled-back");
    // The next one opens before the bad slot is cleared.
    assert!(world.sites[&region(0)].local.slots.green.is_some());
    world.reopen(&design, "3.0.0");
    world.until_phase("stable");
}

#[test]
fn a_lane_is_opened_only_as_it_was_planned() {
    let design = Design::of(&[&[0]]);
    let mut world = World::new(&design);
    world.until_phase("stable");
    let plan = std::sync::Arc::new(HashedPlan::from(design.plan("3.0.0", &world.lanes)));
    let moment = Moment { now: world.now, head: world.head };
    let opened = |lane: LaneState, moment| {
        let lanes = [(region(0), lane)].into();
        open(RolloutId::new("next").unwrap(), plan.clone(), "anna".to_owned(), &lanes, &Vetoes::default(), moment)
    };
    let lane = world.lanes[&region(0)].clone();
    assert!(opened(lane.clone(), moment).is_ok());
    let held = LaneState { held: true, ..lane.clone() };
    assert!(matches!(opened(held, moment), Err(OpenRefused::LaneHeld { .. })));
    let moved = LaneState { epoch: Epoch::new(9, 9), ..lane.clone() };
    let other = LaneState { stable: None, ..lane.clone() };
    for stale in [moved, other, LaneState::default()] {
        assert_eq!(opened(stale, moment), Err(OpenRefused::PlanStale { region: region(0) }));
    }
    let end = Moment { head: Epoch::new(1, u64::MAX - 1), ..moment };
    assert_eq!(opened(lane, end), Err(OpenRefused::EpochExhausted));
}

#[test]
fn epochs_end_in_refusal_not_in_wrapping() {
    let mut world = World::new(&Design::of(&[&[0]]));
    world.head = Epoch::new(1, u64::MAX - 1);
    let before = world.record.clone();
    assert_eq!(world.rollback(Scope::Fleet), Err(Refused::EpochExhausted));
    assert_eq!(world.record, before);
}

#[test]
fn what_another_rollout_has_taken_is_left_to_it() {
    let mut world = World::new(&Design::of(&[&[0]]));
    world.until_phase("stable");
    let theirs = LaneState { rollout: Some(RolloutId::new("later").unwrap()), held: true, ..LaneState::default() };
    assert_eq!(lane_after(&world.record, &region(0), &theirs, &world.vetoes), theirs);
}

#[test]
fn a_failed_rollout_records_what_serves() {
    for (phase, whole) in [("running", false), ("switched", true)] {
        let mut world = World::new(&Design::of(&[&[0]]));
        world.until("it bakes", |world| world.word(0) == "baking");
        world.until_phase(phase);
        world.site(0).trouble = Some(("BROKEN", true));
        world.rollback(Scope::Fleet).unwrap();
        world.rest();
        assert_eq!(world.phase().as_str(), "frozen");
        world.abandon().unwrap();
        let stable = world.lanes[&region(0)].stable.clone().unwrap();
        assert_eq!(stable.slot, Slot::Blue, "it was ordered back: {phase} {whole}");
        assert!(!world.lanes[&region(0)].held);
    }
}
