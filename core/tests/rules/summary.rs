//! The one honest line.

use meridian_core::playbook::Scope;
use meridian_core::rollout::summary::summary;

use super::world::World;
use super::world::design::Design;

fn line(world: &World) -> String {
    summary(&world.record, &world.sight)
}

#[test]
fn the_line_of_every_phase() {
    let mut design = Design::of(&[&[0, 1], &[2]]);
    design.waves[0].soak = 30;
    let mut world = World::new(&design);
    assert_eq!(line(&world), "running wave 1/2 w0: 2 waiting");
    world.look();
    assert_eq!(line(&world), "running wave 1/2 w0: 2 waiting", "nobody was heard of yet");
    world.round();
    assert_eq!(line(&world), "running wave 1/2 w0: 2 preparing");
    let mut aborted = world.clone();
    world.site(1).trouble = Some(("SLOW", false));
    world.rest();
    assert_eq!(line(&world), "running wave 1/2 w0: 1 preparing, 1 baking");
    world.pause().unwrap();
    assert_eq!(line(&world), "held: anna: to see it");
    world.resume().unwrap();
    world.site(1).trouble = None;
    world.until_phase("soaking");
    assert_eq!(line(&world), "soaking wave 1/2 w0: 2 settled");
    let mut back = world.clone();
    world.until_phase("switched");
    assert_eq!(line(&world), "switched: 3 regions at 100%");
    world.until_phase("stable");
    assert_eq!(line(&world), "stable: 3 regions");

    back.lose(0);
    back.rollback(Scope::Fleet).unwrap();
    assert_eq!(line(&back), "rolling-back: 1 back, 1 pending, 1 unknown");
    back.site(1).trouble = Some(("BROKEN", true));
    back.rest();
    assert_eq!(line(&back), "frozen: r1: driver gave up with BROKEN: no luck");
    let mut failed = back.clone();
    back.site(1).trouble = None;
    back.find(0);
    back.rest();
    assert_eq!(line(&back), "rolled-back: r1: driver gave up with BROKEN: no luck");
    failed.abandon().unwrap();
    assert_eq!(line(&failed), "failed: anna: to see it");
    aborted.rollback(Scope::Fleet).unwrap();
    aborted.rest();
    assert_eq!(line(&aborted), "aborted before any traffic moved: anna: to see it");
}

#[test]
fn what_was_taken_back_is_named() {
    let mut world = World::new(&Design::of(&[&[0]]));
    world.rest();
    world.rollback(Scope::Region(super::world::design::region(0))).unwrap();
    assert_eq!(line(&world), "held: region r0 was taken back");
}

#[test]
fn a_region_without_a_way_back_is_named_in_the_way_back() {
    let mut world = World::with_first(&Design::of(&[&[0, 1]]), &[0]);
    world.rest();
    world.rollback(Scope::Fleet).unwrap();
    assert_eq!(line(&world), "rolling-back: 1 pending, 1 without a way back");
}
