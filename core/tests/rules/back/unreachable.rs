//! Regions that can't be reached: they stop nobody from going back, and come back themselves when they return.

use meridian_core::playbook::Scope;
use meridian_core::rollout::summary::summary;
use meridian_core::slot::Slot;
use meridian_core::weight::Split;

use crate::world::World;
use crate::world::design::{Design, region};

fn baking() -> World {
    let mut world = World::new(&Design::of(&[&[0, 1, 2]]));
    world.until("all bake", |world| world.record.lanes.values().all(|lane| lane.at.as_str() == "baking"));
    world
}

#[test]
fn the_others_go_back_without_it_and_it_follows_when_it_returns() {
    let mut world = baking();
    world.lose(1);
    world.rollback(Scope::Fleet).unwrap();
    let answer = world.pass(100_000);
    assert_eq!((world.word(0), world.word(1), world.word(2)), ("reverted", "reverting", "reverted"));
    assert_eq!(world.phase().as_str(), "rolling-back", "unreachable is not late");
    assert_eq!(answer.waits[0].code(), "NO_CONTACT");
    assert_eq!(summary(&world.record, &world.sight), "rolling-back: 2 back, 1 unknown");
    let serves = |world: &World| world.sites[&region(1)].local.traffic.clone().unwrap().split;
    assert_ne!(serves(&world), Split::all(Slot::Blue));
    world.find(1);
    world.round();
    assert_eq!(serves(&world), Split::all(Slot::Blue));
    assert_eq!(world.phase().as_str(), "rolled-back");
}

#[test]
fn an_old_report_of_a_lost_region_proves_nothing() {
    let mut world = baking();
    world.rollback(Scope::Fleet).unwrap();
    // Its report says that it is back, but then the contact is lost.
    let order = meridian_core::rollout::goals::goal(&world.record, &region(1)).unwrap();
    let now = world.now;
    world.site(1).offer(order).unwrap();
    world.site(1).persist();
    world.site(1).settle(now);
    world.hear(&region(1));
    world.lose(1);
    assert!(world.sight[&region(1)].observed.as_ref().unwrap().done.is_some());
    world.rest();
    assert_eq!(world.word(1), "reverting");
    assert_eq!(world.phase().as_str(), "rolling-back");
}

#[test]
fn a_lost_region_does_not_go_forward_and_holds_in_the_end() {
    let mut world = baking();
    world.lose(1);
    let answer = world.pass(30);
    assert_eq!(world.word(1), "baking");
    assert!(answer.waits.iter().any(|wait| wait.code() == "NO_CONTACT" && wait.region() == Some(&region(1))));
    world.pass(10_000);
    assert_eq!(world.phase().as_str(), "held", "a human is told");
    world.find(1);
    world.resume().unwrap();
    world.until_phase("switched");
}

#[test]
fn a_region_lost_while_it_prepares_is_late_in_the_end() {
    let mut world = World::new(&Design::of(&[&[0]]));
    world.round();
    world.lose(0);
    world.pass(599);
    assert_eq!(world.phase().as_str(), "running");
    world.pass(1);
    assert_eq!(world.phase().as_str(), "rolling-back");
    world.find(0);
    world.rest();
    assert_eq!(world.phase().as_str(), "aborted");
}
