//! The guard: a server that does not own a rollout stops it and brings it back, and never moves it forward.

use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Event, Right};
use meridian_core::rollout::state::{Cause, Phase};
use meridian_core::rollout::step::{Moment, step};
use meridian_core::time::Span;

use crate::world::World;
use crate::world::design::{Design, region};
use crate::world::site::Mood;

fn two_waves() -> Design {
    let mut design = Design::of(&[&[0, 1], &[2]]);
    design.waves[0].soak = 30;
    design
}

#[test]
fn a_guard_alone_leaves_a_good_rollout_where_it_is() {
    for phase in ["running", "soaking", "switched"] {
        let mut world = World::new(&two_waves());
        world.until_phase(phase);
        let lanes: Vec<_> = world.record.lanes.values().map(|lane| lane.at.as_str()).collect();
        for _ in 0..50 {
            let answer = world.guarded(30);
            assert_eq!(answer.right, Right::Anyone);
        }
        assert_eq!(world.phase().as_str(), phase);
        assert_eq!(world.record.lanes.values().map(|lane| lane.at.as_str()).collect::<Vec<_>>(), lanes, "{phase}");
        // Whoever owns it goes on where it stands.
        world.until_phase("stable");
    }
}

#[test]
fn a_guard_goes_back_confirms_and_ends_it_without_any_owner() {
    for phase in ["running", "soaking", "switched"] {
        let mut world = World::new(&two_waves());
        world.until(phase, |world| world.phase().as_str() == phase && world.word(0) != "preparing");
        world.until("something bakes", |world| world.record.lanes[&region(0)].moved);
        world.mood(Mood::Bad);
        world.guarded(1);
        assert_eq!(world.phase().as_str(), "rolled-back", "{phase}: {:?}", world.phase());
    }
}

#[test]
fn a_guard_records_a_confirmed_shift_and_votes_on_its_evidence() {
    let mut world = World::new(&Design::of(&[&[0, 1]]));
    world.until("both shift", |world| world.record.lanes.values().all(|lane| lane.moved));
    world.mood(Mood::Bad);
    world.guarded(1);
    assert_eq!(world.phase().as_str(), "rolled-back");
}

#[test]
fn a_guard_keeps_the_limits() {
    let mut world = World::new(&two_waves());
    world.until("both bake", |world| world.word(0) == "baking");
    world.lose(1);
    world.now = world.record.opened.after(world.record.plan.limits.total);
    world.guard();
    let Phase::RollingBack { cause: Cause::Deadline { region: None, limit: "total" }, .. } = world.phase() else {
        panic!("{:?}", world.phase());
    };
    world.guarded(1);
    assert_eq!(world.phase().as_str(), "rolling-back", "one region has not confirmed");
    world.find(1);
    world.site(1).trouble = Some(("NO_LUCK", true));
    world.guarded(1);
    assert_eq!(world.phase().as_str(), "frozen");
    world.site(1).trouble = None;
    world.guarded(1);
    assert_eq!(world.phase().as_str(), "rolled-back");
}

#[test]
fn a_guard_wakes_for_the_limit_of_a_region_that_says_nothing() {
    let mut world = World::new(&Design::of(&[&[0]]));
    world.look();
    world.hear(&region(0));
    world.look();
    world.lose(0);
    let limit = world.record.lanes[&region(0)].since.after(world.record.plan.limits.prepare);
    assert_eq!(world.guard().wake, Some(limit));
    world.now = limit;
    world.guard();
    assert_eq!(world.phase().as_str(), "rolling-back", "too late is a vote");
}

#[test]
fn what_goes_forward_needs_the_owner_and_nothing_else_does() {
    let mut world = World::new(&two_waves());
    let mut owned = 0;
    for _ in 0..400 {
        let moment = Moment { now: world.now, head: world.head };
        let answer = step(&world.record, Event::Look(world.sight.clone()), moment).unwrap();
        owned += usize::from(answer.right == Right::Owner);
        for order in [
            Event::Pause(crate::world::order()),
            Event::Resume(crate::world::order()),
            Event::Rollback(crate::world::order(), Scope::Fleet),
            Event::Guard(world.sight.clone()),
        ] {
            let right = step(&world.record, order, moment).map(|answer| answer.right);
            assert!(right.is_err() || right == Ok(Right::Anyone));
        }
        world.decide(Event::Look(world.sight.clone())).unwrap();
        world.now = world.now.after(Span::from_secs(1));
        world.work();
        if world.phase().is_terminal() {
            break;
        }
    }
    assert_eq!(world.phase().as_str(), "stable");
    assert!(owned > 0, "somebody had to move it");
}
