//! First releases and points of no return: where going back is impossible or would do harm, a human is asked.

use meridian_core::playbook::Scope;
use meridian_core::release::Reversibility;
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::reason::Refused;
use meridian_core::rollout::state::{Cause, LaneAt, Phase};
use meridian_core::slot::Slot;
use meridian_core::weight::Split;

use super::world::World;
use super::world::design::{Design, region};
use super::world::site::Mood;

#[test]
fn a_first_release_serves_wholly_from_its_first_step() {
    let mut world = World::with_first(&Design::of(&[&[0]]), &[0]);
    world.until("it bakes", |world| world.word(0) == "baking");
    assert_eq!(goal(&world.record, &region(0)).unwrap().split, Some(Split::all(Slot::Blue)));
    world.until_phase("stable");
    assert_eq!(world.lanes[&region(0)].stable.as_ref().unwrap().slot, Slot::Blue);
}

#[test]
fn before_it_moved_a_first_release_can_be_aborted() {
    let mut world = World::with_first(&Design::of(&[&[0]]), &[0]);
    world.round();
    assert_eq!(world.word(0), "preparing");
    world.rollback(Scope::Fleet).unwrap();
    world.rest();
    assert_eq!(world.phase().as_str(), "aborted");
    assert_eq!(world.lanes[&region(0)].stable, None);
    assert_eq!(world.sites[&region(0)].local.traffic, None);
}

#[test]
fn a_first_release_that_serves_has_nowhere_to_go_back_to() {
    let mut world = World::with_first(&Design::of(&[&[0]]), &[0]);
    world.until("it bakes", |world| world.word(0) == "baking");
    let before = world.record.clone();
    assert_eq!(world.rollback(Scope::Fleet), Err(Refused::NoWayBack(region(0))));
    assert_eq!(world.record, before);
    world.mood(Mood::Bad);
    world.pass(1);
    assert_eq!(*world.phase(), Phase::Frozen { cause: Cause::NoWayBack { region: region(0) }, since: world.now });
    world.abandon().unwrap();
    assert_eq!(world.lanes[&region(0)].stable.as_ref().unwrap().release, world.record.plan.release, "it serves");
}

#[test]
fn what_an_abandoned_rollout_left_comes_to_rest_under_the_next() {
    let design = Design::of(&[&[0]]);
    let mut world = World::with_first(&design, &[0]);
    while world.word(0) != "shifting" {
        world.round();
    }
    world.site(0).trouble = Some(("NO_LUCK", true));
    world.pass(1);
    world.abandon().unwrap();
    // The next one starts over what may serve, and is taken back before it has touched anything.
    world.reopen(&design, "3.0.0");
    world.rollback(Scope::Fleet).unwrap();
    world.look();
    assert_eq!(world.phase().as_str(), "aborted");
    assert_eq!(world.sites[&region(0)].local.traffic, None, "what the first order left is not there yet");
    world.site(0).trouble = None;
    world.work();
    let split = world.sites[&region(0)].local.traffic.clone().unwrap().split;
    assert_eq!(split, Split::all(Slot::Blue), "the order stands for as long as it takes");
}

#[test]
fn what_was_never_confirmed_becomes_stable_only_where_nothing_else_is() {
    for first in [true, false] {
        let mut design = Design::of(&[&[0]]);
        design.waves[0].steps = vec![(100, 10)];
        design.reversibility = Reversibility::PointOfNoReturn;
        let mut world = World::with_first(&design, if first { &[0] } else { &[] });
        world.round();
        let order = goal(&world.record, &region(0)).unwrap();
        let now = world.now;
        world.site(0).offer(order).unwrap();
        world.site(0).persist();
        world.site(0).settle(now);
        world.hear(&region(0));
        world.look();
        assert_eq!(world.word(0), "shifting");
        world.site(0).trouble = Some(("ROUTE_REFUSED", true));
        world.pass(1);
        assert_eq!(world.phase().as_str(), "frozen");
        world.abandon().unwrap();
        let stable = world.lanes[&region(0)].stable.clone().unwrap();
        assert_eq!(stable.release == world.record.plan.release, first);
        world.site(0).trouble = None;
        world.reopen(&design, "3.0.0");
        world.until_phase("stable");
    }
}

#[test]
fn where_only_some_regions_can_go_back_those_do_and_a_human_is_asked() {
    let mut world = World::with_first(&Design::of(&[&[0, 1]]), &[0]);
    world.until("both bake", |world| world.word(0) == "baking" && world.word(1) == "baking");
    world.site(1).mood = Mood::Bad;
    world.pass(1);
    assert_eq!((world.word(0), world.word(1)), ("baking", "reverted"));
    assert!(matches!(world.phase(), Phase::Frozen { cause: Cause::NoWayBack { .. }, .. }), "{:?}", world.phase());
    world.abandon().unwrap();
    world.rest();
    assert_eq!(world.lanes[&region(1)].stable.as_ref().unwrap().slot, Slot::Blue);
}

#[test]
fn a_wave_with_a_stuck_region_goes_back_once() {
    let mut design = Design::of(&[&[0, 1]]);
    design.fleet = false;
    let mut world = World::with_first(&design, &[0]);
    world.until("both bake", |world| world.word(0) == "baking" && world.word(1) == "baking");
    world.mood(Mood::Bad);
    world.pass(1);
    assert_eq!((world.word(0), world.word(1)), ("baking", "reverted"));
    let epoch = world.record.epoch;
    world.pass(100);
    assert_eq!(world.record.epoch, epoch, "the standing vote of the stuck region decides nothing new");
    assert_eq!(world.phase().as_str(), "held");
}

#[test]
fn past_a_point_of_no_return_votes_freeze_and_people_may_still_order() {
    let mut design = Design::of(&[&[0]]);
    design.reversibility = Reversibility::PointOfNoReturn;
    let mut early = World::new(&design);
    early.round();
    early.site(0).trouble = Some(("BROKEN", true));
    early.round();
    assert_eq!(early.phase().as_str(), "rolling-back", "no traffic has moved: nothing is past");

    let mut world = World::new(&design);
    world.until("it bakes", |world| world.word(0) == "baking");
    world.mood(Mood::Bad);
    world.pass(1);
    let Phase::Frozen { cause: Cause::PointOfNoReturn { trigger }, .. } = world.phase() else {
        panic!("{:?}", world.phase())
    };
    assert!(matches!(**trigger, Cause::Votes { .. }), "{trigger:?}");
    assert_eq!(world.word(0), "baking", "traffic stays");
    world.rollback(Scope::Fleet).unwrap();
    world.rest();
    assert_eq!(world.phase().as_str(), "rolled-back");
}

#[test]
fn costly_releases_go_back_like_others() {
    let mut design = Design::of(&[&[0]]);
    design.reversibility = Reversibility::Costly;
    let mut world = World::new(&design);
    world.until("it bakes", |world| world.word(0) == "baking");
    world.mood(Mood::Bad);
    world.pass(1);
    assert_eq!(world.phase().as_str(), "rolled-back");
}

#[test]
fn what_is_confirmed_while_frozen_is_recorded() {
    let mut design = Design::of(&[&[0]]);
    design.waves[0].steps = vec![(100, 10)];
    design.reversibility = Reversibility::PointOfNoReturn;
    let mut world = World::new(&design);
    world.until("it bakes", |world| world.word(0) == "baking");
    let at = world.at(0);
    // As if the confirmation had been lost on the way until the limit was over.
    world.record.lanes.get_mut(&region(0)).unwrap().at = LaneAt::Shifting(at.step().unwrap());
    let past = world.now.after(world.record.plan.limits.shift);
    world.now = past;
    world.site(0).trouble = Some(("BUSY", false));
    world.lose(0);
    world.look();
    assert_eq!((world.phase().as_str(), world.word(0)), ("frozen", "shifting"));
    world.find(0);
    world.rest();
    assert_eq!((world.phase().as_str(), world.at(0)), ("frozen", at));
    world.abandon().unwrap();
    assert_eq!(world.lanes[&region(0)].stable.as_ref().unwrap().release, world.record.plan.release, "it serves");
}
