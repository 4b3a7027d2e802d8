//! A stage under simulated load: where it is driven, how its way back is rehearsed, and what is kept of it.

use meridian_core::canon::Canonical;
use meridian_core::evidence::{Outcome, StepRef};
use meridian_core::id::RegionId;
use meridian_core::plan::{Leg, Plan};
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::{Cause, LaneAt, Phase};
use meridian_core::slot::Slot;
use meridian_core::weight::{Split, Weight};

use super::world::World;
use super::world::design::{Design, region};
use super::world::site::Mood;

fn staged(rehearsal: bool) -> Design {
    Design { staged: Some(rehearsal), ..Design::of(&[&[0], &[1]]) }
}

fn step(wave: usize, step: usize) -> StepRef {
    StepRef { wave, step }
}

fn is_driven(world: &World, number: usize) -> bool {
    goal(&world.record, &region(number)).unwrap().measurement.is_some_and(|measurement| measurement.load.is_some())
}

/// The steps of the region's load that were kept, with what was offered.
fn kept(world: &World) -> Vec<(usize, u64, Outcome)> {
    let loads = &world.record.lanes[&region(0)].loads;
    loads.iter().map(|report| (report.step.step, report.figures.offered, report.verdict.outcome)).collect()
}

#[test]
fn a_rehearsal_goes_down_to_the_old_release_and_up_again() {
    let mut world = World::new(&staged(true));
    let plan = world.record.plan.clone();
    let weights: Vec<Weight> = plan.waves[0].steps.iter().map(|step| step.weight).collect();
    assert_eq!(weights[2..], [Weight::NONE, Weight::WHOLE], "after the steps that were written down");
    assert_eq!([1, 2, 3, 4].map(|at| plan.leg(step(0, at))), [None, Some(Leg::Down), Some(Leg::Up), None]);
    assert_eq!(plan.leg(step(1, 1)), None);
    let mut served = Vec::new();
    world.until("the wave has settled", |world| {
        let share = world.sites[&region(0)].local.traffic.as_ref().map(|seen| seen.split.of(Slot::Green));
        if served.last() != share.as_ref() {
            served.extend(share);
        }
        matches!(world.at(0), LaneAt::Settled(_))
    });
    let walked = [0, 2_000, 10_000, 0, 10_000].map(|points| Weight::from_basis_points(points).unwrap());
    assert_eq!(served, walked);
    assert_eq!(kept(&world), [0, 1, 2, 3].map(|at| (at, 1000, Outcome::Pass)));
    world.until_phase("stable");
    assert_eq!(kept(&world).len(), 4, "the report stays with the record");
}

#[test]
fn a_load_is_driven_while_a_region_bakes_and_nowhere_else() {
    let mut world = World::new(&staged(false));
    assert!(!is_driven(&world, 0), "nothing has begun");
    world.until("it bakes", |world| matches!(world.at(0), LaneAt::Baking(_)));
    assert!(is_driven(&world, 0));
    world.until("it has settled", |world| matches!(world.at(0), LaneAt::Settled(_)));
    assert!(!is_driven(&world, 0), "a wave that rests is not under load");
    world.until("the next wave bakes", |world| matches!(world.at(1), LaneAt::Baking(_)));
    assert!(!is_driven(&world, 1), "production is not");
    let asked = goal(&world.record, &region(1)).unwrap().measurement.unwrap().policy;
    assert_eq!(asked.checks.iter().map(|check| check.name.as_str()).collect::<Vec<_>>(), ["errors"]);
}

#[test]
fn the_way_down_asks_only_what_has_an_answer() {
    let world = World::new(&staged(true));
    let plan = &world.record.plan;
    let asked = |at, is_driven| {
        let policy = plan.evidence_at(at, is_driven);
        policy.checks.iter().map(|check| check.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(asked(step(0, 1), true), ["errors", "load"]);
    assert_eq!(asked(step(0, 2), true), ["load"], "the new release answers nobody");
    assert_eq!(asked(step(0, 3), true), ["errors", "load"]);
    assert_eq!(asked(step(0, 3), false), ["errors"]);
    assert_eq!(asked(step(1, 0), false), ["errors"]);
}

#[test]
fn production_does_not_begin_on_a_load_that_fails_or_says_nothing() {
    for (mood, ended) in [(Mood::Bad, "rolled-back"), (Mood::Silent, "held")] {
        // All the way through the steps, and worse on the way down.
        let mut world = World::new(&staged(true));
        world.until("it goes down", |world| world.at(0) == LaneAt::Baking(step(0, 2)));
        world.mood(mood);
        world.until_phase(ended);
        assert!(matches!(world.at(1), LaneAt::Waiting | LaneAt::Reverted), "{ended}: {:?}", world.at(1));
        let last = kept(&world).last().copied().unwrap();
        if let Phase::RolledBack { cause: Cause::Votes { verdict, .. }, .. } = &world.record.phase {
            assert_eq!(verdict.check, "load");
            assert_eq!(last, (2, 1000, Outcome::Fail), "what failed is kept");
        } else {
            assert_eq!(last, (1, 1000, Outcome::Pass), "nothing is made up");
        }
    }
}

#[test]
fn where_nothing_has_served_there_is_nothing_to_go_down_to() {
    let world = World::with_first(&staged(true), &[0]);
    let plan: &Plan = &world.record.plan;
    assert_eq!(plan.waves[0].steps.len(), 2);
    assert_eq!(plan.leg(step(0, 1)), None);
    let left_out: Vec<&RegionId> = plan.unrehearsed();
    assert_eq!(left_out, [&region(0)]);
    let mut mixed = Design { staged: Some(true), ..Design::of(&[&[0, 1]]) };
    mixed.waves[0].max_skew = 0;
    let mut world = World::with_first(&mixed, &[0]);
    assert_eq!(world.record.plan.leg(step(0, 2)), Some(Leg::Down));
    world.until_phase("switched");
    let served = world.sites[&region(0)].local.traffic.as_ref().unwrap().split;
    assert_eq!(served, Split::all(Slot::Blue), "a first release keeps all of the traffic");
}

#[test]
fn a_plan_without_load_keeps_its_hash_and_one_with_it_has_its_own() {
    let plan = |staged| World::new(&Design { staged, ..Design::of(&[&[0], &[1]]) }).record.plan.clone();
    let (none, load, rehearsed) = (plan(None), plan(Some(false)), plan(Some(true)));
    let bare = |plan: &Plan| {
        let mut waves = plan.waves.clone();
        waves.iter_mut().for_each(|wave| (wave.staging, wave.stage) = (None, none.waves[0].stage));
        waves
    };
    assert_eq!(bare(&load)[0].digest(), none.waves[0].digest(), "nothing is fed where there is none");
    assert_ne!(load.waves[0].digest(), bare(&load)[0].digest());
    assert_ne!(load.hash(), rehearsed.hash());
    let goal = |driven: bool| {
        let mut world = World::new(&staged(false));
        world.until("it bakes", |world| matches!(world.at(0), LaneAt::Baking(_)));
        let mut goal = goal(&world.record, &region(0)).unwrap();
        goal.measurement.iter_mut().filter(|_| !driven).for_each(|measurement| measurement.load = None);
        goal.hash()
    };
    assert_ne!(goal(true), goal(false));
}
