//! A fleet that goes back at a pace: the worst first, a place for the next one as one is back, and nobody behind one that is stuck.

use meridian_core::playbook::{BackPace, Scope};
use meridian_core::time::Span;

use crate::world::World;
use crate::world::design::Design;
use crate::world::site::Mood;

/// Four regions with more and more traffic, all of which serve the new release, as many at a time as given.
fn switched(max_parallel: u32) -> World {
    let pace = Some(BackPace { max_parallel });
    let mut world = World::new(&Design { pace, shares: vec![1, 2, 3, 4], ..Design::of(&[&[0, 1, 2, 3]]) });
    world.until_phase("switched");
    world
}

fn words(world: &World) -> Vec<&'static str> {
    (0..world.sites.len()).map(|number| world.word(number)).collect()
}

#[test]
fn those_with_the_most_traffic_go_first_and_the_next_as_one_is_back() {
    let mut world = switched(2);
    world.rollback(Scope::Fleet).unwrap();
    assert_eq!(words(&world), ["settled", "settled", "reverting", "reverting"]);
    let waits = world.look().waits;
    let codes: Vec<&str> = waits.iter().map(|wait| wait.code()).collect();
    assert_eq!(codes, ["BACK_PACE", "BACK_PACE", "NOT_CONFIRMED", "NOT_CONFIRMED"]);
    world.round();
    assert_eq!(words(&world), ["reverting", "reverting", "reverted", "reverted"]);
    world.until_phase("rolled-back");
}

#[test]
fn who_has_voted_goes_before_who_has_more_traffic() {
    let pace = Some(BackPace { max_parallel: 1 });
    let mut world = World::new(&Design { pace, shares: vec![1, 9, 9], ..Design::of(&[&[0, 1, 2]]) });
    world.until("all bake", |world| words(world) == ["baking"; 3]);
    world.site(0).mood = Mood::Bad;
    world.now = world.now.after(Span::from_secs(5));
    world.work();
    world.look();
    assert_eq!(words(&world), ["reverting", "baking", "baking"]);
    world.until_phase("rolled-back");
}

#[test]
fn who_cannot_be_reached_takes_nobodys_place_and_who_is_stuck_holds_up_nobody() {
    let mut world = switched(1);
    world.lose(3);
    world.rollback(Scope::Fleet).unwrap();
    world.look();
    assert_eq!(words(&world), ["settled", "settled", "reverting", "reverting"], "the lost one and the next");
    let limit = world.record.plan.limits.revert;
    // The one that can be reached does nothing; at its limit all others are turned.
    world.now = world.now.after(limit).after(Span::from_secs(1));
    world.look();
    assert_eq!((world.phase().as_str(), words(&world)), ("frozen", vec!["reverting"; 4]));
    world.find(3);
    world.until_phase("rolled-back");
}

#[test]
fn a_part_goes_back_at_once_and_no_pace_is_no_pace() {
    let mut world = switched(1);
    world.rollback(Scope::Wave).unwrap();
    assert_eq!(words(&world), ["reverting"; 4]);
    let mut world = World::new(&Design::of(&[&[0, 1, 2, 3]]));
    world.until_phase("switched");
    world.rollback(Scope::Fleet).unwrap();
    assert_eq!(words(&world), ["reverting"; 4]);
}

#[test]
fn what_has_moved_by_the_end_of_all_time_is_recorded_with_the_way_back() {
    let pace = Some(BackPace { max_parallel: 1 });
    let mut design = Design { pace, ..Design::of(&[&[0, 1]]) };
    design.limits.total = Span::from_secs(30);
    let mut world = World::new(&design);
    world.until("both bake", |world| words(world) == ["baking"; 2]);
    world.now = world.now.after(Span::from_secs(11));
    world.work();
    world.look();
    assert_eq!(words(&world), ["shifting"; 2]);
    // Both read the next step back, and that is heard when the limit has passed.
    world.now = world.record.opened.after(world.record.plan.limits.total);
    world.work();
    world.look();
    assert_eq!((world.phase().as_str(), words(&world)), ("rolling-back", vec!["reverting", "baking"]));
    world.until_phase("rolled-back");
}
