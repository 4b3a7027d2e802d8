//! Going forward: waves, lockstep, crowds, pilots, and what keeps a region back.

use meridian_core::observation::SlotState;
use meridian_core::playbook::{DriftPolicy, SafetyPolicy};
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::reason::Wait;
use meridian_core::rollout::state::{Cause, LaneAt, Phase};
use meridian_core::slot::Slot;
use meridian_core::weight::Split;

use super::world::World;
use super::world::design::{Design, percent, region};
use super::world::site::Mood;

#[test]
fn a_good_release_goes_everywhere_and_becomes_stable() {
    let mut world = World::new(&Design::of(&[&[0], &[1, 2]]));
    world.until_phase("switched");
    assert!(world.sites.values().all(|site| site.local.traffic.as_ref().unwrap().split == Split::all(Slot::Green)));
    assert!(world.sites.values().all(|site| site.local.slots.blue.is_some()), "the way back stays warm");
    world.until_phase("stable");
    world.rest();
    assert!(world.sites.values().all(|site| site.local.slots.blue.is_none()), "then it is cleared away");
    assert!(world.lanes.values().all(|lane| !lane.held && lane.stable.as_ref().unwrap().slot == Slot::Green));
}

#[test]
fn a_wave_waits_for_the_one_before_and_for_its_rest() {
    let mut design = Design::of(&[&[0], &[1]]);
    design.waves[0].soak = 50;
    let mut world = World::new(&design);
    world.until_phase("soaking");
    assert_eq!((world.word(0), world.word(1)), ("settled", "waiting"));
    let rest = world.pass(49);
    assert_eq!(rest.waits.iter().map(|wait| wait.code()).collect::<Vec<_>>(), ["SOAK"]);
    assert_eq!(rest.wake, rest.waits[0].until());
    world.pass(1);
    assert!(world.at(1).is_on_its_way());
}

#[test]
fn lockstep_of_two_progresses_and_never_parts() {
    let mut design = Design::of(&[&[0, 1]]);
    design.waves[0].max_skew = 0;
    design.waves[0].steps = vec![(10, 10), (50, 10), (100, 10)];
    let mut world = World::new(&design);
    world.site(1).mood = Mood::Quiet;
    world.until("r0 waits", |world| world.at(0).step().is_some());
    let held = world.pass(30);
    assert_eq!(world.at(0).step().unwrap().step, 0, "r1 has not completed it");
    assert!(held.waits.iter().any(|wait| wait.code() == "MAX_SKEW" && wait.region() == Some(&region(0))), "{held:?}");
    world.site(1).mood = Mood::Good;
    world.until_phase("switched");
}

#[test]
fn a_bake_ends_when_its_time_is_over_and_enough_was_served() {
    // In a good mood a region has answered a thousand requests on each step.
    let asking = |requests| World::new(&Design { requests, ..Design::of(&[&[0]]) });
    let mut enough = asking(1000);
    enough.until("it bakes", |world| world.word(0) == "baking");
    assert_eq!(enough.pass(5).waits.iter().map(Wait::code).collect::<Vec<_>>(), ["BAKE"]);
    enough.until_phase("switched");
    for checked in [true, false] {
        let mut short = World::new(&Design { requests: 1001, checked, ..Design::of(&[&[0]]) });
        short.until("it bakes", |world| world.word(0) == "baking");
        assert_eq!(short.pass(30).waits, [Wait::Requests { region: region(0), have: 1000, need: 1001 }]);
        short.pass(300);
        let Some(Cause::Inconclusive { verdict, .. }) = short.phase().cause() else { panic!("{:?}", short.phase()) };
        assert_eq!((verdict.check.as_str(), verdict.measured, verdict.limit), ("requests", 1000, 1001));
    }
    let mut bad = asking(1001);
    bad.until("it bakes", |world| world.word(0) == "baking");
    bad.mood(Mood::Bad);
    bad.until_phase("rolled-back");
}

#[test]
fn one_at_a_time_is_one_at_a_time() {
    let mut design = Design::of(&[&[0, 1, 2]]);
    design.waves[0].max_parallel = 1;
    let mut world = World::new(&design);
    let mut seen = 0;
    world.until("switched", |world| {
        let moving = world.record.lanes.values().filter(|lane| lane.at.is_on_its_way()).count();
        seen = seen.max(moving);
        matches!(world.phase(), Phase::Switched { .. })
    });
    assert_eq!(seen, 1);
}

#[test]
fn a_pilot_by_cohort_comes_before_the_production_of_the_same_region() {
    let mut design = Design::of(&[&[0], &[0, 1]]);
    design.waves[0].steps = vec![(0, 10), (5, 10)];
    let mut world = World::new(&design);
    world.until("r0 serves its cohort", |world| world.word(0) == "baking");
    let order = goal(&world.record, &region(0)).unwrap();
    assert_eq!(order.cohort.map(|cohort| cohort.slot), Some(Slot::Green));
    assert_eq!(order.split, Some(Split::all(Slot::Blue)));
    world.until("r0 goes on from its pilot", |world| world.at(0).step().is_some_and(|step| step.wave == 1));
    assert!(goal(&world.record, &region(0)).unwrap().split.unwrap().of(Slot::Green) >= percent(5));
    world.until_phase("switched");
}

#[test]
fn without_a_way_back_nothing_moves_forward() {
    let mut world = World::new(&Design::of(&[&[0]]));
    world.round();
    world.site(0).trouble = Some(("BUSY", false));
    for state in [SlotState::Unready, SlotState::Failed, SlotState::Starting] {
        world.site(0).slots_arrive(false);
        world.site(0).set(Slot::Green, SlotState::Ready);
        world.site(0).set(Slot::Blue, state);
        world.hear(&region(0));
        let answer = world.look();
        assert_eq!(world.word(0), "preparing", "{state:?}");
        assert!(!answer.waits.is_empty());
    }
    world.site(0).trouble = None;
    world.site(0).set(Slot::Blue, SlotState::Ready);
    world.rest();
    assert_eq!(world.word(0), "baking");
    world.site(0).set(Slot::Blue, SlotState::Unready);
    world.site(0).trouble = Some(("BUSY", false));
    world.now = world.now.after(meridian_core::time::Span::from_secs(10));
    // Not healed by a round: only heard of.
    world.hear(&region(0));
    let answer = world.look();
    assert_eq!(world.word(0), "baking");
    assert_eq!(answer.waits[0].code(), "WAY_BACK_NOT_READY");
}

#[test]
fn traffic_that_drifts_keeps_a_bake_from_ending() {
    let safety = SafetyPolicy { drift: DriftPolicy::Revert, ..SafetyPolicy::default() };
    let mut world = World::new(&Design { safety, ..Design::of(&[&[0]]) });
    world.until("it bakes", |world| world.word(0) == "baking");
    let trouble = Some(("BUSY", false));
    let site = world.site(0);
    site.trouble = trouble;
    site.local.traffic.as_mut().unwrap().split = Split::all(Slot::Blue);
    let answer = world.pass(60);
    assert_eq!(world.word(0), "baking");
    assert_eq!(answer.waits[0].code(), "DRIFT");
    world.pass(300);
    assert_eq!(world.phase().as_str(), "held");
}

#[test]
fn a_place_is_reached_only_by_the_goal_that_leads_there() {
    let mut world = World::new(&Design::of(&[&[0]]));
    world.until("it bakes", |world| world.word(0) == "baking");
    // The server orders the next step; the region has not heard of it and still reports the one before.
    let id = region(0);
    world.now = world.now.after(meridian_core::time::Span::from_secs(10));
    world.hear(&id);
    world.look();
    let LaneAt::Shifting(step) = world.at(0) else { panic!("{:?}", world.at(0)) };
    assert_eq!(step.step, 1);
    world.hear(&id);
    let answer = world.look();
    assert_eq!(world.at(0), LaneAt::Shifting(step));
    assert_eq!(answer.waits[0].code(), "NOT_CONFIRMED");
}

#[test]
fn a_mark_counts_only_with_its_hash_and_with_the_traffic_to_it() {
    for back in [false, true] {
        let mut world = World::new(&Design::of(&[&[0]]));
        world.until("it bakes", |world| world.word(0) == "baking");
        world.now = world.now.after(meridian_core::time::Span::from_secs(10));
        world.hear(&region(0));
        if back {
            world.rollback(meridian_core::playbook::Scope::Fleet).unwrap();
        }
        world.look();
        let (under_way, there) = if back { ("reverting", "reverted") } else { ("shifting", "baking") };
        assert_eq!(world.word(0), under_way);
        let order = goal(&world.record, &region(0)).unwrap();
        let now = world.now;
        world.site(0).offer(order).unwrap();
        world.site(0).persist();
        world.site(0).settle(now);
        world.hear(&region(0));
        let honest = world.sight[&region(0)].observed.clone().unwrap();
        let mut drifted = honest.clone();
        drifted.traffic.as_mut().unwrap().split = Split::toward(Slot::Green, percent(33));
        let mut other = honest.clone();
        other.done.as_mut().unwrap().hash = meridian_core::digest::Digest::of(b"another goal");
        for (report, word) in [(drifted, under_way), (other, under_way), (honest, there)] {
            world.sight.get_mut(&region(0)).unwrap().observed = Some(report);
            world.look();
            assert_eq!(world.word(0), word);
        }
    }
}
